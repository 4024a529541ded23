"""Chat completions, the streamed answer: what to hold back, what to pass on, what to count.

https://platform.openai.com/docs/api-reference/chat/streaming. Providers differ in where usage and finish_reason stand
and whether `[DONE]` comes; all of that is settled here.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from gateway.dialects.envelope import Usage
from gateway.dialects.openai_errors import envelop
from gateway.dialects.openai_usage import read_usage
from gateway.dialects.passed_stream import CHARACTERS_PER_TOKEN, PassedStream
from gateway.dialects.sse import encode_event

DONE: Final = b"data: [DONE]\n\n"
UNFINISHED: Final = "The provider's stream ended without a finish reason."
"""Said of `[DONE]` where nobody said how the answer ended: what came of it may be a part."""

_NULL: Final = msgspec.Raw(b"null")
_NULL_USAGE: Final = b',"usage":null'


class _Choice(msgspec.Struct, gc=False):
    index: int = 0
    delta: dict[str, Any] | None = None
    finish_reason: str | None = None


class _Chunk(msgspec.Struct, gc=False):
    choices: list[_Choice] | None = None
    usage: msgspec.Raw = _NULL
    error: msgspec.Raw = _NULL


_decode_chunk = msgspec.json.Decoder(_Chunk).decode
_members_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])


class ChatStream(PassedStream):
    """Chat completions as a PassedStream."""

    __slots__ = ("_begun", "_choices", "_finished", "_hide_usage", "usage")

    def __init__(self, *, choices: int = 1, hide_usage: bool = False) -> None:
        """`choices` is how many answers were asked for; `hide_usage` where usage was asked for on our account."""
        super().__init__()
        self._choices = choices
        self._hide_usage = hide_usage
        self._begun = 0
        """A bit for each choice that has begun; of no interest where there is but one."""
        self._finished = 0
        """A bit for each choice that has its finish_reason."""
        self.usage: Usage | None = None

    def _take(self, raw: bytes, data: bytes, name: bytes) -> bytes:
        if data == b"[DONE]":
            self._end_orderly()
            return raw
        try:
            chunk = _decode_chunk(data)
        except (ValueError, RecursionError):
            return self._take_unusual(raw, data, name)
        if chunk.error is not _NULL and bytes(chunk.error) != b"null":
            self._fail(envelop(bytes(chunk.error)))
            return b""
        for choice in chunk.choices or ():
            if self._choices > 1:
                self._begun |= self._bit(choice)
            if choice.delta:
                self._count(choice.delta)
            if choice.finish_reason:
                self._finish_choice(choice)
        shown = raw if chunk.usage is _NULL else self._take_usage(raw, data, name, chunk)
        if chunk.choices and self._usual.attempts:
            self._learn(raw, shown, _sole_text(chunk.choices))
        return shown

    def _learn(self, raw: bytes, shown: bytes, text: str) -> None:
        """Events like this one may follow: it says `text` and nothing else, and is `shown` as it is or without null."""
        hidden = b"" if shown is raw else _NULL_USAGE
        if text and (shown is raw or shown == raw.replace(hidden, b"")):
            self._usual.learn(raw, text, hidden)

    def _is_vital(self, data: bytes, name: bytes) -> bool:
        return b'"choices"' in data

    def _terminator(self) -> bytes:
        return DONE

    def _end_orderly(self) -> None:
        """`[DONE]`. A provider that gives fewer answers than were asked for has finished those that it gives."""
        self._check_end(is_whole=self._finished != 0 and not self._begun & ~self._finished, unfinished=UNFINISHED)
        self.started = self.whole = self.done = self.settled = True

    def _count(self, delta: dict[str, Any]) -> None:
        for member, value in delta.items():
            if value and member != "role":
                self.started = True
                self.characters += len(value) if isinstance(value, str) else CHARACTERS_PER_TOKEN

    def _finish_choice(self, choice: _Choice) -> None:
        self.started = True
        self.finish_reason = choice.finish_reason
        self._finished |= self._bit(choice)
        if self._finished.bit_count() >= self._choices:
            self.whole = self.settled = True

    def _bit(self, choice: _Choice) -> int:
        return 1 << min(max(choice.index, 0), self._choices)

    def _take_usage(self, raw: bytes, data: bytes, name: bytes, chunk: _Chunk) -> bytes:
        if bytes(chunk.usage) == b"null":
            # A quote within a JSON string is escaped, so these plain bytes are always a member; once is the one read.
            if self._hide_usage and raw.count(_NULL_USAGE) == 1:
                return raw.replace(_NULL_USAGE, b"")
        else:
            usage = read_usage(chunk.usage)
            if usage is not None:
                self.usage = usage
                if self._hide_usage and not chunk.choices:
                    return b""
        return _without_usage(data, name) if self._hide_usage else raw


def _sole_text(choices: list[_Choice]) -> str:
    """What an event says that says but one thing; "" for all others."""
    said = [value for member, value in (choices[0].delta or {}).items() if value and member != "role"]
    return said[0] if len(choices) == len(said) == 1 and isinstance(said[0], str) else ""


def _without_usage(data: bytes, name: bytes) -> bytes:
    """The event without its top-level `usage`, which nobody asked for but us."""
    members = _members_decoder.decode(data)
    del members["usage"]
    return encode_event(msgspec.json.encode(members), name)
