"""Turns requests that are over, with all their attempts, into finished traces."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from actors.attempt import Attempt
from actors.events import Observe
from gateway.neighbour import ToolRan
from gateway.telemetry.record import RequestRecord, Times
from gateway.telemetry.span_queue import SpanQueue, SpansDropped
from gateway.telemetry.spans import Finished, SpanMaker
from gateway.telemetry.trace_context import Trace


class Tracer:
    """Hands the spans of sampled requests to the queue. Never blocks."""

    def __init__(
        self,
        maker: SpanMaker,
        queue: SpanQueue,
        *,
        clock: Callable[[], float],
        wall_clock: Callable[[], float],
        observe: Observe,
    ) -> None:
        self._maker = maker
        self._queue = queue
        self._clock = clock
        self._wall_clock = wall_clock
        self._observe = observe

    def request_ended(self, record: RequestRecord, attempts: Sequence[Attempt], times: Times) -> None:
        """A request is over, with all its attempts."""
        trace = record.trace
        if trace is None or not trace.sampled:
            return
        finished = Finished(record, trace, attempts, times)
        spans = self._maker.spans_of(finished, self._wall_clock() - self._clock())
        text_bytes = 0 if trace.answer is None else len(trace.answer) + _asked_bytes(finished)
        if not self._queue.put(spans, text_bytes):
            self._observe(SpansDropped(len(spans), "queue_full"))

    def tool_ran(self, ran: ToolRan) -> None:
        """A tool was run within a request, which may still go on: its span goes before the others."""
        trace = ran.trace
        if not isinstance(trace, Trace) or not trace.sampled:
            return
        span = self._maker.tool_span(ran, trace, self._wall_clock() - self._clock())
        if not self._queue.put([span], 0):
            self._observe(SpansDropped(1, "queue_full"))


def _asked_bytes(finished: Finished) -> int:
    call = finished.record.call
    return 0 if call is None else call.size_bytes
