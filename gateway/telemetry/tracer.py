"""Turns requests that are over into finished traces; the observer tells it of both ends that matter.

A request may be over before its attempts are: a hedge that lost, an upstream call whose client has gone. Its trace
waits for the last of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from actors.attempt import Attempt
from actors.events import Observe
from gateway.neighbour import ToolRan
from gateway.telemetry.record import RequestRecord, Times
from gateway.telemetry.span_queue import SpanQueue, SpansDropped
from gateway.telemetry.spans import Finished, SpanMaker
from gateway.telemetry.trace_context import Trace


class _Waiting:
    """A request that is over, and how many of its attempts are not."""

    __slots__ = ("finished", "left")

    def __init__(self, finished: Finished, left: int) -> None:
        self.finished = finished
        self.left = left


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
        self._waiting: dict[Attempt, _Waiting] = {}

    def request_ended(self, record: RequestRecord, attempts: Sequence[Attempt], times: Times) -> None:
        """A request is over, with these attempts so far."""
        trace = record.trace
        if trace is None or not trace.sampled:
            return
        finished = Finished(record, trace, tuple(attempts), times)  # the call forgets its attempts after this
        unended = [attempt for attempt in attempts if attempt.ended_at is None]
        if not unended:
            self._tell(finished)
            return
        waiting = _Waiting(finished, len(unended))
        for attempt in unended:
            self._waiting[attempt] = waiting

    def tool_ran(self, ran: ToolRan) -> None:
        """A tool was run within a request, which may still go on: its span goes before the others."""
        trace = ran.trace
        if not isinstance(trace, Trace) or not trace.sampled:
            return
        span = self._maker.tool_span(ran, trace, self._wall_clock() - self._clock())
        if not self._queue.put([span], 0):
            self._observe(SpansDropped(1, "queue_full"))

    def attempt_ended(self, attempt: Attempt) -> None:
        """An attempt is over; its request may be so already."""
        waiting = self._waiting.pop(attempt, None)
        if waiting is None:
            return
        waiting.left -= 1
        if not waiting.left:
            self._tell(waiting.finished)

    def _tell(self, finished: Finished) -> None:
        spans = self._maker.spans_of(finished, self._wall_clock() - self._clock())
        text_bytes = 0 if finished.trace.answer is None else len(finished.trace.answer) + _asked_bytes(finished)
        if not self._queue.put(spans, text_bytes):
            self._observe(SpansDropped(len(spans), "queue_full"))


def _asked_bytes(finished: Finished) -> int:
    call = finished.record.call
    return 0 if call is None else call.size_bytes
