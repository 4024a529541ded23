"""Messages, Anthropic's own streamed answer: what to hold back, what to pass on, what to count.

https://platform.claude.com/docs/en/build-with-claude/streaming. Every event passes as it came.
"""

from __future__ import annotations

import math
from typing import Any, Final

import msgspec

from gateway.dialects.anthropic.provider_reply import finish_of
from gateway.dialects.anthropic.provider_usage import Counts, read_counts, usage_of
from gateway.dialects.envelope import Usage
from gateway.dialects.messages.answer_stream import MESSAGE_STOP
from gateway.dialects.openai_stream import PREAMBLE_LIMIT_BYTES
from gateway.dialects.sse import Event, SseSplitter
from gateway.errors import UpstreamBroken

_NULL: Final = msgspec.Raw(b"null")
_CHARACTERS_PER_TOKEN: Final = 4
_WORDLESS: Final = frozenset({"text", "thinking"})
"""Blocks that begin without their words."""
_VITAL: Final = (b"content_block", b"message_start", b"message_delta")
"""Events that a client cannot do without, by how their names begin."""


class _Delta(msgspec.Struct, gc=False):
    """Of a block, or of the message."""

    text: str = ""
    thinking: str = ""
    partial_json: str = ""
    signature: str = ""
    citation: Any = None
    stop_reason: str | None = None


class _Block(msgspec.Struct, gc=False):
    type: str = ""
    text: str = ""
    thinking: str = ""


class _Message(msgspec.Struct, gc=False):
    usage: msgspec.Raw = _NULL


class _StreamEvent(msgspec.Struct, gc=False):
    type: str = ""
    delta: _Delta | None = None
    content_block: _Block | None = None
    message: _Message | None = None
    usage: msgspec.Raw = _NULL


_decode_event: Final = msgspec.json.Decoder(_StreamEvent).decode


class MessagesStream:
    """One provider's streamed answer, read to be passed on.

    `feed` takes what was received and returns what the client may have now: nothing until the first content, then all
    that was held back with it (message_start, pings, the start of the first block). Comments before the first content
    are dropped.
    """

    __slots__ = (
        "_counts",
        "_held",
        "_splitter",
        "characters",
        "done",
        "error",
        "finish_reason",
        "malformed",
        "settled",
        "started",
        "whole",
    )

    def __init__(self) -> None:
        self._splitter = SseSplitter()
        self._held: list[bytes] = []
        self._counts: Counts | None = None
        self.started = False
        """The first content has come."""
        self.whole = False
        """The message's stop_reason has come."""
        self.done = False
        """`message_stop` has come."""
        self.error: bytes | None = None
        """An error that the provider sent in place of an event, as an error answer's body."""
        self.settled = False
        """The answer is whole, or an error has taken its place: `whole`, `done` or `error`."""
        self.finish_reason: str | None = None
        self.characters = 0
        """Text delivered so far."""
        self.malformed = 0

    @property
    def usage(self) -> Usage | None:
        """The provider's count; of an answer that is cut, it counted only what the prompt took."""
        if self._counts is None:
            return None
        usage = usage_of(self._counts)
        if not self.whole:
            usage.completion = max(usage.completion, self._guess)
        return usage

    @property
    def delivered_tokens(self) -> int:
        """What was delivered, by the provider's count or else by the length of the text."""
        usage = self.usage
        return self._guess if usage is None else usage.completion

    @property
    def _guess(self) -> int:
        return math.ceil(self.characters / _CHARACTERS_PER_TOKEN)

    def feed(self, data: bytes) -> bytes:
        """Takes what was received, returns what to pass on.

        Raises UpstreamBroken for an event without end, and for one that a client cannot do without and that cannot be
        read. After `done` or `error` nothing more is read.
        """
        pieces = self._held
        for event in self._splitter.feed(data):
            if piece := self._take(event):
                pieces.append(piece)
            if self.done or self.error is not None:
                break
        if not self.started and sum(map(len, pieces)) <= PREAMBLE_LIMIT_BYTES:
            return b""
        self.started = True
        self._held = []
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def end(self) -> bytes:
        """The connection has ended: what is still to be passed on. Raises UpstreamBroken where the answer is cut."""
        # Some leave out the last blank line; an event that was really cut is no JSON.
        rest = self._feed_unfinished()
        if self.done or self.error is not None:
            return rest
        if not self.whole:
            raise UpstreamBroken("The provider's stream ended before the answer did.")
        self.done = True
        return rest + MESSAGE_STOP

    def _feed_unfinished(self) -> bytes:
        unfinished = self._splitter.unfinished
        if not unfinished:
            return b""
        return self.feed(b"\n" if unfinished.endswith(b"\n") else b"\n\n")

    def _take(self, block: Event) -> bytes:
        """What an event has to say, and what of it is passed on."""
        data = block.data
        if data is None:
            return block.raw if self.started else b""
        try:
            event = _decode_event(data)
        except (ValueError, RecursionError):
            return self._take_unusual(block, data)
        match event.type:
            case "content_block_delta":
                if event.delta is not None:
                    self._count(event.delta)
            case "content_block_start":
                self._begin(event.content_block or _Block())
            case "message_start":
                self._update(_NULL if event.message is None else event.message.usage)
            case "message_delta":
                self._move(event)
            case "message_stop":
                self._stop()
            case "error":
                self.error = data
                self.settled = True
                return b""
            case _:
                pass  # a ping, the end of a block, or what is not known
        return block.raw

    def _take_unusual(self, block: Event, data: bytes) -> bytes:
        """An event of another shape is passed on, for it may be content; one that is no JSON is not."""
        if block.name == b"error":
            self.error = data
            self.settled = True
            return b""
        try:
            msgspec.json.decode(data)
        except (ValueError, RecursionError) as problem:
            if block.name.startswith(_VITAL):
                raise UpstreamBroken("The provider sent a piece of the answer that cannot be read.") from problem
            self.malformed += 1
            return b""
        self.started = True
        return block.raw

    def _count(self, delta: _Delta) -> None:
        words = len(delta.text) + len(delta.thinking) + len(delta.partial_json)
        if words or delta.signature or delta.citation is not None:
            self.started = True
            self.characters += words

    def _begin(self, block: _Block) -> None:
        """Some kinds of block are content by being there; their own size is not known."""
        words = len(block.text) + len(block.thinking)
        if words or block.type not in _WORDLESS:
            self.started = True
            self.characters += words

    def _move(self, event: _StreamEvent) -> None:
        """The message's own delta: how it ended, and what it has cost so far."""
        self._update(event.usage)
        if event.delta is not None and event.delta.stop_reason is not None:
            self.finish_reason = finish_of(event.delta.stop_reason).value
            self.started = self.whole = self.settled = True

    def _stop(self) -> None:
        if not self.started and not self._held:
            raise UpstreamBroken("The provider's stream ended without an answer.")
        if not self.whole:  # nobody said how it ended: what came of it may be a part
            raise UpstreamBroken("The provider's stream ended without a stop reason.")
        self.done = True

    def _update(self, raw: msgspec.Raw) -> None:
        counts = read_counts(raw) if raw is not _NULL else None
        if counts is None:
            return
        if self._counts is None:
            self._counts = counts
        else:
            self._counts.update(counts)
