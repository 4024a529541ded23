"""What must be true of a run among the actors: attempts, breakers, budgets, limits, restarts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from actors.attempt import Attempt, Outcome
from actors.errors import Stage, TimedOut
from actors.events import ActorBuried, AttemptEnded, CallCrash, Retried
from actors.memory_monitor import Pressure, PressureMoved
from actors.policy.restart_window import BASE_S, LEAST
from actors.supervision import ChildStarted, ChildStopped, Restarted
from tests.sim.evidence import Evidence, ended, request_id
from tests.sim.scenario import Temper

DEPOSIT = 0.2
EXACT = 1e-6
BACKOFF_MOST_S = 5.0
READERS = (Temper.PATIENT, Temper.IMPATIENT)
"""Who takes what there is at once."""
LEAST_PAUSE_S = BASE_S * LEAST


def every_attempt_ends_once(evidence: Evidence) -> Iterator[str]:
    """Promise 1: with one outcome; none is missing."""
    for life in evidence.lives:
        yield from (f"attempt of {request_id(a)} ended twice" for a, n in Counter(life.attempts).items() if n > 1)
        ended = set(life.attempts)
        for event in life.events:
            if isinstance(event, Retried) and event.attempt not in ended:
                yield f"a further attempt of {event.call.id} has not ended"
        for attempts in life.calls.values():
            if [attempt.number for attempt in attempts] != list(range(1, len(attempts) + 1)):
                yield f"an attempt of {request_id(attempts[0])} has not ended"


def nothing_crashes_by_itself(evidence: Evidence) -> Iterator[str]:
    """Promise 9: no code of the gateway's raises what nobody expected, whatever clients and providers send."""
    for life in evidence.lives:
        for event in life.events:
            if isinstance(event, CallCrash):
                yield f"{event.actor} crashed at a call: {event.error!r}"
        for line in life.lines:
            if line["event"] in ("request crashed", "a fact could not be observed", "call crashed"):
                yield f"{line['event']}: {line.get('crash')}"
        if life.gave_up:
            yield f"worker {life.worker} gave up"


def actors_die_only_when_struck(evidence: Evidence) -> Iterator[str]:
    """Promise 9: no call and no client ends an actor."""
    for life in evidence.lives:
        crashes = [event for event in life.events if isinstance(event, ChildStopped) and event.crash is not None]
        if len(crashes) > life.struck:
            yield f"actors crashed by themselves: {[(event.child, repr(event.crash)) for event in crashes]}"


def the_dead_come_back(evidence: Evidence) -> Iterator[str]:
    """Promise 8: whoever crashed is restarted within its backoff."""
    for life in evidence.lives:
        missing: dict[str, float] = {}
        ends_at = life.drained_at if life.drained_at is not None else float("inf")
        for event in life.events:
            if isinstance(event, ChildStopped) and event.crash is not None and not event.asked:
                missing[event.child] = event.at
            elif isinstance(event, ChildStarted) and event.child in missing:
                away_s = event.at - missing.pop(event.child)
                if away_s > BACKOFF_MOST_S:
                    yield f"{event.child} was away for {away_s:g} s"
        yield from (f"{name} did not come back" for name, at in missing.items() if at + BACKOFF_MOST_S < ends_at)


def supervisors_restart_whom_they_lost(evidence: Evidence) -> Iterator[str]:
    """Promise 8: a restart follows an end and a pause, and nobody runs twice but while one takes another's place."""
    for life in evidence.lives:
        running: Counter[tuple[str, str]] = Counter()
        ended_at: dict[tuple[str, str], float] = {}
        for event in life.events:
            if isinstance(event, ChildStarted):
                place = event.supervisor, event.child
                running[place] += 1
                if running[place] > 1 and not life.reloaded_at:
                    yield f"{event.child} runs twice at {event.at:g}"
            elif isinstance(event, ChildStopped):
                place = event.supervisor, event.child
                running[place], ended_at[place] = max(0, running[place] - 1), event.at
            elif isinstance(event, Restarted):
                since = ended_at.get((event.supervisor, event.child))
                if since is None or event.at - since < max(LEAST_PAUSE_S, event.backoff_s) - EXACT:
                    yield f"{event.child}, which ended at {since}, is restarted at {event.at:g}"


