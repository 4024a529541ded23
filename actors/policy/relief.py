"""When memory that nobody uses is worth being given back to the system, which stops everybody for a moment."""

from __future__ import annotations

import math
from typing import Final

WORTH_BYTES: Final = 32 * 1024 * 1024
EVERY_S: Final = 5.0
ENDED: Final = 0.25
"""A flood has ended once calls hold no more than this share of what they held at most."""


class Relief:
    """Watches what the process holds beyond what its calls hold: what has come upon that is a flood's remains.

    It is worth an attempt once calls hold little again, and not more often than every 5 s. What an attempt leaves is
    what the process needs (caches, connections): the next one is for what comes upon that.
    """

    __slots__ = ("_attempted_at", "_needed", "_peak")

    def __init__(self) -> None:
        self._needed = math.inf
        self._peak = 0
        self._attempted_at = -math.inf

    def is_due(self, resident_bytes: int, in_use_bytes: int, now: float) -> bool:
        """Whether to try now; to be asked with every sample."""
        self._needed = min(self._needed, resident_bytes - in_use_bytes)
        self._peak = max(self._peak, in_use_bytes)
        return (
            resident_bytes - in_use_bytes - self._needed >= WORTH_BYTES
            and in_use_bytes <= self._peak * ENDED
            and now - self._attempted_at >= EVERY_S
        )

    def attempted(self, now: float) -> None:
        """It has been tried; what the next sample shows is needed."""
        self._needed = math.inf
        self._peak = 0
        self._attempted_at = now
