"""What a limit of requests or tokens a minute is to whoever keeps to it, wherever the tokens come from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from actors.policy.token_bucket import TokenBucket


class Bucket(Protocol):
    """Reserves, gives back and settles, at once and without an await; times are monotonic seconds.

    `TokenBucket` is one of this worker's own, `LeasedBucket` one that all workers draw from.
    """

    def take(self, amount: float, now: float) -> bool:
        """Takes `amount` if it is there."""
        ...

    def give_back(self, amount: float, now: float) -> None:
        """Undoes a `take` of `amount` that was not used at all."""
        ...

    def settle(self, reserved: float, used: float, now: float) -> None:
        """Replaces what a `take` of `reserved` charged by what was used."""
        ...

    def wait_s(self, amount: float, now: float, kept: float = 0.0) -> float:
        """After how many seconds a `take` of `amount` is worth trying: 0 is now, infinity never.

        With `kept`, by somebody who leaves this share of the burst, rounded down, to others. What is so large that it
        never could needs a full bucket.
        """
        ...

    def available(self, now: float) -> float:
        """What takes could get by and by without waiting for a refill; below zero while in debt."""
        ...

    def relimit(self, before: float, after: float, now: float) -> None:
        """What `before` a minute stood for is `after` from now on; what is there stays, as far as it may."""
        ...


NewBucket = Callable[[str, float, float], Bucket]
"""Makes the bucket of a limit, full: (its name among all workers, what it allows a minute, now)."""


def local_bucket(_name: str, per_minute: float, now: float) -> Bucket:
    """A bucket of this worker's own, with a minute's worth as its burst."""
    return TokenBucket(per_minute / 60.0, per_minute, now)


def bucket_of(name: str, per_minute: float | None, now: float, new_bucket: NewBucket) -> Bucket | None:
    """The bucket of a limit; None where there is no limit."""
    return None if per_minute is None else new_bucket(name, per_minute, now)
