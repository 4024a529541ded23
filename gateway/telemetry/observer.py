"""Turns facts into log lines and numbers: the one place where what happens becomes what is seen.

Actors and the face state facts and know of no log and no metric. Neither a key nor a word of a message gets from here
into a line: failures are named by kind, crashes by type and frames.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from actors.attempt import Attempt
from actors.errors import Blame, CallCrashed, Failure
from actors.events import (
    ActorBuried,
    AttemptEnded,
    BreakerMoved,
    CallCrash,
    CoolingDown,
    ErrandCrashed,
    ErrandEnded,
    KeyMoved,
    LateSettlement,
    Refused,
    Retried,
)
from actors.letters import Call
from actors.memory_monitor import Pressure, PressureMoved
from actors.policy.breaker import Phase
from actors.supervision import ChildStarted, ChildStopped, Escalating, Restarted
from gateway.dialects.envelope import ModelRequest, Usage, cost_of
from gateway.money import NANO
from gateway.neighbour import ToolRan
from gateway.providers.model_lists import ListMoved
from gateway.telemetry.kinds import kind_of
from gateway.telemetry.logs import Logs, render_crash
from gateway.telemetry.metrics import NOBODY, Metrics, RequestLabels
from gateway.telemetry.record import RequestRecord, Times, answering, notes_of, times_of
from gateway.telemetry.service_facts import ServiceFacts
from gateway.telemetry.span_queue import ExportMoved, SpansDropped, SpansExported

HOST = "*"
DISCONNECTED = "disconnected"
"""A record's outcome where the client went away."""
STORE_MODES = {"memory": 0, "connected": 1, "degraded": 2}
BREAKER_STATES = {Phase.CLOSED: 0, Phase.PROBING: 1, Phase.OPEN: 2}
PRESSURES = {Pressure.NONE: 0, Pressure.DEGRADE: 1, Pressure.REFUSE: 2}
MALFORMED_EVENT = "malformed_event"
"""The kind of an error that is no attempt's failure."""
MAX_TEXT = 200
"""Characters of what a client chose (a model's name, an id) that a line repeats."""


class Tracer(Protocol):
    """Makes traces of what the observer hears."""

    def request_ended(self, record: RequestRecord, attempts: Sequence[Attempt], times: Times) -> None: ...
    def attempt_ended(self, attempt: Attempt) -> None: ...
    def tool_ran(self, ran: ToolRan) -> None: ...


