"""What every API endpoint has around its own work: an id, one record at the end, failures as the client's errors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from actors.errors import CallCrashed, Failure
from actors.letters import Clock
from gateway.dialects.openai_errors import error_body
from gateway.exchange import REQUEST_ID, Answer, Disconnected, Request
from gateway.face import provenance
from gateway.face.correlation import request_id_of
from gateway.face.errors import RenderError, error_answer
from gateway.face.kept_answer import keep
from gateway.face.rate_limit_headers import binding, told_by_us
from gateway.face.record import CLIENT_CLOSED_REQUEST, DISCONNECTED, ERROR, OK, RequestRecord
from gateway.telemetry.trace_context import Trace, Traces

Serve = Callable[[Request, RequestRecord], Awaitable[Answer]]
"""An endpoint's own work. Raises Failure; whatever else it raises is a crash of this one request."""

OnCrash = Callable[[Exception, str], None]
"""Takes what nobody expected and the request's id, for the log; must not raise."""

WARNING: bytes = b"x-gateway-warning"
"""Beside an answer: what of the client's wishes was passed over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reporting:
    """Where endpoints take ids and times from, and whom they tell."""

    clock: Clock
    new_id: Callable[[], str]
    on_finished: Callable[[RequestRecord], None]
    on_crash: OnCrash
    traces: Traces | None = None
    """None where nobody traces."""

    def trace_within(self, trace: Trace | None) -> Trace | None:
        """A place in a request's trace for something that it does; None where nobody traces."""
        return None if trace is None or self.traces is None else self.traces.within(trace)


class ApiEndpoint:
    """A handler: `serve` with all that around it.

    A bytes answer finishes the record here; a streamed one's body does so when it is closed.
    """

    __slots__ = ("_clock", "_endpoint", "_new_id", "_on_crash", "_on_finished", "_render_error", "_serve", "_traces")

    def __init__(
        self, endpoint: str, serve: Serve, reporting: Reporting, *, render_error: RenderError = error_body
    ) -> None:
        self._endpoint = endpoint
        self._serve = serve
        self._render_error = render_error
        self._clock = reporting.clock
        self._new_id = reporting.new_id
        self._on_finished = reporting.on_finished
        self._on_crash = reporting.on_crash
        self._traces = reporting.traces

    @property
    def name(self) -> str:
        """The endpoint's, as records have it."""
        return self._endpoint

    async def __call__(self, request: Request) -> Answer:
        own_id = self._new_id()
        clock = self._clock
        request_id = request_id_of(request.fields) or own_id
        record = RequestRecord(self._endpoint, own_id, request_id, clock(), self._on_finished, request)
        if self._traces is not None:
            record.trace = self._traces.begin(request.method, request.fields)
        try:
            answer = await self._serve(request, record)
        except Failure as failure:
            answer = self._refuse(record, failure)
        except Disconnected:
            record.finish(CLIENT_CLOSED_REQUEST, DISCONNECTED, clock())
            raise
        except Exception as bug:  # one request's crash is its own; the client learns nothing of our insides
            self._on_crash(bug, record.request_id)
            answer = self._refuse(record, CallCrashed("The gateway failed to handle this request."))
        except BaseException:  # cancelled: the client has gone, or its fate says why not
            record.finish(CLIENT_CLOSED_REQUEST, DISCONNECTED, clock())
            raise
        headers = answer.headers
        if record.filling is not None:
            headers += record.filling.headers
        headers.append((REQUEST_ID, request_id.encode()))
        if record.warning is not None:
            headers.append((WARNING, record.warning))
        if record.trace is not None and record.trace.answer is not None:
            answer.body = keep(answer.body, record.trace.answer)
        body = answer.body
        if isinstance(body, bytes):
            record.bytes_out = len(body)
            record.finish(answer.status, ERROR if answer.status >= 400 else OK, clock())
        return answer

    def _refuse(self, record: RequestRecord, failure: Failure) -> Answer:
        record.failure = failure
        answer = error_answer(failure, self._render_error)
        answer.headers += record.asked_in_vain
        if record.call is not None:
            answer.headers.extend(provenance.of_failure(record.call, failure))
            if record.call.attempts:
                record.tell_context(record.call.attempts[-1].candidate)
        if (standings := binding(failure, record.call, self._clock())) is not None:
            answer.headers = told_by_us(answer.headers, standings)
        return answer
