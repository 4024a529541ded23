"""What must be true of limits: a minute's, over all workers, leases of them, and the pauses of providers' keys."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from actors.attempt import Attempt
from actors.events import ActorBuried, AttemptEnded, CoolingDown
from actors.supervision import ChildStarted
from gateway.store.leases import LOOK_EVERY_S
from tests.sim.evidence import Evidence, ended, request_id

EXACT = 1e-6
BACK_AFTER_S = 3.0
"""How long after its trouble a worker has found the store again."""


def limits_are_kept(evidence: Evidence) -> Iterator[str]:
    """Promise 15: burst and rate, over all workers; each restart of an actor may begin a bucket anew."""
    rate = evidence.scenario.requests_per_minute
    if not rate or any(life.reloaded_at for life in evidence.lives):
        return
    asked = [exchange.at for exchange in evidence.history.exchanges if exchange.provider == "openai"]
    lives = sum(
        isinstance(event, ChildStarted) and event.child == "openai" for life in evidence.lives for event in life.events
    )
    keys = 2
    most = keys * rate * (lives + max(asked, default=0.0) / 60.0)
    if len(asked) > most:
        yield f"openai was asked {len(asked)} times, {most:g} were allowed"


def leases_come_back(evidence: Evidence) -> Iterator[str]:
    """Promise 15: when all have ended, the store holds no more against a limit than what was really asked comes to."""
    asked = ((each.at, 1.0) for each in evidence.history.exchanges if each.provider == "openai")
    yield from _come_back(evidence, "requests", evidence.charged, asked, evidence.scenario.requests_per_minute)


def token_leases_come_back(evidence: Evidence) -> Iterator[str]:
    """Promise 15: the same of tokens; each attempt comes to what it turned out to use."""
    used = (
        (ended(attempt), attempt.call.tokens if attempt.spent_tokens is None else attempt.spent_tokens)
        for life in evidence.lives
        for attempt in life.attempts
        if attempt.candidate.provider == "anthropic" and attempt.sent_at is not None
    )
    yield from _come_back(evidence, "tokens", evidence.tokens_charged, used, evidence.scenario.tokens_per_minute)


def _come_back(
    evidence: Evidence, what: str, charged: float, uses: Iterable[tuple[float, float]], per_minute: int
) -> Iterator[str]:
    """It is reckoned as if all keys shared one bucket, which forgets no sooner than several do, and as if each use had
    been told as late as can be.
    """
    if not charged or not all(map(evidence.could_give_back, evidence.lives)):
        return
    rate_per_s = per_minute / 60.0
    level, since = 0.0, 0.0
    for at, amount in sorted((min(_told_by(evidence, at), evidence.ended_at), amount) for at, amount in uses):
        level, since = max(0.0, level - rate_per_s * (at - since)) + amount, at
    level -= rate_per_s * (evidence.ended_at - since)
    if charged > max(0.0, level) + EXACT:
        yield f"{charged:g} {what} are charged, what was used comes to {level:g}"


def _told_by(evidence: Evidence, at: float) -> float:
    """When the store has heard at the latest of what was drawn without a lease: once it is there again."""
    for trouble in evidence.store_troubles:
        if trouble.at <= at + LOOK_EVERY_S and at <= trouble.until + BACK_AFTER_S:
            at = trouble.until + BACK_AFTER_S
    return at + LOOK_EVERY_S


# Keys.


def keys_cool_down(evidence: Evidence) -> Iterator[str]:
    """Nobody asks with a key for as long as its provider wants it left alone, for a model."""
    for life in evidence.lives:
        pauses: dict[tuple[str, str, str], list[tuple[float, float]]] = {}
        for event in life.events:
            if isinstance(event, CoolingDown):
                place = event.provider, event.model, event.key
                pauses.setdefault(place, []).append((event.at, event.at + event.seconds))
            elif isinstance(event, ActorBuried):
                pauses = {place: spans for place, spans in pauses.items() if place[0] != event.actor}
            elif isinstance(event, AttemptEnded) and not life.reloaded_at:
                attempt = event.attempt
                place = attempt.candidate.provider, attempt.candidate.model, attempt.key
                for since, until in pauses.get(place, ()):
                    if attempt.sent_at is not None and since < attempt.began_at and attempt.sent_at < until - EXACT:
                        yield f"{request_id(attempt)} went to {place} at {attempt.sent_at:g}, left alone to {until:g}"


def another_key_is_tried(evidence: Evidence) -> Iterator[str]:
    """Who is asked again for the sake of its key is asked with one that has not refused this call; who has waited for
    it may find that one set aside meanwhile, and a throttled one ready again.
    """
    for life in evidence.lives:
        for attempts in life.calls.values():
            for attempt in attempts:
                if attempt.operation == "rotate" and attempt.key in _refusing(attempt, attempts):
                    yield f"{request_id(attempt)} was asked again with {attempt.key}, which was refused before"


def _refusing(attempt: Attempt, attempts: Sequence[Attempt]) -> set[str]:
    has_waited = attempt.sent_at is not None and attempt.sent_at > attempt.began_at
    return {
        other.key
        for other in attempts
        if other.number < attempt.number
        and other.candidate is attempt.candidate
        and other.failure is not None
        and other.failure.concerns_key
        and not (has_waited and other.failure.throttled)
    }
