"""Long work beside others: a generator that says after each step how many pieces it took is driven with pauses."""

from __future__ import annotations

from collections.abc import Generator
from typing import Final, TypeVar

import trio

T = TypeVar("T")

PIECES_A_TURN: Final = 16
"""Pieces handled before others get their turn: well under a millisecond's work."""


async def unhurried(steps: Generator[int, None, T]) -> T:
    """Drives `steps` to their end, letting others run now and then."""
    done = 0
    while True:
        try:
            done += next(steps)
        except StopIteration as stop:
            result: T = stop.value
            return result
        if done >= PIECES_A_TURN:
            done = 0
            await trio.lowlevel.checkpoint()
