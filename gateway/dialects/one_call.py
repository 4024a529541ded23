"""At most one call of a function in an answer, for a client that has asked for them one at a time.

Not every provider can be kept to that. The first call is told; the model makes the others again, if it still wants to,
once it has seen what came of the first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gateway.dialects.answer_events import Added, Closed, Event, Opened
from gateway.dialects.codec import StreamEncoder
from gateway.dialects.conversation import Part, Reply, ToolCall


def keep_one_call(reply: Reply) -> None:
    """Takes the later calls out of every choice."""
    for choice in reply.choices:
        choice.parts = list(_with_one_call(choice.parts))


def _with_one_call(parts: Iterable[Part]) -> Iterable[Part]:
    called = False
    for part in parts:
        if not (called and isinstance(part, ToolCall)):
            yield part
        called |= isinstance(part, ToolCall)


class OneCallEncoder:
    """A `StreamEncoder` that hears of no later call."""

    __slots__ = ("_called", "_encoder", "_passing")

    def __init__(self, encoder: StreamEncoder) -> None:
        self._encoder = encoder
        self._called: set[int] = set()
        """Choices that have their call."""
        self._passing: set[int] = set()
        """Choices whose open part is a later one."""

    def encode(self, events: Sequence[Event]) -> bytes:
        return self._encoder.encode([event for event in events if self._is_told(event)])

    def end(self) -> bytes:
        return self._encoder.end()

    def _is_told(self, event: Event) -> bool:
        if isinstance(event, Opened) and isinstance(event.part, ToolCall):
            if event.choice in self._called:
                self._passing.add(event.choice)
                return False
            self._called.add(event.choice)
        elif isinstance(event, Added | Closed) and event.choice in self._passing:
            if isinstance(event, Closed):
                self._passing.discard(event.choice)
            return False
        return True
