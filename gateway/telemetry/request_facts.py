"""Requests and their attempts as log lines, numbers and traces; the observer hands their facts on.

A request may be over before its attempts are: a hedge that lost, an upstream call whose client has gone. They are being
stopped, and what they owe is known when they have ended: the request is told then, once, with all that it has used.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from actors.attempt import Attempt
from actors.errors import Blame, Failure
from actors.events import CallCrash, ErrandLeft, LateSettlement, Refused, Retried
from actors.letters import Call
from actors.shortage import HOST
from gateway.dialects.envelope import CallNotes, ModelRequest
from gateway.neighbour import ToolRan
from gateway.telemetry.contract import ANSWER_BROKEN, NOBODY
from gateway.telemetry.kinds import kind_of
from gateway.telemetry.logs import MAX_TEXT, Logs, render_crash, rounded
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.record import RequestRecord, Times, answering, times_of
from gateway.telemetry.request_line import line_of

DISCONNECTED: Final = "disconnected"
"""A record's outcome where the client went away."""
FAILED: Final = 400
"""A status from which on its answer never began."""
MALFORMED_EVENT: Final = "malformed_event"
"""The kind of an error that is no attempt's failure."""

Bill = Callable[[Attempt], None]
"""Takes an attempt that has ended to be paid for; what it costs stands in its notes from then on."""


class Tracer(Protocol):
    """Makes traces of what the observer hears."""

    def request_ended(self, record: RequestRecord, attempts: Sequence[Attempt], times: Times) -> None:
        """A request is over, with all its attempts."""
        ...

    def tool_ran(self, ran: ToolRan) -> None: ...


class _Held:
    """A request that is over, and how many of its attempts are not."""

    __slots__ = ("attempts", "left", "record")

    def __init__(self, record: RequestRecord, attempts: Sequence[Attempt]) -> None:
        self.record = record
        self.attempts = tuple(attempts)  # the call forgets them as soon as its request is over
        self.left = 0