class Observer:
    """Takes every fact of one gateway, on its event loop's thread; never raises, never blocks."""

    def __init__(self, logs: Logs, metrics: Metrics, bill: Callable[[Attempt], None] | None = None) -> None:
        """`bill` is told of every attempt that has ended, before anybody else reads what it cost."""
        self._metrics = metrics
        self.services = ServiceFacts(metrics)
        self.tracer: Tracer | None = None
        """None where nobody traces."""
        self.watch: Callable[[object], None] | None = None
        """Is told of every fact that does not come with every request."""
        self._bill = bill
        self.speak_through(logs)
        self._leaving: dict[Attempt, tuple[str, float]] = {}
        """Attempts that a client left behind, with the endpoint and when, until they have ended."""
        self._refused: set[str] = set()
        """What the store refuses, as far as that has been told."""

    def speak_through(self, logs: Logs) -> None:
        """From here on its lines keep to the levels of `logs` as they are now."""
        self._face = logs.get("gateway.face")
        self._log_fields = logs.often("gateway.face", "request")
        self._provider = logs.get("actors.provider")
        self._router = logs.get("actors.router")
        self._supervisor = logs.get("actors.supervisor")
        self._memory = logs.get("actors.memory_monitor")
        self._catalogue = logs.get("gateway.calls.catalogue_keeper")
        self._store = logs.get("gateway.store")
        self._exporter = logs.get("gateway.span_exporter")
        self.services.speak_through(logs)
        self._own = logs.get(__name__)

    @property
    def abandoned(self) -> int:
        """How many attempts still run whose client has gone."""
        return len(self._leaving)

    def __call__(self, event: object) -> None:
        """An actor's fact; the actors' `Observe`."""
        try:
            if isinstance(event, AttemptEnded):  # the one that comes with every request
                self._attempt_ended(event.attempt)
            else:
                self._take(event)
                if self.watch is not None:
                    self.watch(event)
        except Exception as bug:  # the actor that states a fact must not die of it
            self._not_observed(event, bug)

    def request_ended(self, record: RequestRecord) -> None:
        """A request is over: its line and its numbers."""
        try:
            self._take_request(record)
        except Exception as bug:  # the answer must not be lost for its line
            self._not_observed(record, bug)

    def request_crashed(self, bug: Exception, request_id: str) -> None:
        """The face's own code raised what nobody expected while it served this request."""
        self._face.error("request crashed", correlation_id=request_id[:MAX_TEXT], crash=render_crash(bug))

    def tool_ran(self, ran: ToolRan) -> None:
        """A tool was run: its line, its figure and its span."""
        self.services.tool_ran(ran)
        if self.tracer is not None:
            self.tracer.tool_ran(ran)

    def store_moved(self, before: str, after: str, because: str) -> None:
        """The shared store came, went, or is not used at all: one line, and the gauge."""
        self._metrics.set_store_mode(STORE_MODES[after])
        self._refused.clear()
        say = self._store.warning if after == "degraded" else self._store.info
        say("store moved", before=before, after=after, because=because)

    def store_answered(self, operation: str, seconds: float) -> None:
        self._metrics.observe_store(operation, seconds)

    def store_refused(self, operation: str, command: str, because: str) -> None:
        """The store answered a script or a command with an error: one line each, until the store has moved."""
        if command not in self._refused:
            self._refused.add(command)
            self._store.error("store refused", operation=operation, command=command, because=because)

    def _take(self, event: object) -> None:
        match event:
            case Retried():
                self._retried(event)
            case BreakerMoved():
                self._breaker_moved(event)
            case CoolingDown(provider, model, key, seconds, _):
                self._provider.info(
                    "cooling down", provider=provider, model=model[:MAX_TEXT], key=key, seconds=_rounded(seconds)
                )
            case KeyMoved(provider, key, model, revoked, _):
                say = self._provider.warning if revoked else self._provider.info
                text = "provider key revoked" if revoked else "provider key accepted again"
                say(text, provider=provider, key=key, model=model[:MAX_TEXT])
            case CallCrash(actor, call, error):
                self._provider.error(
                    "call crashed", actor=actor, correlation_id=_correlation_id(call), crash=render_crash(error)
                )
            case LateSettlement(attempt):
                self._provider.debug(
                    "late answer", correlation_id=_correlation_id(attempt.call), attempt=attempt.number
                )
            case ErrandEnded():
                self.services.errand_ended(event)
            case ErrandCrashed():
                self.services.errand_crashed(event)
            case Refused(actor, call, failure):
                # Its numbers come with the attempt's end or the request's; a line each would be a flood in an overload.
                self._provider.debug(
                    "refused", actor=actor, correlation_id=_correlation_id(call), because=kind_of(failure)
                )
            case ActorBuried(actor, queued, in_flight, replaced=replaced):
                if not replaced:
                    self._metrics.close_breakers(actor)
                self._supervisor.info("actor gone", actor=actor, queued=queued, in_flight=in_flight)
            case PressureMoved(before, after, used_bytes, threshold_bytes, _):
                self._metrics.set_pressure(PRESSURES[after])
                say = self._memory.warning if after > before else self._memory.info
                say(
                    "memory pressure",
                    pressure=after.name.lower(),
                    used_bytes=used_bytes,
                    threshold_bytes=threshold_bytes,
                )
            case ListMoved():
                self._list_moved(event)
            case SpansExported(spans):
                self._metrics.count_spans("exported", spans)
            case SpansDropped(spans, because):
                self._metrics.count_spans(because, spans)
            case ExportMoved(failing, because):
                if failing:
                    self._exporter.warning("traces do not arrive", because=because)
                else:
                    self._exporter.info("traces arrive again")
            case ChildStarted() | ChildStopped() | Restarted() | Escalating():
                self._supervision(event)

    def _list_moved(self, moved: ListMoved) -> None:
        match moved:
            case ListMoved(provider, models, None):
                self._catalogue.info("model list comes", provider=provider, models=models)
            case ListMoved(provider, models, CallCrashed() as crash):
                self._catalogue.error("model list crashed", provider=provider, models=models, crash=render_crash(crash))
            case ListMoved(provider, models, Failure() as failure):
                self._catalogue.warning(
                    "model list does not come", provider=provider, models=models, because=kind_of(failure)
                )

    def _supervision(self, event: ChildStarted | ChildStopped | Restarted | Escalating) -> None:
        who = {"supervisor": event.supervisor, "actor": event.child}
        match event:
            case ChildStarted(restarts=restarts):
                self._supervisor.info("actor started", **who, restarts=restarts)
            case ChildStopped(crash=None, asked=asked):
                self._supervisor.info("actor stopped", **who, asked=asked)
            case ChildStopped(crash=crash, asked=asked):
                self._supervisor.error("actor crashed", **who, asked=asked, crash=_rendered(crash))
            case Restarted(restarts=restarts, backoff_s=backoff_s):
                self._supervisor.warning("actor restarts", **who, restarts=restarts, backoff_s=_rounded(backoff_s))
            case Escalating(crash=crash, restarts=restarts):
                self._supervisor.critical("supervisor gives up", **who, restarts=restarts, crash=_rendered(crash))

    def _take_request(self, record: RequestRecord) -> None:
        attempts = record.call.attempts if record.call is not None else []
        attempt = answering(attempts)
        notes = None if attempt is None else notes_of(attempt)
        usage = None if notes is None else notes.usage
        times = times_of(record, attempt, notes)
        self._count_request(record, attempt, usage, times)
        if len(attempts) > 1:
            self._count_other_tokens(attempts, attempt)
        if record.cache is not None:
            self._metrics.count_cache(record.endpoint, record.cache)
        if self._log_fields is not None:
            self._log_fields(_line(record, attempt, usage, times, cost_of(attempts)))
        if record.outcome == DISCONNECTED:
            for unfinished in attempts:
                if unfinished.ended_at is None:
                    self._leaving[unfinished] = (record.endpoint, record.ended_at)
        if self.tracer is not None:
            self.tracer.request_ended(record, attempts, times)

    def _attempt_ended(self, attempt: Attempt) -> None:
        if self._bill is not None:
            self._bill(attempt)
        if self.tracer is not None:
            self.tracer.attempt_ended(attempt)
        if attempt.failure is not None:
            self._attempt_failed(attempt, attempt.failure)
        notes = notes_of(attempt)
        if notes is not None and notes.malformed:
            self._events_left_out(attempt, notes.malformed)
        if self._leaving and (left := self._leaving.pop(attempt, None)) is not None:
            endpoint, left_at = left
            self._late_cost(attempt)
            self._metrics.observe_disconnect(endpoint, (attempt.ended_at or left_at) - left_at)

    def _late_cost(self, attempt: Attempt) -> None:
        """What an attempt whose client has gone has cost: the request's own line could not know it yet."""
        notes = notes_of(attempt)
        if notes is not None and notes.cost:
            self._provider.info(
                "abandoned attempt billed",
                correlation_id=_correlation_id(attempt.call),
                provider=attempt.candidate.provider,
                model=attempt.candidate.model[:MAX_TEXT],
                client=attempt.call.client,
                cost_usd=notes.cost / NANO,
            )

    def _events_left_out(self, attempt: Attempt, count: int) -> None:
        """A stream had events that nobody could read; the client has the answer without them."""
        candidate = attempt.candidate
        self._metrics.count_error(candidate.provider, MALFORMED_EVENT, count)
        self._provider.warning(
            "events left out",
            correlation_id=_correlation_id(attempt.call),
            provider=candidate.provider,
            model=candidate.model[:MAX_TEXT],
            events=count,
        )

    def _attempt_failed(self, attempt: Attempt, failure: Failure) -> None:
        provider = attempt.candidate.provider
        self._metrics.count_error(provider, kind_of(failure))
        if failure.blame is Blame.MODEL:
            self._metrics.count_breaker_failure(provider, attempt.candidate.model)
        elif failure.blame is Blame.HOST:
            self._metrics.count_breaker_failure(provider, HOST)

    def _retried(self, retried: Retried) -> None:
        attempt = retried.attempt
        self._metrics.count_retry(attempt.candidate.provider, attempt.operation)
        self._router.info(
            "attempt repeated",
            correlation_id=_correlation_id(retried.call),
            provider=attempt.candidate.provider,
            model=attempt.candidate.model[:MAX_TEXT],
            operation=attempt.operation,
            attempt=attempt.number,
            delay_s=_rounded(retried.delay_s),
            because=None if retried.because is None else kind_of(retried.because),
        )

    def _breaker_moved(self, moved: BreakerMoved) -> None:
        self._metrics.set_breaker(moved.provider, moved.model, BREAKER_STATES[moved.after])
        say = self._provider.warning if moved.after is Phase.OPEN else self._provider.info
        say(
            "breaker moved",
            provider=moved.provider,
            model=moved.model[:MAX_TEXT],
            before=moved.before.value,
            after=moved.after.value,
            failures=moved.failures,
        )

    def _count_request(self, record: RequestRecord, attempt: Attempt | None, usage: Usage | None, times: Times) -> None:
        if attempt is None:
            provider, model = NOBODY, record.model
            if record.failure is not None:
                self._metrics.count_error(NOBODY, kind_of(record.failure))
        else:
            provider, model = attempt.candidate.provider, attempt.candidate.model
        labels = RequestLabels(provider, model, record.endpoint, record.status, record.stream)
        series = self._metrics.series(labels)
        series.requests.value += 1
        series.duration.observe(times.total_s)
        series.overhead.observe(times.overhead_s)
        if times.first_token_s is not None:
            series.first_token.observe(times.first_token_s)
        if usage is not None:
            series.count_tokens(usage)
        if self._metrics.exemplars and record.trace is not None and record.trace.sampled:
            series.exemplify(times.total_s, times.first_token_s, record.trace.name)

    def _count_other_tokens(self, attempts: list[Attempt], answering: Attempt | None) -> None:
        """Those of attempts whose answer nobody got: each counts under its own name."""
        for attempt in attempts:
            notes = notes_of(attempt)
            if attempt is not answering and notes is not None and notes.usage is not None:
                self._metrics.count_tokens(attempt.candidate.provider, attempt.candidate.model, notes.usage)

    def _not_observed(self, fact: object, bug: Exception) -> None:
        self._own.error("a fact could not be observed", kind=type(fact).__name__, crash=render_crash(bug))


