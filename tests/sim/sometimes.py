"""What has to happen now and then, or a simulation proves little: each in one seed of a hundred at the least."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Final

from actors.attempt import Attempt, Outcome
from actors.errors import ActorDied, DeadlineExceeded, Overloaded, RateLimited, Stage, TimedOut, Unavailable
from actors.events import ActorBuried, BreakerMoved, CoolingDown, KeyMoved, LateSettlement, Refused, Retried
from actors.memory_monitor import Pressure, PressureMoved
from actors.policy.breaker import Phase
from actors.supervision import Restarted
from tests.sim.background import ENDS
from tests.sim.evidence import Evidence
from tests.sim.history import End, Heard
from tests.sim.scenario import CALM_AT, Blow, Dialect, Mood, Temper
from tests.sim.town import HOUSES
from tests.sim.turns import Who

Seen = Iterator[str]
FLAPS: Final = 6
"""So often a provider turns from well to ill or back before it flaps."""


def seen_in(evidence: Evidence) -> set[str]:
    """The names of what has happened in a run."""
    return {name for look in LOOKS for name in look(evidence)}


def _among_facts(evidence: Evidence) -> Seen:
    for life in evidence.lives:
        for event in life.events:
            match event:
                case BreakerMoved(before=Phase.OPEN, after=Phase.PROBING):
                    yield "a breaker is half open"
                case BreakerMoved(before=Phase.PROBING, after=Phase.CLOSED):
                    yield "a probe closes a breaker"
                case BreakerMoved(before=Phase.PROBING, after=Phase.OPEN):
                    yield "a probe fails or is lost"
                case BreakerMoved(model="*", after=Phase.OPEN):
                    yield "a host's breaker opens"
                case BreakerMoved(failures=0, after=Phase.OPEN):
                    yield "a breaker opens because another worker's has"
                case Retried(attempt=attempt):
                    yield f"an attempt more: {attempt.operation}"
                case CoolingDown():
                    yield "a key cools down"
                case KeyMoved(revoked=True):
                    yield "a key is set aside"
                case LateSettlement():
                    yield "an answer or a failure comes too late"
                case Refused(failure=RateLimited()):
                    yield "a limit refuses"
                case Refused(failure=Overloaded()):
                    yield "a queue refuses"
                case Refused(failure=Unavailable()):
                    yield "an open breaker refuses"
                case PressureMoved(after=Pressure.REFUSE):
                    yield "memory is too short for new work"
                case PressureMoved(after=Pressure.DEGRADE):
                    yield "memory is short"
                case ActorBuried(in_flight=in_flight) if in_flight:
                    yield "an actor dies with calls in flight"
                case Restarted():
                    yield "an actor is restarted"


def _among_attempts(evidence: Evidence) -> Seen:
    for life in evidence.lives:
        for attempts in life.calls.values():
            for attempt in attempts:
                yield from _of_attempt(attempt)
        for line in life.lines:
            if line["event"] == "store moved" and line["after"] == "degraded":
                yield "the store is lost"
            if line["event"] == "store moved" and line["before"] == "degraded" and line["after"] == "connected":
                yield "the store is back"
        if any(
            attempt.content_at and attempt.content_at < at < (attempt.ended_at or 0)
            for at in _drains(evidence)
            for attempt in life.attempts
        ):
            yield "a drain amid a stream"


def _drains(evidence: Evidence) -> list[float]:
    return [life.drained_at for life in evidence.lives if life.drained_at is not None]


def _of_attempt(attempt: Attempt) -> Seen:
    match attempt.outcome:
        case Outcome.SUPERSEDED:
            yield "a slower attempt is stopped"
        case Outcome.BROKEN:
            yield "a stream breaks after its first content"
        case Outcome.LEFT if attempt.sent_at is None:
            yield "a call is left before it was sent"
        case Outcome.LEFT if attempt.content_at is not None:
            yield "a stream is left"
        case Outcome.LEFT:
            yield "a call is left while its provider thinks"
    if attempt.operation == "resume" and attempt.outcome is Outcome.OK:
        yield "another one finishes an answer"
    if attempt.operation == "hedge" and attempt.outcome is Outcome.OK:
        yield "a hedge wins"
    match attempt.failure:
        case ActorDied():
            yield "a call hears of an actor's death"
        case DeadlineExceeded():
            yield "a deadline passes"
        case TimedOut(stage=Stage.CONNECTING):
            yield "connecting takes too long"
        case TimedOut(stage=Stage.AWAITING):
            yield "the first content takes too long"
        case TimedOut(stage=Stage.STREAMING):
            yield "a stream is silent for too long"


def _among_clients(evidence: Evidence) -> Seen:
    for heard in evidence.history.heard:
        yield from _of_client(heard)
    yield f"the engine is {evidence.scenario.engine}"
    if len(evidence.scenario.faults) and evidence.scenario.workers > 1:
        yield "several workers"
    if any(life.reloaded_at for life in evidence.lives):
        yield "settings are reloaded"
    for exchange in evidence.history.exchanges:
        if exchange.prefix:
            yield "a model is given the beginning of an answer"


def _among_faults(evidence: Evidence) -> Seen:
    """Whatever a provider, the world or a client does wrong, by its own name."""
    for exchange in evidence.history.exchanges:
        yield f"a provider: {exchange.mood}"
    for fault in evidence.scenario.faults:
        yield f"a fault: {fault.blow.value}"
    for client in evidence.scenario.clients:
        yield f"a client: {client.temper.value}"
    for provider in evidence.providers:
        exchanges = [exchange for exchange in evidence.history.exchanges if exchange.provider == provider]
        well = [exchange.whole for exchange in exchanges if exchange.at < CALM_AT]
        if sum(one != other for one, other in itertools.pairwise(well)) >= FLAPS:
            yield "a provider flaps"


def _among_answers(evidence: Evidence) -> Seen:
    """In which client's dialect whose answers have come whole that are more than a text, and where they were cut."""
    for heard in evidence.history.heard:
        dialect = heard.ask.dialect.name.lower()
        if heard.end is End.OK:
            (provider, *_) = [each.provider for each in evidence.sources_of(heard) if each.whole] or [""]
            wishes = {"calls": heard.calls, "thoughts": heard.thought, "json": heard.ask.structured}
            yield from (f"{name} by {provider} in {dialect}" for name, there in wishes.items() if there)
        elif heard.calls:
            yield "an answer is cut amid a call"
        elif heard.thought and not heard.text:
            yield "an answer is cut amid a thought"


