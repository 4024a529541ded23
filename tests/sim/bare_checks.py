"""What must be true of the actors alone, beside what must be true of them within a whole gateway."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from actors.errors import CallCrashed, TimedOut
from actors.events import AttemptEnded, CallCrash
from actors.letters import Call
from tests.sim import checks_actors as actors
from tests.sim import checks_breakers as breakers
from tests.sim import checks_limits as limits
from tests.sim.bare_work import PIECES, Stumbled
from tests.sim.bare_world import BareEvidence, BareHeard
from tests.sim.checks import BILLING, Violation
from tests.sim.history import End

EXACT = 1e-6


def askers_hear_once_and_in_time(evidence: BareEvidence) -> Iterator[str]:
    """Promises 1 and 4: to the second, but for the time in which an asker does not read."""
    for heard in evidence.heard:
        if heard.end is End.OPEN:
            yield f"{heard.call.id} still waits"
        limit_s = min(heard.plan.deadline_s, heard.plan.patience_s)
        if (
            heard.end is not End.REFUSED
            and not heard.plan.pause_s
            and heard.ended_at > heard.asked_at + limit_s + EXACT
        ):
            yield f"{heard.call.id} took {heard.ended_at - heard.asked_at:g} s of {limit_s:g}"


def pieces_come_once_and_in_order(evidence: BareEvidence) -> Iterator[str]:
    """Promise 17: whoever goes on with an answer says what is missing and nothing else; whole is whole."""
    whole = b"".join(b"%d " % number for number in range(PIECES))
    for heard in evidence.heard:
        if heard.call.relay is None:
            continue
        if not whole.startswith(heard.said):
            yield f"{heard.call.id} reads {heard.said!r}"
        elif heard.end is End.OK and heard.said != whole:
            yield f"{heard.call.id} ends as if it were whole: {heard.said!r}"


def crashes_are_their_calls_own(evidence: BareEvidence) -> Iterator[str]:
    """Promise 9: a bug in one call's work is that call's failure, and no actor's end."""
    for event in evidence.ledger.events:
        if isinstance(event, CallCrash) and not isinstance(event.error, Stumbled):
            yield f"{event.actor}: {event.error!r}"
    for heard in evidence.heard:
        if isinstance(heard.failure, CallCrashed) and not isinstance(heard.failure.__cause__, Stumbled):
            yield f"{heard.call.id}: {heard.failure.__cause__!r}"


def tokens_add_up(evidence: BareEvidence) -> Iterator[str]:
    """Promise 15: a key's tokens are what a plain reckoning of all that was taken and given back leaves."""
    for (name, label), level in evidence.levels.items():
        settings = evidence.scenario.providers[name]
        burst = settings.limits.tokens_per_minute
        assert burst is not None, "it has a level"
        expected = _reckoned(evidence, name, label, burst)
        if abs(level - expected) > EXACT * burst:
            yield f"{name}/{label} has {level:g} tokens left, {expected:g} by reckoning"


def _reckoned(evidence: BareEvidence, name: str, label: str, burst: float) -> float:
    changes: list[tuple[float, float]] = []
    for worked in evidence.worked:
        attempt = worked.attempt
        if worked.actor is not evidence.actors[name] or attempt.key != label:
            continue
        taken = min(attempt.call.tokens, burst)
        used = 0 if attempt.sent_at is None else attempt.spent_tokens or 0
        changes.append((worked.at, -taken))
        assert attempt.ended_at is not None, "all is quiet"
        changes.append((attempt.ended_at, taken - used))
    level, before = burst, 0.0
    for at, change in sorted(changes, key=lambda change: change[0]):
        level = min(burst, min(burst, level + (at - before) * burst / 60.0) + change)
        before = at
    return min(burst, level + (evidence.quiet_at - before) * burst / 60.0)


def silence_is_timed_from_the_last_word(evidence: BareEvidence) -> Iterator[str]:
    """Promise 4: a provider is given up exactly when it has been silent for as long as it may."""
    for worked in evidence.worked:
        attempt, heard_at = worked.attempt, worked.heard_at
        if not isinstance(attempt.failure, TimedOut) or heard_at is None or worked.allowed_s is None:
            continue
        assert attempt.ended_at is not None, "all is quiet"
        if abs(attempt.ended_at - heard_at - worked.allowed_s) > EXACT:
            yield f"{attempt.call.id} was given up after {attempt.ended_at - heard_at:g} s of {worked.allowed_s:g}"


def work_ends_with_its_attempt(evidence: BareEvidence) -> Iterator[str]:
    """Promise 3: nobody works for an asker that has gone."""
    gone: dict[Call, BareHeard] = {heard.call: heard for heard in evidence.heard}
    for event in evidence.ledger.events:
        if isinstance(event, AttemptEnded):
            heard, ended_at = gone[event.attempt.call], event.attempt.ended_at
            if ended_at is None or ended_at > heard.ended_at + EXACT:
                yield f"{heard.call.id} was over at {heard.ended_at:g}, an attempt of it at {ended_at}"


def nobody_overtakes(evidence: BareEvidence) -> Iterator[str]:
    """Promise 15: of those who wait for one provider the higher priority has its turn first, and of one the eldest."""
    for actor in {id(worked.actor): worked.actor for worked in evidence.worked}.values():
        turns = [(worked.at, worked.attempt) for worked in evidence.worked if worked.actor is actor]
        for place, (at, attempt) in enumerate(turns):
            for later_at, later in turns[place + 1 :]:
                if later_at == at:
                    continue  # let in together; whose task runs first is the scheduler's choice
                older, higher = later.began_at < attempt.began_at, later.call.priority > attempt.call.priority
                if (older and later.call.priority == attempt.call.priority) or (higher and later.began_at < at):
                    yield f"{attempt.call.id} had its turn at {at:g}, {later.call.id} stood before it"


Check = Callable[[BareEvidence], Iterator[str]]
CHECKS: Final[tuple[tuple[int, Check], ...]] = (
    (1, askers_hear_once_and_in_time),
    (1, actors.every_attempt_ends_once),  # type: ignore[list-item]
    (3, work_ends_with_its_attempt),
    (4, silence_is_timed_from_the_last_word),
    (3, actors.losers_stop_at_once),  # type: ignore[list-item]
    (7, actors.the_dead_tell_all_at_once),  # type: ignore[list-item]
    (8, actors.the_dead_come_back),  # type: ignore[list-item]
    (9, crashes_are_their_calls_own),
    (9, actors.actors_die_only_when_struck),  # type: ignore[list-item]
    (13, actors.retries_are_paid_for),  # type: ignore[list-item]
    (8, actors.supervisors_restart_whom_they_lost),  # type: ignore[list-item]
    (14, breakers.breakers_move_by_the_table),  # type: ignore[list-item]
    (14, breakers.breakers_open_at_the_fifth_failure),  # type: ignore[list-item]
    (14, breakers.open_breakers_refuse),  # type: ignore[list-item]
    (15, nobody_overtakes),
    (15, limits.keys_cool_down),  # type: ignore[list-item]
    (15, limits.another_key_is_tried),  # type: ignore[list-item]
    (15, tokens_add_up),
    (17, pieces_come_once_and_in_order),
    (17, actors.content_commits),  # type: ignore[list-item]
    (BILLING, actors.tokens_of_what_was_not_sent),  # type: ignore[list-item]
)


def bare_violations(evidence: BareEvidence) -> list[Violation]:
    """All that is wrong with a run."""
    seen = [Violation(promise, "watch", words) for promise, words in evidence.complaints]
    return seen + [Violation(promise, check.__name__, words) for promise, check in CHECKS for words in check(evidence)]
