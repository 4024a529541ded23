"""One run as people read it, and as two runs are compared: who did what when."""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Iterator
from itertools import repeat
from typing import Any, Final

from actors.attempt import Attempt
from actors.events import ActorBuried, AttemptEnded, BreakerMoved, CoolingDown, KeyMoved, Retried
from actors.letters import Call
from actors.life import describe
from actors.memory_monitor import PressureMoved
from actors.supervision import ChildStarted, ChildStopped, Restarted
from gateway.face.record import RequestRecord
from tests.sim.bare_world import BareEvidence
from tests.sim.evidence import Evidence, Life
from tests.sim.history import Exchange, Facts, Heard

Entry = tuple[float, int, str]
"""When, the how manyth of all, and what."""
LAST: Final = 1 << 62
TOLD_BY_FACTS: Final = frozenset(
    {
        "request",
        "attempt repeated",
        "breaker moved",
        "cooling down",
        "provider key revoked",
        "provider key accepted again",
        "memory pressure",
        *(f"actor {what}" for what in ("started", "stopped", "crashed", "restarts", "gone")),
    }
)
"""Lines of the log that say what a fact says, or what is told of a request anyway."""


def timeline(evidence: Evidence) -> list[str]:
    """Everything in the order in which it happened, a line each."""
    entries: list[Entry] = [(at, mark, f"world     {what}") for at, mark, what in evidence.history.notes]
    for heard in evidence.all_heard:
        entries += _of_client(heard)
    for exchange in evidence.history.exchanges:
        entries += _of_provider(exchange)
    for work in evidence.history.works:
        who = f"client    {work.heard.id} asked for {work.id}"
        entries.append((work.began_at, LAST, f"{who}, which begins"))
        if work.ended_at is not None:
            entries.append((work.ended_at, LAST, f"{who}: {work.status}"))
    for errand in evidence.history.errands:
        told = "no answer" if errand.result is None else _short(errand.result)
        at = errand.over_at or errand.broken_at or errand.at
        entries.append((at, LAST, f"tool      for {errand.request_id}: {told}"))
    for life in evidence.lives:
        entries += [(at, mark, f"worker {life.worker}  {words}") for at, mark, words in _of_gateway(life)]
    return [f"{at:9.3f}  {words}" for at, _, words in sorted(entries, key=lambda entry: entry[:2])]


def bare_timeline(evidence: BareEvidence) -> list[str]:
    """The same of the actors alone."""
    entries = [(blow.at, f"world     {blow.deed.value} {blow.target}") for blow in evidence.scenario.blows]
    for heard in evidence.heard:
        kind = "a stream" if heard.plan.streamed else "an answer"
        failure = "" if heard.failure is None else f": {type(heard.failure).__name__}"
        entries.append(
            (heard.asked_at, f"asker     {heard.call.id} asks for {kind} within {heard.plan.deadline_s:g} s")
        )
        entries.append((heard.ended_at, f"asker     {heard.call.id} {heard.end.value}{failure} {heard.said!r}"))
    for event in evidence.ledger.events:
        match event:
            case BreakerMoved(provider, model, before, after, _, at):
                entries.append((at, f"breaker   of {provider}/{model} from {before.value} to {after.value}"))
            case ActorBuried(actor, queued, in_flight, at):
                entries.append((at, f"actor     {actor} is dead, {queued} queued and {in_flight} in flight are told"))
            case ChildStarted(child=child, at=at):
                entries.append((at, f"actor     {child} runs"))
            case AttemptEnded(attempt=attempt):
                entries.append(_of_attempt(attempt))
    return [f"{at:9.3f}  {words}" for at, words in sorted(entries, key=lambda entry: entry[0])]


def digest(evidence: Evidence) -> str:
    """Of every byte on the wire, every log line and every fact."""
    lines = list(evidence.wire or ())
    for life in evidence.lives:
        lines += life.running.lines
        lines += [told(event) for event in life.events]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _of_client(heard: Heard) -> list[Entry]:
    who, ask = f"client    {heard.id}", heard.ask
    limit = "" if ask.timeout_s is None else f", within {ask.timeout_s} s"
    manner = "for a stream of" if ask.streamed else "for"
    place = f"({heard.client.temper.value}) asks worker {heard.client.worker}"
    asked = f"{who} {place} {manner} {ask.model} in {ask.dialect.name.lower()}{limit}"
    got = [str(heard.status or ""), heard.code, _short(heard.text) if heard.text else ""]
    ended = f"{who} {heard.end.value}: {' '.join(filter(None, got)) or 'nothing has come'}"
    return [(heard.asked_at, heard.asked_mark, asked), (heard.ended_at, heard.ended_mark, ended)]


