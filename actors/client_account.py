"""A client key's account with its limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from actors.errors import RateLimited
from actors.policy.bucket import NewBucket, bucket_of
from actors.policy.concurrency import ConcurrencyLimit
from actors.policy.standing import Standings, standing


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientLimits:
    """What one client key may ask for; None where there is no limit."""

    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    max_concurrent: int | None = None


class ClientAccount:
    """A client key's limits as they stand now."""

    __slots__ = ("_concurrency", "_limits", "_requests", "_tokens", "calls")

    def __init__(self, label: str, limits: ClientLimits, now: float, new_bucket: NewBucket) -> None:
        self._limits = limits
        self.calls = 0
        """Under way."""
        place = f"client/{label}"
        self._requests = bucket_of(f"{place}/requests", limits.requests_per_minute, now, new_bucket)
        self._tokens = bucket_of(f"{place}/tokens", limits.tokens_per_minute, now, new_bucket)
        self._concurrency = None if limits.max_concurrent is None else ConcurrencyLimit(limits.max_concurrent)

    def take(self, tokens: int, now: float) -> None:
        """Takes all that a call of so many tokens needs, or nothing. Raises RateLimited."""
        if self._concurrency is not None and not self._concurrency.acquire():
            raise RateLimited(
                f"This key may have {self._concurrency.limit} calls at a time, and has them.", retry_after=1.0
            )
        if self._requests is not None and not self._requests.take(1.0, now):
            self._release_permit()
            raise RateLimited("This key's requests a minute are used up.", retry_after=self._requests.wait_s(1.0, now))
        if self._tokens is not None and not self._tokens.take(tokens, now):
            self._release_permit()
            if self._requests is not None:
                self._requests.give_back(1.0, now)
            raise RateLimited("This key's tokens a minute are used up.", retry_after=self._tokens.wait_s(tokens, now))
        self.calls += 1

    def count_request(self, now: float) -> None:
        """One request that asks nobody. Raises RateLimited."""
        if self._requests is not None and not self._requests.take(1.0, now):
            raise RateLimited("This key's requests a minute are used up.", retry_after=self._requests.wait_s(1.0, now))

    def settle(self, taken: int, used: int | None, now: float) -> None:
        """The call for which `taken` tokens were taken is over, and has `used` so many; all comes back where it was
        never sent (None).
        """
        self.calls -= 1
        self._release_permit()
        if used is None:
            if self._requests is not None:
                self._requests.give_back(1.0, now)
            if self._tokens is not None:
                self._tokens.give_back(taken, now)
        elif self._tokens is not None:
            self._tokens.settle(taken, used, now)

    def standings(self, now: float) -> Standings:
        """What its client is told of it."""
        return Standings(
            standing(self._limits.requests_per_minute, self._requests, now),
            standing(self._limits.tokens_per_minute, self._tokens, now),
        )

    def _release_permit(self) -> None:
        if self._concurrency is not None:
            self._concurrency.release()

    def view(self, now: float) -> dict[str, Any]:
        return {
            "requests": None if self._requests is None else self._requests.available(now),
            "tokens": None if self._tokens is None else self._tokens.available(now),
            "concurrent": None if self._concurrency is None else self._concurrency.used,
        }
