"""A token bucket that reserves, gives back and settles, for limits of requests or tokens a minute.

What is there is computed from the last moment it was full (`burst + rate · t - charged`), never by adding up small
refills: so nothing drifts, and with whole amounts the only rounding is that of one product.
"""

from __future__ import annotations

import math


class TokenBucket:
    """At most `burst` at once and `rate_per_s` in the long run; times are monotonic seconds.

    A request for more than `burst` could never pass: it counts as one for `burst`, and passes when the bucket is full.
    """

    __slots__ = ("_charged", "_full_at", "burst", "rate_per_s")

    def __init__(self, rate_per_s: float, burst: float, now: float) -> None:
        _check(rate_per_s, burst)
        self.rate_per_s = rate_per_s
        self.burst = burst
        self._full_at = now
        self._charged: float = 0
        """Since `_full_at`; an integer, hence exact, as long as amounts are integers."""

    def take(self, amount: float, now: float) -> bool:
        """Takes `amount` if it is there."""
        if amount > self.burst:
            amount = self.burst
        refilled = self.rate_per_s * (now - self._full_at)
        if refilled >= self._charged:
            self._full_at = now
            self._charged = amount
            return True
        if self._charged + amount > self.burst + refilled:
            return False
        self._charged += amount
        return True

    def give_back(self, amount: float, now: float) -> None:
        """Undoes a `take` of `amount` that was not used at all."""
        self.settle(amount, 0, now)

    def settle(self, reserved: float, used: float, now: float) -> None:
        """Replaces what a `take` of `reserved` charged by what was used; later takes wait for a debt this may make."""
        if reserved > self.burst:
            reserved = self.burst
        refilled = self.rate_per_s * (now - self._full_at)
        if refilled >= self._charged:
            self._full_at = now
            self._charged = refilled = 0
        self._charged += used - reserved
        if self._charged <= refilled:
            self._full_at = now
            self._charged = 0

    def wait_s(self, amount: float, now: float, kept: float = 0.0) -> float:
        """Seconds until a `take` of `amount` works if nobody else takes, and leaves the share `kept` of the burst,
        rounded down: 0 is now, infinity never.

        A take at exactly `now + wait_s(amount, now)` works, whatever the rounding.
        """
        amount = min(amount + int(self.burst * kept), self.burst)
        missing = amount - self._level(now)
        if missing <= 0:
            return 0.0
        if self.rate_per_s == 0:
            return math.inf
        wait_s = missing / self.rate_per_s
        step_s = math.ulp(now + wait_s)
        while self._level(now + wait_s) < amount:
            wait_s += step_s
            step_s *= 2
        return wait_s

    def available(self, now: float) -> float:
        """What a take could get; below zero while in debt."""
        return self._level(now)

    def resize(self, rate_per_s: float, burst: float, now: float) -> None:
        """Other limits from now on. What is there stays, as far as the new burst holds it: resizing creates nothing."""
        _check(rate_per_s, burst)
        level = min(self._level(now), burst)
        self.rate_per_s = rate_per_s
        self.burst = burst
        self._full_at = now
        self._charged = burst - level

    def relimit(self, before: float, after: float, now: float) -> None:
        """As `resize`, for a limit a minute of which this bucket may hold a share."""
        self.resize(self.rate_per_s * after / before, self.burst * after / before, now)

    def _level(self, now: float) -> float:
        refilled = self.rate_per_s * (now - self._full_at)
        return self.burst if refilled >= self._charged else self.burst + refilled - self._charged


def _check(rate_per_s: float, burst: float) -> None:
    if not (rate_per_s >= 0 and burst > 0):
        raise ValueError(f"a bucket needs a rate of at least 0 and a burst above 0, not {rate_per_s} and {burst}")