def _of_provider(exchange: Exchange) -> list[Entry]:
    who = f"provider  {exchange.provider}, asked for {exchange.request_id}"
    begun = f", who has {_short(exchange.prefix)}" if exchange.prefix else ""
    entries = [(exchange.at, exchange.mark, f"{who}{begun}: {exchange.mood}")]
    said = _short(exchange.answer.until(exchange.said).text)
    if exchange.over_at is not None:
        entries.append((exchange.over_at, exchange.over_mark, f"{who}: done, said {said}"))
    if exchange.broken_at is not None:
        entries.append((exchange.broken_at, exchange.over_mark, f"{who}: broken off, had said {said}"))
    return entries


def _of_gateway(life: Life) -> Iterator[Entry]:
    """What its actors decided and what became of them, and of its log what no actor has stated."""
    facts = life.events
    for fact, mark in zip(facts, facts.marks if isinstance(facts, Facts) else repeat(0), strict=False):
        if (told := _of_fact(fact, life.drained_at)) is not None:
            yield told[0], mark, told[1]
    for line in life.lines:
        if line["event"] not in TOLD_BY_FACTS:
            names = ("event", "before", "after", "because", "correlation_id", "crash")
            words = " ".join(str(line[name]) for name in names if line.get(name) is not None)
            yield _seconds_of(line["timestamp"]), 0, words


def _of_fact(fact: object, drained_at: float | None) -> tuple[float, str] | None:
    match fact:
        case AttemptEnded(attempt=attempt):
            return _of_attempt(attempt)
        case Retried(_, attempt, delay_s, because):
            after = f" after {delay_s:.3g} s" if delay_s else ""
            why = "" if because is None else f", because of {type(because).__name__}"
            who = f"{attempt.call.payload.request_id} attempt {attempt.number} at {attempt.candidate.provider}"
            return attempt.began_at, f"attempt   {who} begins ({attempt.operation}{after}{why})"
        case BreakerMoved(provider, model, before, after, failures, at):
            return at, f"breaker   of {provider}/{model} from {before.value} to {after.value}, {failures} failures"
        case CoolingDown(provider, model, key, seconds, at):
            return at, f"key       {key} of {provider} is left alone for {seconds:g} s, for {model}"
        case KeyMoved(provider, key, model, revoked, at):
            return at, f"key       {key} of {provider} is {'refused' if revoked else 'accepted again'}, for {model}"
        case PressureMoved(before=before, after=after, at=at):
            return at, f"memory    pressure from {before.name.lower()} to {after.name.lower()}"
        case ActorBuried(actor, queued, in_flight, at) if drained_at is None or at < drained_at:
            return at, f"actor     {actor} is dead, {queued} queued and {in_flight} in flight are told"
        case ChildStopped(child=child, crash=crash, at=at) if crash is not None:
            return at, f"actor     {child} has crashed: {describe(crash)}"
        case Restarted(child=child, backoff_s=pause_s, at=at):
            return at, f"actor     {child} is started again after {pause_s:.2g} s"
    return None


def _of_attempt(attempt: Attempt) -> tuple[float, str]:
    failure = "" if attempt.failure is None else f": {type(attempt.failure).__name__}"
    who = f"{attempt.call.payload.request_id} attempt {attempt.number} at {attempt.candidate.provider}"
    outcome = "open" if attempt.outcome is None else attempt.outcome.value
    return attempt.ended_at or 0.0, f"attempt   {who} ({attempt.operation}) {outcome}{failure}"


def _seconds_of(timestamp: str) -> float:
    """Since the run's beginning, 22:13:20."""
    hours, minutes, seconds = timestamp[11:-1].split(":")
    return (int(hours) - 22) * 3600 + (int(minutes) - 13) * 60 + float(seconds) - 20


def _short(text: str) -> str:
    return repr(text if len(text) < 40 else f"{text[:18]} ... {text[-15:]}")


def told(fact: object) -> str:
    """A fact in one line, without anything that changes from process to process."""
    if isinstance(fact, AttemptEnded):
        return f"AttemptEnded {_told(fact.attempt)}"
    assert isinstance(fact, tuple), fact
    return f"{type(fact).__name__} {' '.join(_told(value) for value in fact)}"


def _told(value: Any) -> str:
    match value:
        case Call():
            return f"call {value.id} of {value.arrived_at!r}"
        case Attempt():
            times = (value.began_at, value.sent_at, value.accepted_at, value.content_at, value.ended_at)
            failure = None if value.failure is None else _told(value.failure)
            return (
                f"{_told(value.call)} attempt {value.number} {value.operation} at {value.candidate.provider} "
                f"{value.outcome} {failure} {times!r} {value.spent_tokens}"
            )
        case RequestRecord():
            return f"request {value.id} {value.status} {value.outcome}"
        case enum.Enum():
            return value.name
        case BaseException():
            return f"{type(value).__name__}({value})"
        case _:
            return repr(value)
