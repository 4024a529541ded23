"""What gcra.lua does, as a pure function: the reference it is held to, and its stand-in in virtual time."""

from __future__ import annotations

import math
from typing import NamedTuple


class Verdict(NamedTuple):
    granted: float
    remaining: float
    wait_s: float
    full_at: float


def gcra(
    full_at: float | None, now: float, *, rate: float, burst: float, owed: float, want: float, least: float
) -> Verdict:
    """A bucket that is full at `full_at` (None: now) is charged `owed` and asked for a lease."""
    full_at = max(full_at or 0.0, now)
    full_at = max(full_at + owed / rate, now)
    room = burst - (full_at - now) * rate
    granted = float(max(0, min(want, math.floor(room + 0.000001))))
    wait_s = 0.0
    if granted < least:
        granted, wait_s = 0.0, (least - room) / rate
    full_at += granted / rate
    return Verdict(granted, burst - (full_at - now) * rate, wait_s, full_at)
