"""Where finished traces wait for the exporter: bounded, and what does not fit is dropped whole and counted.

Nothing of a request waits for its spans. A trace is kept or dropped as one: half a tree explains nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import trio

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

MAX_SPANS = 4096
MAX_TEXT_BYTES = 16 * 1024 * 1024
"""Of messages and answers, where spans have them."""


class SpansDropped(NamedTuple):
    """So many spans will never arrive."""

    spans: int
    because: str
    """`queue_full`, `rejected` by the collector, or `drained`: the gateway ended before they could be sent."""


class SpansExported(NamedTuple):
    """The collector has taken so many."""

    spans: int


class ExportMoved(NamedTuple):
    """The collector does not take spans, or takes them again."""

    failing: bool
    because: str = ""


class SpanQueue:
    """Finished traces, oldest first; one exporter takes them."""

    def __init__(self, max_spans: int, max_text_bytes: int = MAX_TEXT_BYTES) -> None:
        self._max_spans = max_spans
        self._max_text_bytes = max_text_bytes
        self._traces: deque[tuple[Sequence[ReadableSpan], int]] = deque()
        self._text_bytes = 0
        self._enough = trio.Event()
        self._enough_at = 0
        self.spans = 0
        """How many wait."""

    def put(self, spans: Sequence[ReadableSpan], text_bytes: int = 0) -> bool:
        """Adds one trace, with so much text in it; False where it did not fit. Never blocks."""
        if self.spans + len(spans) > self._max_spans or self._text_bytes + text_bytes > self._max_text_bytes:
            return False
        self._traces.append((spans, text_bytes))
        self.spans += len(spans)
        self._text_bytes += text_bytes
        if self.spans >= self._enough_at:
            self._enough.set()
        return True

    def take(self, most: int) -> list[Sequence[ReadableSpan]]:
        """The oldest traces with about `most` spans together; at least one trace where there is one."""
        taken: list[Sequence[ReadableSpan]] = []
        count = 0
        while self._traces and (not taken or count + len(self._traces[0][0]) <= most):
            trace, text_bytes = self._traces.popleft()
            taken.append(trace)
            count += len(trace)
            self._text_bytes -= text_bytes
        self.spans -= count
        return taken

    async def wait_for(self, spans: int) -> None:
        """Returns when so many wait. One task at a time."""
        if self.spans >= spans:
            await trio.lowlevel.checkpoint()
            return
        self._enough, self._enough_at = trio.Event(), spans
        await self._enough.wait()