def _of_client(heard: Heard) -> Seen:
    if heard.end is End.OK:
        yield f"a whole answer in {heard.ask.dialect.name.lower()}"
        if heard.ask.dialect is not Dialect.EMBEDDINGS and heard.ask.streamed:
            yield f"a whole stream in {heard.ask.dialect.name.lower()}"
        if heard.client.temper is Temper.PIPELINING:
            yield "a whole answer to a pipelined request"
    if heard.end is End.ERROR and heard.status == 200:
        yield "a stream ends with an error"
    if heard.end is End.LEFT:
        yield f"a client leaves: {heard.client.temper.value}"
    if heard.end is End.CUT and heard.client.temper is Temper.SLOW:
        yield "a reader that stalls is cut"
    if heard.end is End.CUT:
        yield "a connection ends under its client"
    if heard.end is End.ERROR and heard.status in (400, 401, 429, 500, 502, 503, 504, 529):
        yield f"an error of status {heard.status}"


def _among_turns(evidence: Evidence) -> Seen:
    """Conversations that go on, tools that the gateway runs, responses in the background."""
    for heard in evidence.history.heard:
        if heard.end is End.OK and len(heard.told) > 1:
            yield f"a conversation goes on in {heard.ask.dialect.name.lower()}"
            if any(entry.who is Who.RESULT for entry in heard.told):
                yield "a client tells what its function said"
        if heard.end is End.OK and heard.ask.hires and not heard.ask.background and evidence.errands_of.get(heard.id):
            yield f"a tool is run in {heard.ask.dialect.name.lower()}"
    for errand in evidence.history.errands:
        if errand.result is None:
            yield "a tool fails"
        if errand.broken_at is not None:
            yield "a tool is given up"
    for work in evidence.history.works:
        if work.status in ENDS:
            yield f"in the background a response is {work.status}"
        if work.ended_at is not None and work.heard.end is End.LEFT:
            yield "a response outlasts its client"


