"""How fast a line has moved lately, and so how long whoever joins it now will wait."""

from __future__ import annotations

from collections import deque
from typing import Final

WINDOW_S: Final = 10.0
SLOT_S: Final = 0.5
_SLOTS: Final = int(WINDOW_S / SLOT_S)
_ENOUGH: Final = 10
"""Moves after which the pace is believed, in a line younger than the window."""
_YOUNG_S: Final = 1.0
"""In a line younger than this nothing is believed: calls end in lumps."""


class Pace:
    """Counts moves over the last ten seconds of a line; times are monotonic seconds."""

    __slots__ = ("_began_at", "_moved_at", "_moves", "_slots")

    def __init__(self, now: float) -> None:
        """The line begins at `now`."""
        self._began_at = self._moved_at = now
        self._slots: deque[list[int]] = deque()
        """[number, moves] of each half second in which the line moved."""
        self._moves = 0

    def moved(self, now: float) -> None:
        """One of the line was served."""
        self._moved_at = now
        slot = int(now / SLOT_S)
        if self._slots and self._slots[-1][0] == slot:
            self._slots[-1][1] += 1
        else:
            self._slots.append([slot, 1])
        self._moves += 1

    def wait_s(self, ahead: int, now: float) -> float:
        """Seconds until so many others and oneself have been served, as far as the pace is known.

        0 where it is not known. Where nothing moves any more, each of them is taken to need what has passed without.
        """
        age_s = now - self._began_at
        if not ahead or age_s < _YOUNG_S:
            return 0.0
        self._forget(int(now / SLOT_S) - _SLOTS)
        if self._moves < _ENOUGH and age_s < WINDOW_S:
            return 0.0
        if not self._moves:
            return (ahead + 1) * (now - self._moved_at)
        return (ahead + 1) * min(age_s, WINDOW_S) / self._moves

    def _forget(self, last: int) -> None:
        while self._slots and self._slots[0][0] <= last:
            self._moves -= self._slots.popleft()[1]