def the_dead_tell_all_at_once(evidence: Evidence) -> Iterator[str]:
    """Promise 7: who was with an actor when it died is told in that moment, before anything else happens."""
    for life in evidence.lives:
        for place, event in enumerate(life.events):
            if (
                not isinstance(event, ActorBuried)
                or event.replaced
                or event.actor not in evidence.providers
                or life.reloaded_at
            ):
                continue
            for late in life.events[place:]:
                if not isinstance(late, AttemptEnded):
                    continue
                attempt = late.attempt
                if attempt.candidate.provider == event.actor and attempt.began_at < event.at:
                    dead = f"{event.actor}, dead at {event.at:g}"
                    yield f"{request_id(attempt)} was with {dead}, until {ended(attempt):g}"


def who_is_replaced_answers_all(evidence: Evidence) -> Iterator[str]:
    """Promise 18: an actor in whose place another one has come ends when all that it had is answered."""
    for life in evidence.lives:
        for event in life.events:
            if not isinstance(event, ActorBuried) or not event.replaced:
                continue
            in_time = life.drained_at is None or event.at < life.drained_at
            if in_time and (event.queued or event.in_flight):
                yield f"{event.actor} was replaced and left {event.queued} and {event.in_flight} behind"


def losers_stop_at_once(evidence: Evidence) -> Iterator[str]:
    """Promise 3: an attempt that another was faster than ends in that moment."""
    for life in evidence.lives:
        for attempts in life.calls.values():
            firsts = [_answered_at(attempt) for attempt in attempts if attempt.outcome is Outcome.OK]
            for attempt in attempts:
                if attempt.outcome is Outcome.SUPERSEDED and firsts and ended(attempt) > firsts[0]:
                    yield f"{request_id(attempt)}: the slower attempt ran {ended(attempt) - firsts[0]:g} s longer"


def streams_are_given_up_for_silence_alone(evidence: Evidence) -> Iterator[str]:
    """Promise 4: a stream that is given up had been silent for exactly as long as it may."""
    idle_s = evidence.scenario.timeouts.idle_s
    for life in evidence.lives:
        for attempt in life.attempts:
            if not (isinstance(attempt.failure, TimedOut) and attempt.failure.stage is Stage.STREAMING):
                continue
            exchange, ended_at = evidence.exchange_of(attempt), ended(attempt)
            # What comes in the very moment comes too late.
            spoke_at = [] if exchange is None else [at for at in exchange.spoke_at if at < ended_at - EXACT]
            if spoke_at and abs(ended_at - spoke_at[-1] - idle_s) > EXACT:
                yield f"{request_id(attempt)} was given up at {ended_at:g}, the last word came at {spoke_at[-1]:g}"


def silence_is_not_waited_out(evidence: Evidence) -> Iterator[str]:
    """Promise 4: a stream is given up once its provider has been silent for as long as it may, if its client reads."""
    timeouts = evidence.scenario.timeouts
    heard = {each.id: each for each in evidence.all_heard}
    for life in evidence.lives:
        for attempt in life.attempts:
            exchange, asker = evidence.exchange_of(attempt), heard.get(request_id(attempt))
            if attempt.sent_at is None or attempt.call.relay is None or exchange is None or asker is None:
                continue
            if exchange.whole or attempt.progress is not None or asker.client.temper not in READERS:
                continue
            since, allowed_s = attempt.sent_at, timeouts.connect_s + timeouts.first_token_s
            if attempt.content_at is not None:
                since, allowed_s = max(at for at in exchange.spoke_at if at <= ended(attempt)), timeouts.idle_s
            if ended(attempt) - since > allowed_s + EXACT:
                yield f"{request_id(attempt)} heard nothing for {ended(attempt) - since:g} s of {allowed_s:g}"


def content_commits(evidence: Evidence) -> Iterator[str]:
    """Promise 17: once an answer has begun nobody else is asked, but to go on with it."""
    for life in evidence.lives:
        for attempts in life.calls.values():
            begun = [attempt.content_at for attempt in attempts if attempt.content_at is not None]
            for attempt in attempts:
                if attempt.operation in ("retry", "hedge", "fallback") and begun and attempt.began_at > min(begun):
                    yield f"{request_id(attempt)}: a {attempt.operation} began after the first content"


