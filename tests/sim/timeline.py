"""One run as people read it, and as two runs are compared: who did what when."""

from __future__ import annotations

import enum
import hashlib
from typing import Any

from actors.attempt import Attempt
from actors.events import ActorBuried, AttemptEnded, BreakerMoved
from actors.letters import Call
from actors.supervision import ChildStarted
from gateway.face.record import RequestRecord
from tests.sim.bare_world import BareEvidence
from tests.sim.evidence import Evidence, Life
from tests.sim.history import Exchange, Heard


def timeline(evidence: Evidence) -> list[str]:
    """Everything in the order in which it happened, a line each."""
    entries = [(at, f"world     {what}") for at, what in evidence.history.notes]
    for heard in evidence.all_heard:
        entries += _of_client(heard)
    for exchange in evidence.history.exchanges:
        entries += _of_provider(exchange)
    for work in evidence.history.works:
        who = f"client    {work.heard.id} asked for {work.id}"
        entries.append((work.began_at, f"{who}, which begins"))
        if work.ended_at is not None:
            entries.append((work.ended_at, f"{who}: {work.status}"))
    for errand in evidence.history.errands:
        told = "no answer" if errand.result is None else _short(errand.result)
        entries.append((errand.over_at or errand.broken_at or errand.at, f"tool      for {errand.request_id}: {told}"))
    for life in evidence.lives:
        entries += [(at, f"worker {life.worker}  {words}") for at, words in _of_gateway(life)]
    return [f"{at:9.3f}  {words}" for at, words in sorted(entries, key=lambda entry: entry[0])]


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


def _of_client(heard: Heard) -> list[tuple[float, str]]:
    who, ask = f"client    {heard.id}", heard.ask
    limit = "" if ask.timeout_s is None else f", within {ask.timeout_s} s"
    manner = "a stream of" if ask.streamed else "for"
    asked = f"{who} ({heard.client.temper.value}) asks {manner} {ask.model} in {ask.dialect.name.lower()}{limit}"
    ended = f"{who} {heard.end.value}: {heard.status or ''} {heard.code} {_short(heard.text)}"
    return [(heard.asked_at, asked), (heard.ended_at, ended)]


def _of_provider(exchange: Exchange) -> list[tuple[float, str]]:
    who = f"provider  {exchange.provider}, asked for {exchange.request_id}"
    begun = f", who has {_short(exchange.prefix)}" if exchange.prefix else ""
    entries = [(exchange.at, f"{who}{begun}: {exchange.mood}")]
    if exchange.over_at is not None:
        entries.append((exchange.over_at, f"{who}: done, said {_short(exchange.answer.until(exchange.said).text)}"))
    if exchange.broken_at is not None:
        entries.append(
            (exchange.broken_at, f"{who}: broken off, had said {_short(exchange.answer.until(exchange.said).text)}")
        )
    return entries


def _of_gateway(life: Life) -> list[tuple[float, str]]:
    """Its log, without what every request says, and the ends of attempts."""
    entries = []
    for line in life.lines:
        if line["event"] not in ("request", "actor started"):
            at = _seconds_of(line["timestamp"])
            names = ("event", "actor", "provider", "model", "before", "after", "operation", "correlation_id", "because")
            entries.append((at, " ".join(str(line[name]) for name in names if line.get(name) is not None)))
    entries += [_of_attempt(attempt) for attempt in life.attempts]
    return entries


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
