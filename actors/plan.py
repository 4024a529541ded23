"""The router's notes on one call, and a client key's account with its limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from actors.attempt import Attempt
from actors.errors import Failure, KeyFault, RateLimited
from actors.letters import Call, Candidate
from actors.policy.bucket import NewBucket, bucket_of
from actors.policy.concurrency import ConcurrencyLimit
from actors.policy.standing import Standings, standing
from actors.timers import Timer


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

    def take(self, call: Call, now: float) -> None:
        """Takes all that `call` needs, or nothing. Raises RateLimited."""
        if self._concurrency is not None and not self._concurrency.acquire():
            raise RateLimited(
                f"this key may have {self._concurrency.limit} calls at a time, and has them", retry_after=1.0
            )
        if self._requests is not None and not self._requests.take(1.0, now):
            self._release_permit()
            raise RateLimited("this key's requests a minute are used up", retry_after=self._requests.wait_s(1.0, now))
        if self._tokens is not None and not self._tokens.take(call.tokens, now):
            self._release_permit()
            if self._requests is not None:
                self._requests.give_back(1.0, now)
            raise RateLimited(
                "this key's tokens a minute are used up", retry_after=self._tokens.wait_s(call.tokens, now)
            )
        self.calls += 1

    def count_request(self, now: float) -> None:
        """One request that asks nobody. Raises RateLimited."""
        if self._requests is not None and not self._requests.take(1.0, now):
            raise RateLimited("this key's requests a minute are used up", retry_after=self._requests.wait_s(1.0, now))

    def settle(self, call: Call, now: float) -> None:
        """The call is over: all comes back if it was never sent, else what its last attempt used is charged."""
        self.calls -= 1
        self._release_permit()
        sent = [attempt for attempt in call.attempts if attempt.sent_at is not None]
        if not sent:
            if self._requests is not None:
                self._requests.give_back(1.0, now)
            if self._tokens is not None:
                self._tokens.give_back(call.tokens, now)
        elif self._tokens is not None:
            used = sent[-1].spent_tokens
            self._tokens.settle(call.tokens, call.tokens if used is None else used, now)

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


class Plan:
    """How far one call has come through its candidates."""

    __slots__ = (
        "_index",
        "account",
        "backoff",
        "broken",
        "call",
        "candidates",
        "delivered",
        "hedge",
        "hedged",
        "tries",
        "worst",
    )

    def __init__(self, call: Call, candidates: Sequence[Candidate], account: ClientAccount | None) -> None:
        self.call = call
        self.candidates = candidates
        self.account = account
        self.tries = 0
        """Attempts on the current candidate."""
        self.hedged = False
        self.backoff: Timer | None = None
        self.hedge: Timer | None = None
        self.delivered: Any = None
        """What the client already has, once a committed stream broke."""
        self.broken: Failure | None = None
        """Why the committed stream broke: what the client is told where nobody can go on."""
        self.worst: Failure | None = None
        """The last failure of an attempt that was sent: it says more than a refusal of ours, or of our key."""
        self._index = 0

    @property
    def candidate(self) -> Candidate:
        return self.candidates[self._index]

    @property
    def has_live_attempts(self) -> bool:
        """Some attempt may still answer; one that was dismissed on purpose may not."""
        return any(attempt.outcome is None and not attempt.dismissed for attempt in self.call.attempts)

    @property
    def backoff_pending(self) -> bool:
        return self.backoff is not None and self.backoff.pending

    def following(self, failure: Failure | None) -> int | None:
        """The index of the next candidate that can help after `failure`."""
        needs = self.candidate.window if failure is not None and failure.wants_window else None
        for index in range(self._index + 1, len(self.candidates)):
            window = self.candidates[index].window
            if needs is not None and window is not None and window <= needs:
                continue
            if self.delivered is not None and not self.candidates[index].resumes:
                continue
            return index
        return None

    def has_next(self, failure: Failure | None) -> bool:
        return self.following(failure) is not None

    def move_to(self, index: int) -> None:
        self._index = index
        self.tries = 0

    def advance(self, failure: Failure) -> None:
        """On to the next candidate that can help; there is one."""
        index = self.following(failure)
        assert index is not None, "has_next was asked in this very step"
        self.move_to(index)

    @property
    def has_successor(self) -> bool:
        """Another candidate could go on with the present one's answer, were it to break."""
        return any(candidate.resumes for candidate in self.candidates[self._index + 1 :])

    def advance_to_resume(self, broken: Candidate, delivered: Any) -> bool:
        """On to the next one behind `broken` that may go on with what was delivered; False where there is none.

        A hedge that lost the race is behind it, and may.
        """
        self.delivered = delivered
        self._index = self.candidates.index(broken)
        index = self.following(None)
        if index is None:
            return False
        self.move_to(index)
        return True

    def ended(self, attempt: Attempt, failure: Failure) -> None:
        """Notes what an attempt's end says about the call."""
        if attempt.sent_at is not None and (self.worst is None or failure.key_fault is not KeyFault.REFUSED):
            self.worst = failure
        if attempt.content_at is not None and self.broken is None:
            self.broken = failure

    def cancel_timers(self) -> None:
        for timer in (self.backoff, self.hedge):
            if timer is not None:
                timer.cancel()


def hedge_due(attempt: Attempt, now: float) -> float:
    """When an attempt that is still silent then gets another one beside it; it moves while nothing has begun.

    A stream shows that it is accepted. A whole answer shows nothing until it is there, and most take their time: it is
    silent once a stream would be given up for lost.
    """
    timeouts = attempt.candidate.timeouts
    if attempt.call.relay is None:
        since, silence_s = attempt.sent_at, max(timeouts.hedge_after_s, timeouts.first_token_s)
    else:
        since, silence_s = attempt.accepted_at, timeouts.hedge_after_s
    return (now if since is None else since) + silence_s
