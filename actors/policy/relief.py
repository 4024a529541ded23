"""When memory that nobody uses is worth being given back to the system, which stops everybody for a moment."""

from __future__ import annotations

import math
from typing import Final

WORTH_BYTES: Final = 32 * 1024 * 1024
EVERY_S: Final = 5.0
ENDED: Final = 0.25
"""A flood has ended once calls hold no more than this share of what they held at most."""
ATTEMPTS: Final = 3
"""So many in a row that give back little, and what is left is needed."""


class Relief:
    """Watches what the process holds beyond what its calls hold: what has come upon that is a flood's remains.

    It is worth an attempt once calls hold little again, and not more often than every 5 s. One attempt that gives back
    little proves nothing: the flood may only have paused, and what it left may still have been somebody's. After three
    of them in a row what is left is what the process needs (caches, connections), and the next is for what comes upon
    that.
    """

    __slots__ = ("_attempted_at", "_fruitless", "_needed", "_peak")

    def __init__(self) -> None:
        self._needed = math.inf
        self._peak = 0
        self._fruitless = 0
        self._attempted_at = -math.inf

    def is_due(self, resident_bytes: int, in_use_bytes: int, now: float) -> bool:
        """Whether to try now; to be asked with every sample."""
        self._peak = max(self._peak, in_use_bytes)
        rest = resident_bytes - in_use_bytes
        if self._needed == math.inf:
            self._needed = rest
        if not self._has_ended(in_use_bytes):
            return False  # what calls have announced is in use before it has come, so that the rest looks too small
        self._needed = min(self._needed, rest)
        return rest - self._needed >= WORTH_BYTES and now - self._attempted_at >= EVERY_S

    def attempted(self, given_back_bytes: int, resident_bytes: int, in_use_bytes: int, now: float) -> None:
        """It has been tried, for whatever reason; the process holds `resident_bytes` after it."""
        self._attempted_at = now
        if not self._has_ended(in_use_bytes):
            return
        rest = resident_bytes - in_use_bytes
        self._fruitless = 0 if given_back_bytes >= WORTH_BYTES else self._fruitless + 1
        if self._fruitless == ATTEMPTS:
            self._needed = rest
        if rest - self._needed < WORTH_BYTES:
            self._fruitless = 0
            self._peak = in_use_bytes

    def _has_ended(self, in_use_bytes: int) -> bool:
        return in_use_bytes <= self._peak * ENDED
