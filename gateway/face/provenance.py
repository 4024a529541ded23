"""The headers that say who answered, and after how many attempts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final
from urllib.parse import quote

from actors.attempt import Attempt
from actors.errors import Cancelled, Failure
from actors.letters import Call, Candidate
from gateway.dialects.envelope import cost_of
from gateway.exchange import REQUEST_ID, Headers
from gateway.face.rate_limit_headers import told_by_us
from gateway.money import decimal_usd

Header = tuple[bytes, bytes]

PROVIDER: Final = b"x-gateway-provider"
MODEL: Final = b"x-gateway-model"
ATTEMPTS: Final = b"x-gateway-attempts"
COST: Final = b"x-gateway-cost-usd"
"""Of a whole answer and what was asked before it; a stream's is not known when its head goes out."""
NO_RETRY: Final = (b"x-should-retry", b"false")
"""Tells OpenAI's clients that retrying is done: their own retries on top of ours would multiply."""
_OURS: Final = frozenset({REQUEST_ID, b"x-should-retry", PROVIDER, MODEL, ATTEMPTS, COST})


def without_ours(upstream: Headers) -> Headers:
    """An upstream's headers but for those that are ours to say, which hardly any has."""
    if _OURS.isdisjoint(dict(upstream)):
        return upstream
    return [field for field in upstream if field[0] not in _OURS]


def of_answer(upstream: Headers, attempt: Attempt) -> Headers:
    """The upstream's headers and ours; where the client's key has limits, how those stand and not the upstream's."""
    candidate, call, attempts = attempt.candidate, attempt.call, attempt.call.attempts
    if call.account is not None:
        upstream = told_by_us(upstream, call.account.standings(attempt.clock()))
    headers = [*without_ours(upstream), *_who(candidate.provider, candidate.model, len(attempts))]
    if call.relay is None and (cost := cost_of(attempts)) is not None:
        headers.append((COST, decimal_usd(cost)))
    return headers


def of_failure(call: Call, failure: Failure | None = None) -> Headers:
    """For a call that failed: the last who was tried; none where the call never got so far."""
    attempts = call.attempts
    if not attempts:
        return []
    last = attempts[-1].candidate
    headers = [*_who(last.provider, last.model, len(attempts))]
    if isinstance(failure, Cancelled) or any(_was_spent(attempt) for attempt in attempts):
        headers.append(NO_RETRY)
    return headers


def answered_by(headers: Headers, candidates: Sequence[Candidate]) -> Candidate | None:
    """Who of them has answered, as the headers of that answer say it; None: nobody who is asked now."""
    said = dict(headers)
    named = (said.get(PROVIDER), said.get(MODEL))
    return next(
        (each for each in candidates if (_header_value(each.provider), _header_value(each.model)) == named), None
    )


def _was_spent(attempt: Attempt) -> bool:
    """Whether it went out to the provider, or tried to; a refusal of our own costs nobody anything."""
    return attempt.sent_at is not None or (attempt.failure is not None and attempt.failure.blames_provider)


@lru_cache(maxsize=1024)
def _who(provider: str, model: str, attempts: int) -> tuple[Header, ...]:
    """Remembered, since every answer of a model says the same."""
    return (PROVIDER, _header_value(provider)), (MODEL, _header_value(model)), (ATTEMPTS, b"%d" % attempts)


def _header_value(name: str) -> bytes:
    """A model's name is the client's own text: whatever a header cannot carry is percent-encoded."""
    if name.isascii() and name.isprintable():
        return name.encode("ascii")
    return quote(name, safe="/:@ ", errors="replace").encode("ascii")