class RequestLine(msgspec.Struct, gc=False):
    """The line of a request, after level, time, logger and event."""

    correlation_id: str
    endpoint: str
    status: int
    outcome: str
    error: str | None
    provider: str | None
    model: str
    attempts: int
    operation: str | None
    """Why the attempt that answered was started: first, retry, fallback, hedge, resume or rotate."""
    stream: bool
    prompt_tokens: int | None
    completion_tokens: int | None
    cached_tokens: int | None
    reasoning_tokens: int | None
    cost_usd: float | None
    """Of all its attempts; null where a price is not known, or where the client left before the bill came."""
    queue_s: float | None
    connect_s: float | None
    first_token_s: float | None
    total_s: float
    overhead_s: float
    client: str
    trace_id: str | msgspec.UnsetType = msgspec.UNSET
    """Where there is a trace to look at."""
    cache: str | msgspec.UnsetType = msgspec.UNSET
    """hit, miss or joined, where the cache was asked."""


def _line(
    record: RequestRecord, attempt: Attempt | None, usage: Usage | None, times: Times, cost: int | None
) -> RequestLine:
    call, failure = record.call, record.failure
    candidate = None if attempt is None else attempt.candidate
    # By position: names would cost as much as all the rest.
    return RequestLine(
        record.request_id[:MAX_TEXT],
        record.endpoint,
        record.status,
        record.outcome,
        None if failure is None else kind_of(failure),
        None if candidate is None else candidate.provider,
        (record.model if candidate is None else candidate.model)[:MAX_TEXT],
        0 if call is None else len(call.attempts),
        None if attempt is None else attempt.operation,
        record.stream,
        None if usage is None else usage.prompt,
        None if usage is None else usage.completion,
        None if usage is None else usage.cached,
        None if usage is None else usage.reasoning,
        None if cost is None else cost / NANO,
        None if times.queue_s is None else _rounded(times.queue_s),
        None if times.connect_s is None else _rounded(times.connect_s),
        None if times.first_token_s is None else _rounded(times.first_token_s),
        _rounded(times.total_s),
        _rounded(times.overhead_s),
        record.client,
        msgspec.UNSET if record.trace is None or not record.trace.sampled else record.trace.name,
        msgspec.UNSET if record.cache is None else record.cache,
    )


def _correlation_id(call: Call) -> str:
    """The request's, as its own line has it; the call's id where it is no request of a client's."""
    payload = call.payload
    return (payload.request_id if isinstance(payload, ModelRequest) else call.id)[:MAX_TEXT]


def _rendered(crash: Exception | None) -> list[str] | None:
    return None if crash is None else render_crash(crash)


def _rounded(seconds: float) -> float:
    """To the microsecond; `round` costs five times as much."""
    return int(seconds * 1e6 + 0.5) / 1e6
