"""A streamed answer, event by event (https://platform.claude.com/docs/en/build-with-claude/streaming).

Blocks come one after the other, as the pivot's parts do. What a provider's own tools did is gathered and comes whole.
Pings and events that are not known are passed over; one that holds a piece of the answer and cannot be read breaks it,
for without it the answer would be another.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from gateway.dialects.answer_events import Added, Cited, Closed, Counted, Ended, Event, Opened, Signed, Started
from gateway.dialects.anthropic.provider_gather import GatheredBlock
from gateway.dialects.anthropic.provider_reply import (
    NO_ARGUMENTS,
    ContentBlock,
    StopDetails,
    citation_of,
    empty_part,
    finish_of,
    read_block,
    refusal_of,
    signature_of,
)
from gateway.dialects.anthropic.provider_usage import Counts, read_counts, usage_of
from gateway.dialects.conversation import Refusal, Text, ToolCall
from gateway.dialects.events_decoder import EventsDecoder
from gateway.errors import UpstreamBroken

_NULL: Final = msgspec.Raw(b"null")
UNFINISHED: Final = "The provider's stream ended without a stop reason."
"""Said of message_stop where nobody said how the answer ended: what came of it may be a part."""
VITAL: Final = (b"content_block", b"message_start", b"message_delta", b"error")
"""Events that an answer cannot do without, by how their names begin."""


class _Delta(msgspec.Struct, gc=False):
    """Of a block, or of the message; each type has its own members."""

    text: str = ""
    thinking: str = ""
    partial_json: str = ""
    signature: str = ""
    citation: dict[str, Any] | None = None
    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: StopDetails | None = None


class _Message(msgspec.Struct, gc=False):
    model: str = ""
    usage: msgspec.Raw = _NULL


class _StreamEvent(msgspec.Struct, gc=False):
    type: str = ""
    index: int = 0
    delta: _Delta | None = None
    content_block: msgspec.Raw = _NULL
    message: _Message | None = None
    usage: msgspec.Raw = _NULL


_decode_event = msgspec.json.Decoder(_StreamEvent).decode


class _OpenPart:
    """A block that is understood while it comes."""

    __slots__ = ("arguments", "index", "is_call", "said", "signature")

    def __init__(self, index: int, block: ContentBlock, *, is_call: bool) -> None:
        self.index = index
        self.is_call = is_call
        self.arguments = block.arguments or NO_ARGUMENTS
        """A call's, where none are said."""
        self.said = False
        self.signature = signature_of(block)


class MessageStream(EventsDecoder[_StreamEvent]):
    """One streamed answer."""

    __slots__ = ("_counts", "_gathered", "_open", "_started")

    def __init__(self) -> None:
        super().__init__(_decode_event, VITAL)
        self._open: _OpenPart | None = None
        self._gathered: GatheredBlock | None = None
        self._counts = Counts()
        self._started = False

    def _take(self, event: _StreamEvent, data: bytes, events: list[Event]) -> None:
        match event.type:
            case "content_block_delta":
                self._add(event, data, events)
            case "content_block_start":
                self._begin(event, events)
            case "content_block_stop":
                self._close(events)
            case "message_start":
                self._start(event.message or _Message(), events)
            case "message_delta":
                self._move(event, events)
            case "message_stop":
                self._stop(events)
            case "error":
                self.error = data
            case _:
                pass  # a ping, or what is not known

    def _start(self, message: _Message, events: list[Event]) -> None:
        self._started = True
        self._count(message.usage)
        events.append(Started(message.model, self.usage, self._counts.tier))

    def _begin(self, event: _StreamEvent, events: list[Event]) -> None:
        if self.whole:
            raise UpstreamBroken("The provider went on after the answer's end.")
        self._close(events)
        block = read_block(event.content_block)
        part = None if block is None else empty_part(block)
        if block is None or part is None:
            try:
                self._gathered = GatheredBlock(event.content_block)
            except (ValueError, RecursionError) as problem:
                raise UpstreamBroken("The provider sent a block that is none.") from problem
            return
        self._open = _OpenPart(event.index, block, is_call=isinstance(part, ToolCall))
        events.append(Opened(part))
        if text := block.text or block.thinking:
            events.append(Added(text))
        if isinstance(part, Text):
            events += [Cited(citation_of(native)) for native in block.citations or ()]

    def _add(self, event: _StreamEvent, data: bytes, events: list[Event]) -> None:
        part, delta = self._open, event.delta
        if self._gathered is not None and delta is not None:
            self._gathered.add(data)
            return
        if part is None or part.index != event.index or delta is None:
            raise UpstreamBroken("The provider sent a piece of a block that is not open.")
        if text := delta.text or delta.thinking or delta.partial_json:
            part.said = True
            events.append(Added(text))
        elif delta.signature:
            part.signature = delta.signature
        elif delta.citation is not None:
            events.append(Cited(citation_of(delta.citation)))

    def _close(self, events: list[Event]) -> None:
        """The open block is whole, whether or not the provider says so."""
        if self._gathered is not None:
            events += (Opened(self._gathered.native()), Closed())
            self._gathered = None
        if (part := self._open) is None:
            return
        if part.is_call and not part.said:
            events.append(Added(part.arguments))
        if part.signature is not None:
            events.append(Signed(part.signature))
        events.append(Closed())
        self._open = None

    def _move(self, event: _StreamEvent, events: list[Event]) -> None:
        """The message's own delta: how it ended, and what it has cost so far."""
        self._count(event.usage)
        delta = event.delta
        if delta is not None and delta.stop_reason is not None and not self.whole:
            self._close(events)
            if (refusal := refusal_of(delta.stop_details)) is not None:
                events += (Opened(Refusal("")), Added(refusal.text), Closed())
            self.whole = True
            events.append(Ended(finish_of(delta.stop_reason), 0, delta.stop_sequence))
        if self.whole:
            self._tell_usage(events)

    def _stop(self, events: list[Event]) -> None:
        if not self._started:
            raise UpstreamBroken("The provider's stream ended without an answer.")
        if not self.whole:
            raise UpstreamBroken(UNFINISHED)
        self.done = True

    def _count(self, raw: msgspec.Raw) -> None:
        counts = read_counts(raw)
        if counts is not None:
            self._counts.update(counts)
            self.usage = usage_of(self._counts)

    def _tell_usage(self, events: list[Event]) -> None:
        if self.usage is not None:
            events.append(Counted(self.usage, self._counts.tier))
