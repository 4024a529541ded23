"""Where the workers of one gateway keep what they have counted: a file a life in its private directory, and one sum.

Lives write their own; the sum is the parent's, which knows when a life has ended. All are replaced in one step. Workers
read and write in a thread, one at a time: a disk that is busy holds up nobody but who waits for the figures.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path
from typing import Final

import trio

from gateway.telemetry.kept_figures import MOST_FOLDED, Kept
from gateway.telemetry.merge import add_up

LIFE: Final = ".figures"
GONE: Final = "gone.sum"


def life_of(number: int, pid: int) -> str:
    """The name of one process in a worker's slot."""
    return f"{number}-{pid}"


class KeptFigures:
    """As one worker's life sees it; a gateway.telemetry.kept_figures.FigureKeeper."""

    def __init__(self, folder: Path, life: str) -> None:
        self._folder = folder
        self._limiter = trio.CapacityLimiter(1)
        self.life = life

    async def keep(self, told: bytes) -> None:
        await trio.to_thread.run_sync(_replace, self._folder / f"{self.life}{LIFE}", told, limiter=self._limiter)

    async def kept(self, told: Collection[str] = ()) -> Kept:
        return await trio.to_thread.run_sync(self._read, told, limiter=self._limiter)

    def _read(self, told: Collection[str]) -> Kept:
        """First the lives, then the sum: one that is folded in between is in both, and known by its name."""
        lives = {}
        for path in self._folder.glob(f"*{LIFE}"):
            life = path.name.removesuffix(LIFE)
            if life in told:
                continue
            try:
                lives[life] = path.read_bytes()
            except FileNotFoundError:
                continue  # folded in this very moment
        folded, gone = _read_sum(self._folder)
        return Kept(lives, gone, frozenset(folded))


def fold(folder: Path, life: str) -> None:
    """This life has ended: what it has counted goes into the sum. Raises OSError."""
    path = folder / f"{life}{LIFE}"
    try:
        told = path.read_bytes()
    except FileNotFoundError:
        return  # nobody has ever asked it
    folded, gone = _read_sum(folder)
    names = " ".join([*folded, life][-MOST_FOLDED:])
    _replace(folder / GONE, names.encode() + b"\n" + add_up(gone, told))
    path.unlink()


def _read_sum(folder: Path) -> tuple[list[str], bytes]:
    try:
        names, _, gone = (folder / GONE).read_bytes().partition(b"\n")
    except FileNotFoundError:
        return [], b""
    return names.decode().split(), gone


def _replace(path: Path, content: bytes) -> None:
    fresh = path.with_suffix(f".{os.getpid()}.new")
    fresh.write_bytes(content)
    os.replace(fresh, path)
