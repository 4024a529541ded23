"""The limits a minute of one key or one model: requests and tokens, taken together and given back together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import msgspec

from actors.policy.bucket import Bucket, NewBucket, bucket_of
from actors.policy.standing import Standings, standing
from actors.shortage import HOST, REQUESTS, TOKENS


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimits:
    """Limits a minute; None where there is none."""

    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None


class Short(NamedTuple):
    """Too little of REQUESTS or TOKENS, and after how many seconds to ask again."""

    what: str
    wait_s: float
    scope: str
    """Whose: a model's, or HOST."""


class Rates(Protocol):
    """All limits a minute that one call is under."""

    def take(self, tokens: float, now: float) -> Short | None:
        """Takes one request and `tokens`, or neither and says what there is too little of."""
        ...

    def short_beside(self, kept: float, tokens: float, now: float) -> Short | None:
        """What there is too little of for somebody who leaves the share `kept` of it to others."""
        ...

    def give_back(self, tokens: float, now: float) -> None:
        """A request that was never sent: its unit and its tokens."""
        ...

    def settle(self, reserved: float, used: float, now: float) -> None:
        """A request that was sent: what it really used is charged, its unit is kept."""
        ...


class Buckets:
    """The request and token buckets of one key or one model: the rates of those who are under no other limit."""

    __slots__ = ("_limits", "_name", "_new_bucket", "_scope", "requests", "tokens")

    def __init__(self, name: str, limits: RateLimits, now: float, new_bucket: NewBucket, *, scope: str = HOST) -> None:
        self._name = name
        self._scope = scope
        self._limits = limits
        self._new_bucket = new_bucket
        self.requests = bucket_of(f"{name}/requests", limits.requests_per_minute, now, new_bucket)
        self.tokens = bucket_of(f"{name}/tokens", limits.tokens_per_minute, now, new_bucket)

    def take(self, tokens: float, now: float) -> Short | None:
        if self.requests is not None and not self.requests.take(1.0, now):
            return Short(REQUESTS, self.requests.wait_s(1.0, now), self._scope)
        if self.tokens is not None and not self.tokens.take(tokens, now):
            if self.requests is not None:
                self.requests.give_back(1.0, now)
            return Short(TOKENS, self.tokens.wait_s(tokens, now), self._scope)
        return None

    def short_beside(self, kept: float, tokens: float, now: float) -> Short | None:
        for what, bucket, amount in ((REQUESTS, self.requests, 1.0), (TOKENS, self.tokens, tokens)):
            if bucket is not None and (wait_s := bucket.wait_s(amount, now, kept)) > 0:
                return Short(what, wait_s, self._scope)
        return None

    def give_back(self, tokens: float, now: float) -> None:
        if self.requests is not None:
            self.requests.give_back(1.0, now)
        if self.tokens is not None:
            self.tokens.give_back(tokens, now)

    def settle(self, reserved: float, used: float, now: float) -> None:
        if self.tokens is not None:
            self.tokens.settle(reserved, used, now)

    def relimited(self, limits: RateLimits, now: float) -> Buckets:
        """The same under other limits. Who took something from these ones settles with them, and with nobody else."""
        after = Buckets(self._name, RateLimits(), now, self._new_bucket, scope=self._scope)
        after._limits, before = limits, self._limits
        after.requests = self._relimit(
            "requests", self.requests, before.requests_per_minute, limits.requests_per_minute, now
        )
        after.tokens = self._relimit("tokens", self.tokens, before.tokens_per_minute, limits.tokens_per_minute, now)
        return after

    def _relimit(
        self, what: str, bucket: Bucket | None, before: float | None, after: float | None, now: float
    ) -> Bucket | None:
        if bucket is None or before is None or after is None:
            return bucket_of(f"{self._name}/{what}", after, now, self._new_bucket)
        if before != after:
            bucket.relimit(before, after, now)
        return bucket

    def standings(self, now: float) -> Standings:
        """How the limits stand."""
        return Standings(
            standing(self._limits.requests_per_minute, self.requests, now),
            standing(self._limits.tokens_per_minute, self.tokens, now),
        )


class RatesOfBoth(msgspec.Struct, frozen=True, eq=False):
    """The limits of a key and those of a model, which hold together."""

    key: Buckets
    model: Buckets

    def take(self, tokens: float, now: float) -> Short | None:
        short = self.key.take(tokens, now)
        if short is None:
            short = self.model.take(tokens, now)
            if short is not None:
                self.key.give_back(tokens, now)
        return short

    def short_beside(self, kept: float, tokens: float, now: float) -> Short | None:
        return self.key.short_beside(kept, tokens, now) or self.model.short_beside(kept, tokens, now)

    def give_back(self, tokens: float, now: float) -> None:
        self.key.give_back(tokens, now)
        self.model.give_back(tokens, now)

    def settle(self, reserved: float, used: float, now: float) -> None:
        self.key.settle(reserved, used, now)
        self.model.settle(reserved, used, now)
