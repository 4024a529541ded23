"""Messages, Anthropic's own streamed answer: what to hold back, what to pass on, what to count.

https://platform.claude.com/docs/en/build-with-claude/streaming. Every event passes as it came.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from gateway.dialects.anthropic.provider_reply import finish_of
from gateway.dialects.anthropic.provider_stream import UNFINISHED, VITAL
from gateway.dialects.anthropic.provider_usage import Counts, read_counts, usage_of
from gateway.dialects.envelope import Usage
from gateway.dialects.messages.answer_stream import MESSAGE_STOP
from gateway.dialects.passed_stream import PassedStream

_NULL: Final = msgspec.Raw(b"null")
_WORDLESS: Final = frozenset({"text", "thinking"})
"""Blocks that begin without their words."""


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


class MessagesStream(PassedStream):
    """Messages as a PassedStream; what waits for content is message_start, pings, the start of the first block."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        super().__init__()
        self._counts: Counts | None = None

    @property
    def usage(self) -> Usage | None:
        """The provider's count; of an answer that is cut, it counted only what the prompt took."""
        if self._counts is None:
            return None
        usage = usage_of(self._counts)
        if not self.whole:
            usage.completion = max(usage.completion, self._guessed_tokens)
        return usage

    def _take(self, raw: bytes, data: bytes, name: bytes) -> bytes:
        try:
            event = _decode_event(data)
        except (ValueError, RecursionError):
            return self._take_strange(raw, data, name)
        match event.type:
            case "content_block_delta":
                if event.delta is not None:
                    self._count(event.delta)
                    if self._usual.attempts:
                        self._learn(raw, event.delta)
            case "content_block_start":
                self._begin(event.content_block or _Block())
            case "message_start":
                self._update(_NULL if event.message is None else event.message.usage)
            case "message_delta":
                self._move(event)
            case "message_stop":
                self._check_end(is_whole=self.whole, unfinished=UNFINISHED)
                self.done = True
            case "error":
                self._fail(data)
                return b""
            case _:
                pass  # a ping, the end of a block, or what is not known
        return raw

    def _take_strange(self, raw: bytes, data: bytes, name: bytes) -> bytes:
        if name == b"error":
            self._fail(data)
            return b""
        return self._take_unusual(raw, data, name)

    def _is_vital(self, data: bytes, name: bytes) -> bool:
        return name.startswith(VITAL) or (not name and any(vital in data for vital in VITAL))

    def _terminator(self) -> bytes:
        return MESSAGE_STOP

    def _count(self, delta: _Delta) -> None:
        words = len(delta.text) + len(delta.thinking) + len(delta.partial_json)
        if words or delta.signature or delta.citation is not None:
            self.started = True
            self.characters += words

    def _learn(self, raw: bytes, delta: _Delta) -> None:
        """Events like this one may follow, if it says but one thing."""
        said = delta.text or delta.thinking
        if said and delta == _Delta(delta.text, "" if delta.text else delta.thinking):
            self._usual.learn(raw, said)

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
            self._finish(finish_of(event.delta.stop_reason).value)

    def _update(self, raw: msgspec.Raw) -> None:
        counts = read_counts(raw) if raw is not _NULL else None
        if counts is None:
            return
        if self._counts is None:
            self._counts = counts
        else:
            self._counts.update(counts)