def retries_are_paid_for(evidence: Evidence) -> Iterator[str]:
    """Promise 13: a fifth of the first attempts, and what the budget starts with, in each life of the router."""
    for life in evidence.lives:
        routers = sum(isinstance(event, ChildStarted) and event.child == "router" for event in life.events)
        firsts: Counter[str] = Counter()
        further: Counter[str] = Counter()
        for attempt in life.attempts:
            if attempt.operation in ("retry", "hedge"):
                # One that was refused cost nothing; a first one that is refused later has paid until then.
                further[attempt.candidate.provider] += attempt.scope is not None
            elif attempt.operation != "rotate":
                firsts[attempt.candidate.provider] += 1
        for provider, times in further.items():
            most = routers * evidence.retry_start + DEPOSIT * firsts[provider]
            if times > most + 1e-6:
                yield f"{provider} was tried {times} times more, {most:g} were paid for"


def tokens_are_charged_as_used(evidence: Evidence) -> Iterator[str]:
    """What an attempt is charged is what its provider said of it; what was never sent costs nothing."""
    for life in evidence.lives:
        for attempt in life.attempts:
            if attempt.outcome is not Outcome.OK or attempt.call.payload.dialect == "openai_embeddings":
                continue
            exchange = evidence.exchange_of(attempt)
            bill = exchange.bill.total if exchange is not None and exchange.whole else None
            if attempt.spent_tokens != bill:
                yield f"{request_id(attempt)} is charged {attempt.spent_tokens}, its provider said {bill}"


def tokens_of_what_was_not_sent(evidence: Evidence) -> Iterator[str]:
    """What was never sent is charged nothing: it has no bill."""
    for life in evidence.lives:
        for attempt in life.attempts:
            if attempt.sent_at is None and attempt.spent_tokens:
                yield f"{request_id(attempt)} was not sent and is charged {attempt.spent_tokens}"


def short_of_memory_nothing_is_begun(evidence: Evidence) -> Iterator[str]:
    """Promise 19: from 95 % on no new work."""
    for life in evidence.lives:
        since = float("inf")
        begun = [turns[0][0].call for turns in life.calls_of.values()]  # what is begun goes on
        for event in life.events:
            if not isinstance(event, PressureMoved):
                continue
            if event.after is Pressure.REFUSE:
                since = event.at
            else:
                for call in begun:
                    if since < call.arrived_at < event.at:
                        yield f"{call.id} was let in at {call.arrived_at:g}"
                since = float("inf")


def drains_end_in_time(evidence: Evidence) -> Iterator[str]:
    """Promises 10 and 18: at the latest when the grace, a stalled write and a second are over; calls with the grace.

    On Hypercorn, whose writes nobody can cancel, one whose reader has stalled does for as long as a write may stall.
    """
    scenario = evidence.scenario
    stalls_s = scenario.write_stall_s if scenario.engine == "hypercorn" else 0.0
    for life in evidence.lives:
        if life.drained_at is not None:
            limit_s = scenario.drain_grace_s + scenario.write_stall_s + 1.0
            ended_at = life.running.ended_at
            if ended_at is None or ended_at > life.drained_at + limit_s + 1e-6:
                yield f"worker {life.worker} was told at {life.drained_at:g} and ended at {ended_at}"
            for attempt in life.attempts:
                if ended(attempt) > life.drained_at + scenario.drain_grace_s + stalls_s + EXACT:
                    yield f"{request_id(attempt)} outlasts the grace of worker {life.worker} until {ended(attempt):g}"


def numbers_add_up(evidence: Evidence) -> Iterator[str]:
    """What is counted of a request is counted once: the log tells of further attempts as many as were let in."""
    for life in evidence.lives:
        told = Counter(line["operation"] for line in life.lines if line["event"] == "attempt repeated")
        let_in = [attempt for attempt in life.attempts if attempt.operation != "first" and attempt.scope is not None]
        if told != (done := Counter(attempt.operation for attempt in let_in)):
            yield f"the log tells of {dict(told)}, there were {dict(done)}"


def _answered_at(attempt: Attempt) -> float:
    return ended(attempt) if attempt.content_at is None else attempt.content_at
