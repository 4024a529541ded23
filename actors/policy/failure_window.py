"""Successes and failures of the last seconds, in constant memory."""

from __future__ import annotations

BUCKETS = 30
_SURELY = 1 - 1e-12
"""Of a product: less than the quotient that is compared with it, however both are rounded."""


class FailureWindow:
    """Counts results over `window_s`; a ring remembers what the counts were when each of its buckets began.

    So a success, of which there are many, adds one to one number.

    Nothing older than `window_s` is counted; the oldest bucket leaves as a whole, so that up to a thirtieth of the
    window is forgotten early.
    """

    __slots__ = ("_before", "_bucket_s", "_failed", "_last", "_next_look", "_succeeded")

    def __init__(self, window_s: float) -> None:
        self._bucket_s = window_s / BUCKETS
        self._succeeded = 0
        self._failed = 0
        """Both since the window was empty; only what has been added since then counts."""
        self._before = [(0, 0)] * BUCKETS
        """What both were when each bucket began."""
        self._last = 0
        """The running number of the newest bucket; its place in the ring is that number modulo BUCKETS."""
        self._next_look = 0.0
        """Before then the newest bucket is surely still the newest: a little less than its end."""

    @property
    def successes(self) -> int:
        return self._succeeded - self._before_oldest()[0]

    @property
    def failures(self) -> int:
        return self._failed - self._before_oldest()[1]

    def success(self, now: float) -> None:
        if now >= self._next_look:
            self._move_to(now)
        self._succeeded += 1

    def failure(self, now: float) -> None:
        self._move_to(now)
        self._failed += 1

    def take_back(self, succeeded_at: float, now: float) -> None:
        """The success of `succeeded_at` was none after all; where it has left the window nothing changes."""
        self._move_to(now)
        number = int(succeeded_at / self._bucket_s)
        if number > self._last - BUCKETS:
            self._succeeded -= 1
            for later in range(number + 1, self._last + 1):
                succeeded, failed = self._before[later % BUCKETS]
                self._before[later % BUCKETS] = succeeded - 1, failed

    def clear(self) -> None:
        self._succeeded = self._failed = 0
        self._before = [(0, 0)] * BUCKETS

    def _before_oldest(self) -> tuple[int, int]:
        return self._before[(self._last + 1) % BUCKETS]

    def _move_to(self, now: float) -> None:
        """Makes the bucket of `now` the newest; it begins with what has been counted so far."""
        number = int(now / self._bucket_s)
        if number > self._last:
            for begun in range(max(self._last, number - BUCKETS) + 1, number + 1):
                self._before[begun % BUCKETS] = self._succeeded, self._failed
            self._last = number
            self._next_look = (number + 1) * self._bucket_s * _SURELY
