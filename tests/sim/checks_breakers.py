"""What must be true of breakers: they move by their table, open when they have to, and refuse while they are open."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from actors.attempt import Attempt, Outcome
from actors.errors import Blame
from actors.events import ActorBuried, AttemptEnded, BreakerMoved
from actors.policy.breaker import MOVES, BreakerSettings, Phase
from tests.sim.evidence import Evidence, Life, ended, request_id

BREAKER = BreakerSettings()
LEGAL = {(before, after) for (before, _), after in MOVES.items()}

Place = tuple[str, str]
"""A provider and a model, or "*"."""


def breakers_move_by_the_table(evidence: Evidence) -> Iterator[str]:
    """Promise 14: each from where it was, by a move that exists; a fresh actor's are closed."""
    for life in evidence.lives:
        phases: dict[tuple[str, str], Phase] = {}
        for event in life.events:
            if isinstance(event, ActorBuried):
                phases = {place: phase for place, phase in phases.items() if place[0] != event.actor}
            elif isinstance(event, BreakerMoved) and not life.reloaded_at:
                place = (event.provider, event.model)
                if event.before is not phases.get(place, Phase.CLOSED) or (event.before, event.after) not in LEGAL:
                    yield f"{place} moved from {event.before} to {event.after}, was {phases.get(place)}"
                phases[place] = event.after


def open_breakers_refuse(evidence: Evidence) -> Iterator[str]:
    """Promise 14: while one is open nobody gets past it, while one is half open a single probe."""
    for life in evidence.lives:
        if life.reloaded_at:
            continue
        shut: dict[tuple[str, str], float] = {}
        for event in life.events:
            if isinstance(event, ActorBuried):
                shut = {place: at for place, at in shut.items() if place[0] != event.actor}
            if not isinstance(event, BreakerMoved):
                continue
            place = (event.provider, event.model)
            since = shut.pop(place, None)
            if since is not None:
                for attempt in _let_in(life, place, since, event.at):
                    yield f"{request_id(attempt)} got past {place} at {attempt.began_at:g}, shut since {since:g}"
            if event.after is not Phase.CLOSED:
                shut[place] = event.at


def breakers_open_at_the_fifth_failure(evidence: Evidence) -> Iterator[str]:
    """Promise 14: not before that, or half of a window, and not after it.

    Only those failures are counted that surely count: of attempts that have begun since the breaker moved last, and for
    what comes too late those between which nobody has had an answer. The fifth moves the breaker before it ends.
    """
    for life in evidence.lives:
        if life.reloaded_at:
            continue
        failed: dict[Place, list[float]] = defaultdict(list)
        since: dict[Place, float] = defaultdict(lambda: -1.0)
        for event in life.events:
            if isinstance(event, ActorBuried):
                for place in [place for place in failed if place[0] == event.actor]:
                    failed[place], since[place] = [], event.at
            elif isinstance(event, BreakerMoved):
                place = event.provider, event.model
                few = 0 < event.failures < BREAKER.failures and event.before is Phase.CLOSED
                if few and len(failed[place]) + 1 < BREAKER.window_min_calls * BREAKER.window_ratio:
                    yield f"{place} opened at {event.at:g} after {event.failures} failures"
                failed[place], since[place] = [], event.at
            elif isinstance(event, AttemptEnded) and (blamed := _blamed(event.attempt)) is not None:
                if event.attempt.began_at <= since[blamed]:
                    continue
                failed[blamed].append(ended(event.attempt))
                row = failed[blamed][-BREAKER.failures :]
                if len(row) == BREAKER.failures and not _has_answered(life, blamed, row[0], row[-1]):
                    yield f"{blamed} has failed {len(row)} times in a row at {row[-1]:g}, and is not open"


def _blamed(attempt: Attempt) -> Place | None:
    """Whose failure its failure is; None also where it had begun to answer."""
    provider, model = attempt.candidate.provider, attempt.candidate.model
    if attempt.failure is None or attempt.content_at is not None:
        return None
    blame = attempt.blame(attempt.failure, ended(attempt))
    return {Blame.MODEL: (provider, model), Blame.HOST: (provider, "*")}.get(blame) if blame else None


def _has_answered(life: Life, place: Place, since: float, until: float) -> bool:
    """Whether anybody had an answer from there meanwhile; of a host any word will do."""
    for attempt in life.attempts:
        if attempt.candidate.provider == place[0] and place[1] in ("*", attempt.candidate.model):
            is_whole = attempt.outcome is Outcome.OK or (place[1] == "*" and _blamed(attempt) != place)
            times = [attempt.content_at, ended(attempt) if is_whole else None]
            times.append(attempt.accepted_at if place[1] == "*" else None)
            if any(at is not None and since <= at <= until for at in times):
                return True
    return False


def _let_in(life: Life, place: tuple[str, str], since: float, until: float) -> Iterator[Attempt]:
    for attempt in life.attempts:
        there = attempt.candidate.provider == place[0] and place[1] in ("*", attempt.candidate.model)
        sent_at = attempt.sent_at
        if there and since < attempt.began_at and sent_at is not None and sent_at < until:
            yield attempt
