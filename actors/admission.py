"""What a provider may take on: breakers, limits, budgets and cooldowns decided together, taken and given back together.

Pure: the clock is an argument and nothing awaits, so a check and the reservation that rests on it are one step. A
`Hold` is all that one attempt has taken; `settle` gives it back once, whatever happened.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from actors.attempt import Attempt
from actors.breakers import Breakers, OnMove, Pass
from actors.buckets import Buckets, RateLimits, Rates, RatesOfBoth
from actors.errors import Blame, NeverFits
from actors.key_ring import KeyPauses, KeyRing, Place
from actors.letters import Priority
from actors.policy.breaker import BreakerSettings
from actors.policy.bucket import NewBucket, local_bucket
from actors.policy.concurrency import ConcurrencyLimit
from actors.policy.gradient import GradientLimit, GradientSettings
from actors.policy.memory_budget import MemoryBudget
from actors.policy.standing import Standings, tightest
from actors.shortage import COOLDOWN, HOST, MEMORY, PERMITS, Wait

# Members of enums by a name of their own: each look-up in the class costs 0.2 µs, and these come with every request.
_HIGH: Final = Priority.HIGH


HIGH_IS_EXPECTED_S = 60.0
"""After a call of high priority, so long permits and tokens are kept for the next one: without any, none lie idle."""
ROOM_LOOK_S = 0.1
"""Who waits for memory is looked at so often: what a stream's reader frees, piece by piece, nobody is told of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSettings:
    """What one provider may be asked for."""

    name: str
    keys: tuple[str, ...] = ("default",)
    """Labels of the provider's keys; each has its own rate limits and cooldowns."""
    missing_keys: tuple[str, ...] = ()
    """Of which one is needed before it can be asked at all; shown in place of `keys`."""
    limits: RateLimits = RateLimits()
    """Of each key."""
    model_limits: Mapping[str, RateLimits] = field(default_factory=dict)
    """Of single models, over all keys."""
    max_concurrent: int = 256
    gradient: GradientSettings | None = None
    """How the limit of concurrent calls follows what the provider can take; None: it stays at `max_concurrent`."""
    memory_bytes: int = 256 * 1024 * 1024
    stream_bytes: int = 40 * 1024
    """What an open stream is charged beside its request and its relay."""
    breaker: BreakerSettings = BreakerSettings()
    key_pauses: KeyPauses = KeyPauses()
    kept_for_high: float = 0.2
    """The share of permits, tokens and waiters' places that is for high priority alone, places always, the others while
    there is any."""
    max_waiting: int = 1024
    max_waiting_bytes: int = 64 * 1024 * 1024


class Hold(Pass, kw_only=True, eq=False):
    """All that one admitted attempt has taken, the breakers' permits among it."""

    key_tried: tuple[Place, ...]
    """What this attempt finds out: whether a key that was set aside is accepted again."""
    rates: Rates
    tokens: float
    bytes: int
    settled: bool = False