def _among_kept(evidence: Evidence) -> Seen:
    """Answers that others have asked for."""
    by_id = {heard.id: heard for heard in evidence.all_heard}
    for heard in evidence.history.heard:
        if heard.end is not End.OK or heard.fields.get("x-gateway-cache") != "hit":
            continue
        for exchange in evidence.sources_of(heard):
            if exchange.whole and exchange.over_at is not None:
                is_there = exchange.over_at < heard.asked_at
                yield "an answer is given again" if is_there else "an answer is read along"
                if not is_there and by_id[exchange.request_id].end is End.LEFT:
                    yield "who reads along outlasts who began"


LOOKS: Final[tuple[Callable[[Evidence], Seen], ...]] = (
    _among_facts,
    _among_attempts,
    _among_clients,
    _among_faults,
    _among_answers,
    _among_turns,
    _among_kept,
)
CONVERSATIONS: Final = ("chat", "responses", "messages")
EXPECTED: Final = frozenset(
    {
        "a breaker is half open",
        "a probe closes a breaker",
        "a probe fails or is lost",
        "a host's breaker opens",
        "an attempt more: retry",
        "an attempt more: fallback",
        "an attempt more: hedge",
        "an attempt more: resume",
        "an attempt more: rotate",
        "a key cools down",
        "a key is set aside",
        "a limit refuses",
        "a queue refuses",
        "an open breaker refuses",
        "memory is too short for new work",
        "memory is short",
        "an actor dies with calls in flight",
        "an actor is restarted",
        "the store is lost",
        "the store is back",
        "a drain amid a stream",
        "a slower attempt is stopped",
        "a stream breaks after its first content",
        "a call is left before it was sent",
        "a stream is left",
        "a call is left while its provider thinks",
        "another one finishes an answer",
        "a hedge wins",
        "a call hears of an actor's death",
        "a deadline passes",
        "connecting takes too long",
        "the first content takes too long",
        "a stream is silent for too long",
        "the engine is edge",
        "the engine is hypercorn",
        "the engine is edge-quart-only",
        "several workers",
        "settings are reloaded",
        "a model is given the beginning of an answer",
        "a whole answer in chat",
        "a whole answer in responses",
        "a whole answer in messages",
        "a whole answer in embeddings",
        "a whole stream in chat",
        "a whole stream in responses",
        "a whole stream in messages",
        "a whole answer to a pipelined request",
        "a stream ends with an error",
        "a client leaves: impatient",
        "a client leaves: hangs up sending",
        "a client leaves: hangs up reading",
        "a reader that stalls is cut",
        "a connection ends under its client",
        "an error of status 400",
        "an error of status 429",
        "an error of status 502",
        "an error of status 503",
        "an error of status 504",
        "a provider flaps",
        "an answer is cut amid a call",
        "an answer is cut amid a thought",
        "a client tells what its function said",
        "a tool fails",
        "a tool is given up",
        "a response outlasts its client",
        "an answer is given again",
        "an answer is read along",
        *(f"in the background a response is {status}" for status in ("completed", "failed", "cancelled")),
        *(f"a conversation goes on in {dialect}" for dialect in CONVERSATIONS),
        *(f"a tool is run in {dialect}" for dialect in CONVERSATIONS),
        *(f"a provider: {mood.value}" for mood in Mood),
        *(f"a fault: {blow.value}" for blow in Blow),
        *(f"a client: {temper.value}" for temper in Temper),
        *(f"calls by {provider} in {dialect}" for provider in HOUSES for dialect in CONVERSATIONS),
        *(f"json by {provider} in {dialect}" for provider in HOUSES for dialect in CONVERSATIONS),
        *(f"thoughts by {provider} in {dialect}" for provider in HOUSES for dialect in CONVERSATIONS),
    }
) - {
    # DeepSeek follows no schema, which is told to those who speak another dialect; OpenAI's chat hides thoughts.
    *("json by deepseek in responses", "json by deepseek in messages"),
    *("thoughts by openai in chat", "thoughts by openai in messages"),
}
