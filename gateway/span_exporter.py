"""Sends finished traces to an OpenTelemetry collector over OTLP/HTTP, as a supervised child.

No request ever waits for it: a collector that is down, slow or silent costs spans (see `SpanQueue`), which are
counted, and one log line when it goes and one when it comes back. https://opentelemetry.io/docs/specs/otlp/
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final

import trio
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan

from actors.errors import Failure
from actors.events import Observe
from gateway.dialects.envelope import RawHeaders
from gateway.edge.client import UpstreamClient
from gateway.providers.profile import Origin
from gateway.telemetry.kinds import kind_of
from gateway.telemetry.span_queue import ExportMoved, SpanQueue, SpansDropped, SpansExported

EXPORT_EVERY_S: Final = 5.0
"""The longest that a trace waits for company."""
BATCH_SPANS: Final = 512
SPANS_A_TURN: Final = 24
"""Encoded before others get their turn: a millisecond's work."""
ANSWER_S: Final = 10.0
FLUSH_S: Final = 3.0
"""What the collector gets to take what is left when the gateway ends."""
PAUSE_BASE_S: Final = 1.0
PAUSE_MAX_S: Final = 30.0
MAX_ANSWER_BYTES: Final = 64 * 1024
_BUSY: Final = frozenset({408, 429, 502, 503, 504})
"""Statuses that say: the same again, later."""


@dataclass(frozen=True, slots=True)
class Collector:
    """Where spans go, and with which headers of the operator's."""

    origin: Origin
    target: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()


class SpanExporter:
    """Takes traces off the queue and sends them, every `EXPORT_EVERY_S` or as soon as a batch is full."""

    def __init__(
        self,
        queue: SpanQueue,
        collector: Collector,
        client: UpstreamClient,
        *,
        clock: Callable[[], float],
        random: Random,
        observe: Observe,
    ) -> None:
        """`client` is this exporter's alone, and is closed with it."""
        self._queue = queue
        self._collector = collector
        self._client = client
        self._clock = clock
        self._random = random
        self._observe = observe
        self._always = ((b"content-type", b"application/x-protobuf"), *collector.headers)
        self._stopped = trio.Event()
        self._batch: Sequence[Sequence[ReadableSpan]] = ()
        """Taken off the queue, and not settled yet."""
        self._failing = ""
        """Why the last batch was not taken; "" where it was."""
        self._exported = 0
        self._dropped = 0

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Exports until stopped, and then what is left, for `FLUSH_S` at most."""
        task_status.started()
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._export_for_ever)
                await self._stopped.wait()
                nursery.cancel_scope.cancel()
            with trio.move_on_after(FLUSH_S):
                await self._export_all(patiently=False)
            self._drop(_count(self._queue.take(self._queue.spans)), "drained")
        finally:
            self._drop(_count(self._batch), "drained")
            self._client.close()

    def stop(self) -> None:
        self._stopped.set()

    def view(self) -> dict[str, Any]:
        """This child's detail in /admin/actors."""
        return {
            "waiting": self._queue.spans,
            "exported": self._exported,
            "dropped": self._dropped,
            "failing": self._failing or None,
        }

    async def _export_for_ever(self) -> None:
        while True:
            with trio.move_on_after(EXPORT_EVERY_S):
                await self._queue.wait_for(BATCH_SPANS)
            await self._export_all(patiently=True)

    async def _export_all(self, *, patiently: bool) -> None:
        """Until nothing waits. A collector that does not take a batch is asked again, unless there is no time left."""
        pause_s = PAUSE_BASE_S
        while self._batch or self._queue.spans:
            self._batch = self._batch or self._queue.take(BATCH_SPANS)
            if await self._export():
                pause_s = PAUSE_BASE_S
            elif patiently:
                await trio.sleep(pause_s * (0.5 + 0.5 * self._random.random()))
                pause_s = min(2 * pause_s, PAUSE_MAX_S)
            else:
                return

    async def _export(self) -> bool:
        """Whether the batch is settled: taken, or refused for good."""
        count = _count(self._batch)
        answer = await self._send(await _encode(self._batch))
        if isinstance(answer, str) or answer in _BUSY:
            self._move(answer if isinstance(answer, str) else f"status_{answer}")
            return False
        self._batch = ()
        if 200 <= answer < 300:
            self._exported += count
            self._observe(SpansExported(count))
            self._move("")
        else:
            self._drop(count, "rejected")
            self._move(f"status_{answer}")
        return True

    async def _send(self, body: bytes) -> int | str:
        """The status that the collector answers, or why there is none."""
        headers: RawHeaders = []
        with trio.move_on_after(ANSWER_S):
            try:
                response = await self._client.request(
                    self._collector.origin, b"POST", self._collector.target, headers, body, always=self._always
                )
            except Failure as failure:
                return kind_of(failure)
            try:
                await response.read(MAX_ANSWER_BYTES)
                return response.status
            except Failure as failure:
                return kind_of(failure)
            finally:
                response.close()
        return "timed_out"

    def _move(self, failing: str) -> None:
        if bool(failing) != bool(self._failing):
            self._observe(ExportMoved(bool(failing), failing))
        self._failing = failing

    def _drop(self, count: int, because: str) -> None:
        if count:
            self._dropped += count
            self._observe(SpansDropped(count, because))


def _count(traces: Sequence[Sequence[ReadableSpan]]) -> int:
    return sum(map(len, traces))


async def _encode(traces: Sequence[Sequence[ReadableSpan]]) -> bytes:
    """An ExportTraceServiceRequest, a few traces after the others with a turn for others between them.

    In protobuf, messages that are put one behind the other are one message with the lists of all.
    """
    parts: list[bytes] = []
    spans: list[ReadableSpan] = []
    for trace in traces:
        spans += trace
        if len(spans) >= SPANS_A_TURN or trace is traces[-1]:
            parts.append(encode_spans(spans).SerializeToString())
            spans = []
            await trio.lowlevel.checkpoint()
    return b"".join(parts)
