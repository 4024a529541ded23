"""Successes and failures of the last seconds, in constant memory."""

from __future__ import annotations

BUCKETS = 30
_SURELY = 1 - 1e-12
"""Of a product: less than the quotient that is compared with it, however both are rounded."""


class FailureWindow:
    """Counts results over `window_s` in a ring of buckets.

    Nothing older than `window_s` is counted; the oldest bucket leaves as a whole, so that up to a thirtieth of the
    window is forgotten early.
    """

    __slots__ = ("_bucket_s", "_failures", "_last", "_next_look", "_successes", "failures", "successes")

    def __init__(self, window_s: float) -> None:
        self._bucket_s = window_s / BUCKETS
        self._successes = [0] * BUCKETS
        self._failures = [0] * BUCKETS
        self._last = 0
        """The running number of the newest bucket; its place in the ring is that number modulo BUCKETS."""
        self._next_look = 0.0
        """Before then the newest bucket is surely still the newest: a little less than its end."""
        self.successes = 0
        self.failures = 0

    def success(self, now: float) -> None:
        if now >= self._next_look:
            self._move_to(now)
        self._successes[self._last % BUCKETS] += 1
        self.successes += 1

    def failure(self, now: float) -> None:
        self._move_to(now)
        self._failures[self._last % BUCKETS] += 1
        self.failures += 1

    def take_back(self, succeeded_at: float, now: float) -> None:
        """The success of `succeeded_at` was none after all; where it has left the window nothing changes."""
        self._move_to(now)
        number = int(succeeded_at / self._bucket_s)
        if number > self._last - BUCKETS:
            self._successes[number % BUCKETS] -= 1
            self.successes -= 1

    def clear(self) -> None:
        self._successes = [0] * BUCKETS
        self._failures = [0] * BUCKETS
        self.successes = self.failures = 0

    def _move_to(self, now: float) -> None:
        """Makes the bucket of `now` the newest; those that are too old by then are emptied."""
        number = int(now / self._bucket_s)
        if number > self._last:
            for stale in range(max(self._last, number - BUCKETS) + 1, number + 1):
                place = stale % BUCKETS
                self.successes -= self._successes[place]
                self.failures -= self._failures[place]
                self._successes[place] = self._failures[place] = 0
            self._last = number
            self._next_look = (number + 1) * self._bucket_s * _SURELY
