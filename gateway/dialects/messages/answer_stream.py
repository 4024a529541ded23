"""Messages: a streamed answer for a client (https://platform.claude.com/docs/en/build-with-claude/streaming).

Gathered by the official client, the events are the message that the whole answer would have been. A block begins with
its first words, so that no part without any leaves an empty block behind; the frequent events are put together from
bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from gateway.dialects.answer_events import Added, Cited, Closed, Counted, Ended, Event, Opened, Signed, Started
from gateway.dialects.codec import Frame
from gateway.dialects.conversation import (
    Conversation,
    Finish,
    Maker,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
)
from gateway.dialects.envelope import Usage
from gateway.dialects.messages.answer_blocks import (
    ID_PREFIX,
    Block,
    block_of,
    hides_thinking,
    signature_of,
    stop_details_of,
    stop_reason_of,
    usage_object,
)
from gateway.dialects.messages.citations import written_citation
from gateway.dialects.sse import encode_event

MESSAGE_STOP: Final = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'

_PING: Final = b'event: ping\ndata: {"type":"ping"}\n\n'
_DELTA: Final = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":{"type":'
_TEXT: Final = b'"text_delta","text":'
_THINKING: Final = b'"thinking_delta","thinking":'
_INPUT: Final = b'"input_json_delta","partial_json":'
_DELTA_END: Final = b"}}\n\n"

_encode: Final = msgspec.json.Encoder().encode


class MessageAnswerStream:
    """One streamed answer on its way to the client."""

    __slots__ = (
        "_ended",
        "_frame",
        "_hides",
        "_index",
        "_open",
        "_part",
        "_prefix",
        "_refused",
        "_request",
        "_tier",
        "_tier_said",
        "_usage",
    )

    def __init__(self, request: Conversation, frame: Frame) -> None:
        self._request = request
        self._frame = frame
        self._hides = hides_thinking(request)
        self._refused = False
        self._part: Part | None = None
        self._open = False
        """The client has heard of the open part."""
        self._index = -1
        self._prefix = b""
        """What every delta of the open block begins with."""
        self._ended = Ended(Finish.STOP)
        self._usage: Usage | None = None
        self._tier: str | None = None
        """How it is served."""
        self._tier_said: str | None = None
        """The same, as the first event said it, which is where Anthropic does."""

    def encode(self, events: Sequence[Event]) -> bytes:
        """The client's events for what has come; b"" where there is nothing to say yet."""
        if len(events) == 1:
            return self._encode(events[0])
        return b"".join([self._encode(event) for event in events])

    def end(self) -> bytes:
        """Why the answer ended and what it cost, and the last event."""
        ended = self._ended
        reason = stop_reason_of(ended.finish, ended.stop_sequence, refused=self._refused)
        delta = {
            "stop_reason": reason,
            "stop_sequence": ended.stop_sequence,
            "stop_details": stop_details_of(reason),
        }
        usage = usage_object(self._usage, None if self._tier == self._tier_said else self._tier)
        return _event({"type": "message_delta", "delta": delta, "usage": usage}) + MESSAGE_STOP

    def _encode(self, event: Event) -> bytes:
        match event:
            case Added(text=text, choice=0):
                return self._add(text)
            case Started(model=model, usage=usage, service_tier=tier):
                self._usage, self._tier, self._tier_said = usage, tier, tier
                return self._begin(model)
            case Opened(part=part, choice=0):
                return self._take(part)
            case Closed(choice=0):
                return self._close()
            case Signed(signature=signature, choice=0):
                return self._sign(signature)
            case Cited(citation=citation, choice=0):
                written = written_citation(citation)
                return b"" if written is None else self._delta({"type": "citations_delta", "citation": written})
            case Ended(choice=0):
                self._ended = event
            case Counted(usage=usage, service_tier=tier):
                self._usage, self._tier = usage, tier or self._tier
        return b""

    def _begin(self, model: str) -> bytes:
        message: dict[str, Any] = {
            "id": ID_PREFIX + self._frame.id,
            "type": "message",
            "role": "assistant",
            "model": model or self._request.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "stop_details": None,
            "usage": usage_object(self._usage, self._tier),
        }
        return _event({"type": "message_start", "message": message}) + _PING

    def _take(self, part: Part) -> bytes:
        """A part begins; one that has come whole is passed on at once, words and all others wait for their first."""
        self._part, self._open = part, False
        match part:
            case Text() | Refusal():
                self._refused = self._refused or isinstance(part, Refusal)
                return b""
            case Reasoning():
                return b""
            case ToolCall():
                return self._start({"type": "tool_use", "id": part.id, "name": part.name, "input": {}}, _INPUT)
        block = block_of(part, self._request)
        if block is None:
            return b""
        if block["type"] == "text":
            return self._begin_block() + self._add_words(block["text"])
        return self._start(block, b"")

    def _add(self, text: str) -> bytes:
        part = self._part
        if not text or (isinstance(part, Reasoning) and (self._hides or part.redacted)):
            return b""
        return self._begin_block() + self._add_words(text)

    def _add_words(self, text: str) -> bytes:
        return self._prefix + _encode(text) + _DELTA_END

    def _begin_block(self) -> bytes:
        """The start of the open part's block, once."""
        if self._open:
            return b""
        if isinstance(self._part, Reasoning):
            return self._start({"type": "thinking", "thinking": "", "signature": ""}, _THINKING)
        return self._start({"type": "text", "text": ""}, _TEXT)

    def _start(self, block: Block, kind: bytes) -> bytes:
        self._open = True
        self._index += 1
        self._prefix = _DELTA % self._index + kind
        return _event({"type": "content_block_start", "index": self._index, "content_block": block})

    def _sign(self, signature: str) -> bytes:
        part = self._part
        if not isinstance(part, Reasoning):
            return b""
        proof = signature_of(part, signature)
        if part.redacted:
            return self._start({"type": "redacted_thinking", "data": proof}, b"")
        self._part = None  # signed: nothing is left to be said at its end
        start = b"" if self._open else self._start({"type": "thinking", "thinking": "", "signature": ""}, _THINKING)
        return start + self._delta({"type": "signature_delta", "signature": proof})

    def _close(self) -> bytes:
        part, self._part = self._part, None
        if not self._open:
            return b""
        last = b""
        if isinstance(part, Reasoning) and not part.redacted and part.maker != Maker.ANTHROPIC:
            last = self._delta({"type": "signature_delta", "signature": signature_of(part, None)})
        self._open = False
        return last + _event({"type": "content_block_stop", "index": self._index})

    def _delta(self, delta: dict[str, Any]) -> bytes:
        """A less frequent addition to the open block."""
        start = self._begin_block()
        return start + _event({"type": "content_block_delta", "index": self._index, "delta": delta})


def _event(event: dict[str, Any]) -> bytes:
    return encode_event(_encode(event), event["type"].encode())