class RequestFacts:
    """Takes those facts; never blocks."""

    def __init__(self, metrics: Metrics, bill: Bill) -> None:
        self._metrics = metrics
        self._bill = bill
        self.tracer: Tracer | None = None
        """None where nobody traces."""
        self._held: dict[Attempt, _Held] = {}
        """By each attempt that is still awaited."""

    def speak_through(self, logs: Logs) -> None:
        """From here on its lines keep to the levels of `logs` as they are now."""
        self._face = logs.get("gateway.face")
        self._log_line = logs.often("gateway.face", "request")
        self._provider = logs.get("actors.provider")
        self._router = logs.get("actors.router")

    @property
    def awaited(self) -> int:
        """How many attempts still run whose requests are over."""
        return len(self._held)

    def request_ended(self, record: RequestRecord) -> None:
        """A request is over: told now, or with the end of its last attempt."""
        if record.call is None:
            self._tell(record, ())
            return
        attempts = record.call.attempts
        for attempt in attempts:
            if attempt.ended_at is None:
                self._hold(_Held(record, attempts))
                return
        self._tell(record, attempts)

    def request_crashed(self, bug: Exception, request_id: str) -> None:
        self._face.error("request crashed", correlation_id=request_id[:MAX_TEXT], crash=render_crash(bug))

    def attempt_ended(self, attempt: Attempt) -> None:
        """An attempt is over: billed and counted, whoever's answer the client got; its request may be over too."""
        self._bill(attempt)
        notes: CallNotes | None = attempt.detail
        if notes is not None and notes.malformed:
            self._events_left_out(attempt, notes.malformed)
        if attempt.failure is not None:
            self._attempt_failed(attempt, attempt.failure)
        if self._held and (held := self._held.pop(attempt, None)) is not None:
            self._end_held(attempt, held)

    def errand_left(self, event: ErrandLeft) -> None:
        """A service's work has ended for whom nobody waits: a client that has gone, or one that was told something."""
        record: RequestRecord | None = event.asker
        if record is not None and record.outcome == DISCONNECTED:
            self._metrics.observe_disconnect(record.endpoint, event.at - record.ended_at)

    def retried(self, retried: Retried) -> None:
        attempt = retried.attempt
        self._metrics.count_retry(attempt.candidate.provider, attempt.operation)
        self._router.info(
            "attempt repeated",
            correlation_id=_correlation_id(retried.call),
            provider=attempt.candidate.provider,
            model=attempt.candidate.model[:MAX_TEXT],
            operation=attempt.operation,
            attempt=attempt.number,
            delay_s=rounded(retried.delay_s),
            because=None if retried.because is None else kind_of(retried.because),
        )

    def call_crashed(self, event: CallCrash) -> None:
        actor, call, error = event
        self._provider.error(
            "call crashed", actor=actor, correlation_id=_correlation_id(call), crash=render_crash(error)
        )

    def refused(self, event: Refused) -> None:
        """Its numbers come with the attempt's end or the request's; a line each would be a flood in an overload."""
        actor, call, failure = event
        self._provider.debug("refused", actor=actor, correlation_id=_correlation_id(call), because=kind_of(failure))

    def settled_late(self, event: LateSettlement) -> None:
        attempt = event.attempt
        self._provider.debug("late answer", correlation_id=_correlation_id(attempt.call), attempt=attempt.number)

    def _hold(self, held: _Held) -> None:
        for attempt in held.attempts:
            if attempt.ended_at is None:
                held.left += 1
                self._held[attempt] = held

    def _end_held(self, attempt: Attempt, held: _Held) -> None:
        record = held.record
        if record.outcome == DISCONNECTED and attempt.ended_at is not None:
            self._metrics.observe_disconnect(record.endpoint, attempt.ended_at - record.ended_at)
        held.left -= 1
        if not held.left:
            self._tell(record, held.attempts)

    def _tell(self, record: RequestRecord, attempts: Sequence[Attempt]) -> None:
        """All of it, once."""
        attempt = answering(attempts)
        times = times_of(record, attempts, attempt)
        self._count(record, attempt, times)
        if self._log_line is not None:
            self._log_line(line_of(record, attempts, attempt, times))
        if self.tracer is not None:
            self.tracer.request_ended(record, attempts, times)

    def _count(self, record: RequestRecord, attempt: Attempt | None, times: Times) -> None:
        if attempt is None:
            provider, model = NOBODY, record.model
            if record.failure is not None:
                self._metrics.count_error(NOBODY, kind_of(record.failure))
        else:
            provider, model = attempt.candidate.provider, attempt.candidate.model
            if record.failure is not None and record.status < FAILED and record.failure.blames_provider:
                self._metrics.count_error(provider, ANSWER_BROKEN)
        series = self._metrics.series(provider, model, record.endpoint, record.status, record.stream)
        series.requests.value += 1
        series.duration.observe(times.total_s)
        series.overhead.observe(times.overhead_s)
        if times.first_token_s is not None:
            series.first_token.observe(times.first_token_s)
        if record.cache is not None:
            self._metrics.count_cache(record.endpoint, record.cache)
        if self._metrics.exemplars and record.trace is not None and record.trace.sampled:
            series.exemplify(times.total_s, times.first_token_s, record.trace.name)

    def _attempt_failed(self, attempt: Attempt, failure: Failure) -> None:
        provider = attempt.candidate.provider
        self._metrics.count_error(provider, kind_of(failure))
        if failure.blame is Blame.MODEL:
            self._metrics.count_breaker_failure(provider, attempt.candidate.model)
        elif failure.blame is Blame.HOST:
            self._metrics.count_breaker_failure(provider, HOST)

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


def _correlation_id(call: Call) -> str:
    """The request's, as its own line has it; the call's id where it is no request of a client's."""
    payload = call.payload
    return (payload.request_id if isinstance(payload, ModelRequest) else call.id)[:MAX_TEXT]