class Admission:
    """The books of one provider."""

    def __init__(
        self,
        settings: ProviderSettings,
        *,
        now: float,
        random: random.Random,
        on_move: OnMove,
        new_bucket: NewBucket = local_bucket,
    ) -> None:
        self.settings = settings
        self.memory = MemoryBudget(settings.memory_bytes)
        self._gradient = None if settings.gradient is None else GradientLimit(settings.gradient)
        self.concurrency = ConcurrencyLimit(
            settings.max_concurrent if self._gradient is None else self._gradient.limit, kept=settings.kept_for_high
        )
        self._high_until = -math.inf
        self.breakers = Breakers(settings.name, settings.breaker, random, on_move)
        self._new_bucket = new_bucket
        place = f"provider/{settings.name}"
        self.keys = KeyRing(settings.name, settings.keys, settings.key_pauses)
        self._key_buckets = {
            label: Buckets(f"{place}/key/{label}", settings.limits, now, new_bucket) for label in settings.keys
        }
        self._model_buckets = {
            model: Buckets(f"{place}/model/{model}", limits, now, new_bucket, scope=model)
            for model, limits in settings.model_limits.items()
        }

    def admit(self, attempt: Attempt, now: float) -> Hold | Wait:
        """Takes everything that `attempt` needs, or nothing. Raises Failure where waiting would not help."""
        call, model = attempt.call, attempt.candidate.model
        breaker = self.breakers.check(model, now)
        key = only_key = self.keys.only()
        if not only_key:
            chosen = self.keys.choose(attempt, now, lambda label: self._requests_left(label, now))
            if not isinstance(chosen, str):
                return Wait(chosen, model, COOLDOWN)
            key = chosen
        tokens, concurrency = call.tokens, self.concurrency
        of_key, of_model = self._key_buckets[key], self._model_buckets.get(model)
        rates: Rates = of_key if of_model is None else RatesOfBoth(of_key, of_model)
        if call.priority is _HIGH:
            self._high_until = now + HIGH_IS_EXPECTED_S
        elif now < self._high_until:
            kept = self._kept_for_high(rates, tokens, now)
            if kept is not None:
                return kept
        if not concurrency.acquire():
            return Wait(math.inf, HOST, PERMITS)
        short = rates.take(tokens, now)
        if short is not None:
            concurrency.release()
            return Wait(now + short.wait_s, short.scope, short.what)
        size_bytes = call.size_bytes if call.relay is None else call.size_bytes + self.settings.stream_bytes
        if not self.memory.reserve(size_bytes):
            rates.give_back(tokens, now)
            concurrency.release()
            return self._wait_for_memory(size_bytes, now)
        attempt.key = key
        host_permit, permit = self.breakers.enter(model, breaker, now)
        return Hold(
            model,
            breaker,
            host_permit,
            permit,
            key_tried=() if only_key else self.keys.begin(key, model),
            rates=rates,
            tokens=tokens,
            bytes=size_bytes,
        )

    def grow(self, hold: Hold, more_bytes: int) -> None:
        """Charges what an attempt has come to hold, even past the limit: what is paid for is not thrown away."""
        self.memory.force(more_bytes)
        hold.bytes += more_bytes

    def account_relay(self, change_bytes: int) -> None:
        """What a relay holds is in memory already: it is charged even past the limit."""
        if change_bytes > 0:
            self.memory.force(change_bytes)
        else:
            self.memory.release(-change_bytes)

    def content_came(self, hold: Hold, attempt: Attempt, now: float) -> None:
        """The first content is the breakers' success, and what an adaptive limit goes by."""
        if not hold.succeeded:
            self.breakers.succeeded(hold, now)
            if self._gradient is not None and attempt.sent_at is not None:
                streamed = attempt.call.relay is not None
                self._gradient.answered(now - attempt.sent_at, self.concurrency.used, now, streamed=streamed)
                self.concurrency.resize(self._gradient.limit)

    def relimit(self, settings: ProviderSettings, now: float) -> None:
        """Other limits from now on; what has been taken stays taken, and no limit is full because it is new."""
        self._key_buckets = {
            label: buckets.relimited(settings.limits, now) for label, buckets in self._key_buckets.items()
        }
        place, before = f"provider/{settings.name}/model", self._model_buckets
        self._model_buckets = {
            model: before[model].relimited(limits, now)
            if model in before
            else Buckets(f"{place}/{model}", limits, now, self._new_bucket, scope=model)
            for model, limits in settings.model_limits.items()
        }
        if self._gradient is not None:
            self._gradient.bound(settings.max_concurrent)
        self.concurrency.resize(settings.max_concurrent if self._gradient is None else self._gradient.limit)
        self.settings = settings

    def asked_for_less(self) -> None:
        """The provider said so (429), or was too slow: one concurrent call less where their limit adapts."""
        if self._gradient is not None:
            self._gradient.refused()
            self.concurrency.resize(self._gradient.limit)

    def settle(self, hold: Hold, attempt: Attempt, blame: Blame | None, now: float) -> None:
        """Gives back all that is held.

        `blame` is None where nothing was learned about the provider, NOBODY where its host did answer.
        Never sent: full refund. Sent: what the work counted is charged (or, where it could not count, all that was
        reserved), and the request unit is kept.
        """
        assert not hold.settled, "a hold is settled once"
        hold.settled = True
        self.concurrency.release()
        self.memory.release(hold.bytes)
        if attempt.sent_at is None:
            hold.rates.give_back(hold.tokens, now)
        else:
            used = hold.tokens if attempt.spent_tokens is None else attempt.spent_tokens
            hold.rates.settle(hold.tokens, used, now)
        self.breakers.ended(hold, blame, now)

    def standings(self, model: str, now: float) -> Standings:
        """What a client is told that these limits refuse: of the key that has most left, or of the model where less."""
        key = self._key_buckets[max(self._key_buckets, key=lambda label: self._requests_left(label, now))]
        of_model = self._model_buckets.get(model)
        return key.standings(now) if of_model is None else tightest(key.standings(now), of_model.standings(now))

    def view(self, now: float) -> dict[str, Any]:
        """The books as /admin/actors shows them."""
        first = next(iter(self._key_buckets.values()))
        return {
            "breakers": self.breakers.view(now),
            "tokens": None if first.tokens is None else first.tokens.available(now),
            "requests": None if first.requests is None else first.requests.available(now),
            "memory": {"used": self.memory.used, "limit": self.memory.limit},
            "concurrency": {
                "used": self.concurrency.used,
                "limit": self.concurrency.limit,
                "adaptive": self._gradient is not None,
            },
            "limits": self._view_of_limits(),
            "keys": self._view_of_missing_keys() or self.keys.view(now),
        }

    def _view_of_missing_keys(self) -> list[dict[str, Any]]:
        return [{"label": label, "state": "missing", "cooldown_s": 0.0} for label in self.settings.missing_keys]

    def _view_of_limits(self) -> dict[str, Any]:
        limits, models = self.settings.limits, self.settings.model_limits
        return {
            "requests_per_minute": limits.requests_per_minute,
            "tokens_per_minute": limits.tokens_per_minute,
            "max_concurrent": self.settings.max_concurrent,
            "models": {
                model: {"requests_per_minute": of.requests_per_minute, "tokens_per_minute": of.tokens_per_minute}
                for model, of in models.items()
            },
        }

    def _requests_left(self, key: str, now: float) -> float:
        bucket = self._key_buckets[key].requests
        return 0.0 if bucket is None else bucket.available(now)

    def _kept_for_high(self, rates: Rates, tokens: int, now: float) -> Wait | None:
        """What there is too little of beside what high priority, which is expected, may need."""
        if self.concurrency.used >= self.concurrency.ordinary:
            return Wait(self._high_until, HOST, PERMITS)
        share = self.settings.kept_for_high
        short = rates.short_beside(share, tokens, now) if share else None
        return None if short is None else Wait(min(now + short.wait_s, self._high_until), short.scope, short.what)

    def _wait_for_memory(self, size_bytes: int, now: float) -> Wait:
        if size_bytes > self.memory.limit:
            raise NeverFits(
                f"The request needs {size_bytes} bytes of memory; calls of {self.settings.name} may hold "
                f"{self.memory.limit} together."
            )
        return Wait(now + ROOM_LOOK_S, HOST, MEMORY)
