"""Messages: what a client has heard of a streamed answer, and the events that go on from there."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from gateway.dialects.answer_events import Ended
from gateway.dialects.envelope import Usage
from gateway.dialects.messages.answer_blocks import stop_details_of, stop_reason_of, usage_object
from gateway.dialects.messages.answer_stream import MESSAGE_STOP
from gateway.dialects.sse import SseSplitter, encode_event
from gateway.dialects.told import ToldText

_FREE_TEXT: Final[tuple[Any, ...]] = (None, {})
_SILENT: Final = frozenset({"ping", "message_start"})


class _Wish(msgspec.Struct):
    """What in a request decides whether its answer is plain text."""

    tools: list[msgspec.Raw] | None = None
    mcp_servers: list[msgspec.Raw] | None = None
    output_config: dict[str, Any] | None = None
    output_format: dict[str, Any] | None = None


class _Block(msgspec.Struct, gc=False):
    type: str = ""
    text: str = ""


class _Event(msgspec.Struct, gc=False):
    type: str = ""
    index: int = 0
    delta: _Block | None = None
    content_block: _Block | None = None


_decode_wish: Final = msgspec.json.Decoder(_Wish).decode
_decode_event: Final = msgspec.json.Decoder(_Event).decode
_encode: Final = msgspec.json.Encoder().encode


def told_of(body: bytes) -> MessagesTold | None:
    """For the answer to a request; None where that is not to be plain text."""
    try:
        wish = _decode_wish(body)
    except (ValueError, RecursionError):
        return None
    form = (wish.output_config or {}).get("format")
    if wish.tools or wish.mcp_servers or form not in _FREE_TEXT or wish.output_format not in _FREE_TEXT:
        return None
    return MessagesTold()


class MessagesTold:
    """One answer; a `gateway.dialects.told.Told`. It can be gone on with while its one block, a text, is open."""

    __slots__ = ("_index", "_splitter", "text")

    def __init__(self) -> None:
        self.text = ToldText()
        self._splitter = SseSplitter()
        self._index: int | None = None
        """Of the open block."""

    @property
    def resumable(self) -> bool:
        return self.text.plain and self.text.characters > 0

    def hear(self, piece: bytes) -> None:
        for event in self._splitter.feed(piece):
            if event.data is not None:
                self._take(event.data)

    def sequel(self, model: str) -> MessagesSequel:
        """This dialect names the model once, at the beginning."""
        assert self._index is not None, "text has come in a block"
        return MessagesSequel(self._index)

    def _take(self, data: bytes) -> None:
        try:
            event = _decode_event(data)
        except (ValueError, RecursionError):
            self.text.spoil()
            return
        match event:
            case _Event(type="content_block_delta", index=self._index, delta=_Block(type="text_delta", text=text)):
                self.text.add(text)
            case _Event(type="content_block_start", content_block=_Block(type="text", text=text)) if (
                self._index is None
            ):
                self._index = event.index
                self.text.add(text)
            case _Event(type=kind) if kind not in _SILENT:
                self.text.spoil()


class MessagesSequel:
    """The events that follow; a `gateway.dialects.told.Sequel`."""

    __slots__ = ("_head", "_index")

    def __init__(self, index: int) -> None:
        self._index = index
        head = {"type": "content_block_delta", "index": index, "delta": {"type": "text_delta"}}
        self._head = b"event: content_block_delta\ndata: " + _encode(head)[:-2]

    def add(self, text: str) -> bytes:
        return b'%b,"text":%b}}\n\n' % (self._head, _encode(text))

    def end(self, ended: Ended, usage: Usage | None) -> bytes:
        reason = stop_reason_of(ended.finish, ended.stop_sequence, refused=False)
        delta = {
            "stop_reason": reason,
            "stop_sequence": ended.stop_sequence,
            "stop_details": stop_details_of(reason),
        }
        stop = {"type": "content_block_stop", "index": self._index}
        message = {"type": "message_delta", "delta": delta, "usage": usage_object(usage, None)}
        return _event(stop) + _event(message) + MESSAGE_STOP


def _event(event: dict[str, Any]) -> bytes:
    return encode_event(_encode(event), event["type"].encode())
