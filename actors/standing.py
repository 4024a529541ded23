"""How whoever is asked over a network stands, as far as anybody knows."""

from __future__ import annotations

from typing import Final, NamedTuple


class Standing(NamedTuple):
    """As the last that was learned tells it."""

    state: str
    """up, degraded, down; unknown where nobody has asked yet, off where there is none."""
    checked_s: float | None = None
    """Seconds since then."""
    latency_s: float | None = None
    """What it took to answer."""


UNKNOWN: Final = Standing("unknown")
OFF: Final = Standing("off")
