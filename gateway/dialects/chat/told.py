"""Chat completions: what a client has heard of a streamed answer, and the chunks that go on from there."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from gateway.dialects.answer_events import Ended
from gateway.dialects.chat.usage import write_usage
from gateway.dialects.chat.words import FINISH_WORDS
from gateway.dialects.envelope import Usage
from gateway.dialects.openai_stream import DONE
from gateway.dialects.sse import SseSplitter
from gateway.dialects.told import ToldText

_NULL: Final = msgspec.Raw(b"null")
_SILENT: Final = frozenset({"role", "obfuscation"})
"""Members of a delta that say nothing."""


class _Format(msgspec.Struct, gc=False):
    type: str = "text"


class _StreamOptions(msgspec.Struct, gc=False):
    include_usage: bool | None = None


class _Wish(msgspec.Struct):
    """What in a request decides whether its answer is plain text."""

    n: int | None = None
    tools: list[msgspec.Raw] | None = None
    functions: list[msgspec.Raw] | None = None
    logprobs: bool | None = None
    response_format: _Format | None = None
    modalities: list[str] | None = None
    stream_options: _StreamOptions | None = None


class _Choice(msgspec.Struct, gc=False):
    index: int = 0
    delta: dict[str, Any] | None = None
    finish_reason: str | None = None
    logprobs: dict[str, Any] | None = None


class _Chunk(msgspec.Struct, gc=False):
    id: str | None = None
    created: int | None = None
    choices: list[_Choice] | None = None
    error: msgspec.Raw = _NULL


_decode_wish: Final = msgspec.json.Decoder(_Wish).decode
_decode_chunk: Final = msgspec.json.Decoder(_Chunk).decode
_encode: Final = msgspec.json.Encoder().encode


def told_of(body: bytes) -> ChatTold | None:
    """For the answer to a request; None where that is not to be plain text of one choice."""
    try:
        wish = _decode_wish(body)
    except (ValueError, RecursionError):
        return None
    form = wish.response_format
    if (
        wish.n not in (None, 1)
        or wish.tools
        or wish.functions
        or wish.logprobs
        or (form is not None and form.type != "text")
        or wish.modalities not in (None, ["text"])
    ):
        return None
    return ChatTold(wants_usage=wish.stream_options is not None and wish.stream_options.include_usage is True)


class ChatTold:
    """One answer; a `gateway.dialects.told.Told`."""

    __slots__ = ("_created", "_finished", "_id", "_splitter", "_wants_usage", "text")

    def __init__(self, *, wants_usage: bool) -> None:
        self.text = ToldText()
        self._splitter = SseSplitter()
        self._wants_usage = wants_usage
        self._id = ""
        self._created: int | None = None
        self._finished = False

    @property
    def resumable(self) -> bool:
        return self.text.plain and self.text.characters > 0 and not self._finished

    def hear(self, piece: bytes) -> None:
        if (sole := self._splitter.sole_event(piece)) is not None:
            self._take(sole)
            return
        for event in self._splitter.feed(piece):
            if event.data is not None:
                self._take(event.data)

    def sequel(self, model: str) -> ChatSequel:
        return ChatSequel(self._id, self._created, model, wants_usage=self._wants_usage)

    def _take(self, data: bytes) -> None:
        try:
            chunk = _decode_chunk(data)
        except (ValueError, RecursionError):
            if data != b"[DONE]":
                self.text.spoil()
            return
        if chunk.id:
            self._id = chunk.id
        if chunk.created:
            self._created = chunk.created
        if chunk.error is not _NULL and bytes(chunk.error) != b"null":
            self.text.spoil()
        for choice in chunk.choices or ():
            self._take_choice(choice)

    def _take_choice(self, choice: _Choice) -> None:
        if choice.finish_reason is not None:
            self._finished = True
        if choice.index or (choice.logprobs is not None and choice.logprobs.get("content")):
            self.text.spoil()
        for member, value in (choice.delta or {}).items():
            if member == "content" and isinstance(value, str):
                self.text.add(value)
            elif value and member not in _SILENT:
                self.text.spoil()


class ChatSequel:
    """The chunks that follow; a `gateway.dialects.told.Sequel`."""

    __slots__ = ("_head", "_tail", "_wants_usage")

    def __init__(self, id: str, created: int | None, model: str, *, wants_usage: bool) -> None:
        head: dict[str, Any] = {"id": id, "object": "chat.completion.chunk"}
        if created is not None:  # one that its provider left out stays so
            head["created"] = created
        head["model"] = model
        self._head = b"data: " + _encode(head)[:-1]
        self._wants_usage = wants_usage
        self._tail = b',"usage":null}\n\n' if wants_usage else b"}\n\n"

    def add(self, text: str) -> bytes:
        return self._chunk(b'{"content":%b}' % _encode(text))

    def end(self, ended: Ended, usage: Usage | None) -> bytes:
        last = self._chunk(b"{}", _encode(FINISH_WORDS[ended.finish]))
        if not self._wants_usage or usage is None:
            return last + DONE
        return b'%b%b,"choices":[],"usage":%b}\n\n%b' % (last, self._head, _encode(write_usage(usage)), DONE)

    def _chunk(self, delta: bytes, finish: bytes = b"null") -> bytes:
        form = b'%b,"choices":[{"index":0,"delta":%b,"logprobs":null,"finish_reason":%b}]%b'
        return form % (self._head, delta, finish, self._tail)
