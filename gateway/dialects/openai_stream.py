"""Chat completions, the streamed answer: what to hold back, what to pass on, what to count.

https://platform.openai.com/docs/api-reference/chat/streaming. Providers differ in where usage and finish_reason stand
and whether `[DONE]` comes; all of that is settled here, on bytes, without I/O.
"""

from __future__ import annotations

import math
from typing import Any, Final

import msgspec

from gateway.dialects.envelope import Usage
from gateway.dialects.openai_errors import envelop
from gateway.dialects.openai_usage import read_usage
from gateway.dialects.sse import SseSplitter, encode_event
from gateway.errors import UpstreamBroken

DONE: Final = b"data: [DONE]\n\n"
UNFINISHED: Final = "The provider's stream ended without a finish reason."
"""Said of `[DONE]` where nobody said how the answer ended: what came of it may be a part."""
PREAMBLE_LIMIT_BYTES: Final = 64 * 1024
"""More than this is not held back, content or not."""

_NULL: Final = msgspec.Raw(b"null")
_NULL_USAGE: Final = b',"usage":null'
_CHARACTERS_PER_TOKEN = 4


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


class ChatStream:
    """One provider's streamed answer, read to be passed on.

    `feed` takes what was received and returns what the client may have now: nothing until the first content, then
    all that was held back with it. Comments before the first content are dropped, later ones pass. An event that is not
    JSON is skipped and counted in `malformed`, unless it was to be a piece of the answer: what is left would not be
    whole without it.
    """

    __slots__ = (
        "_begun",
        "_choices",
        "_finished",
        "_held",
        "_hide_usage",
        "_splitter",
        "characters",
        "done",
        "error",
        "finish_reason",
        "malformed",
        "settled",
        "started",
        "usage",
        "whole",
    )

    def __init__(self, *, choices: int = 1, hide_usage: bool = False) -> None:
        """`choices` is how many answers were asked for; `hide_usage` where usage was asked for on our account."""
        self._splitter = SseSplitter()
        self._choices = choices
        self._hide_usage = hide_usage
        self._held: list[bytes] = []
        self._begun = 0
        """A bit for each choice that has begun; of no interest where there is but one."""
        self._finished = 0
        """A bit for each choice that has its finish_reason."""
        self.started = False
        """The first content has come."""
        self.whole = False
        """Every answer that was asked for has its finish_reason."""
        self.done = False
        """`[DONE]` has come."""
        self.error: bytes | None = None
        """An error that the provider sent in place of a chunk, as an error answer's body."""
        self.settled = False
        """The answer is whole, or an error has taken its place: `whole`, `done` or `error`."""
        self.usage: Usage | None = None
        self.finish_reason: str | None = None
        self.characters = 0
        """Text delivered so far."""
        self.malformed = 0

    @property
    def delivered_tokens(self) -> int:
        """What was delivered, by the provider's count or else by the length of the text."""
        if self.usage is not None:
            return self.usage.completion
        return math.ceil(self.characters / _CHARACTERS_PER_TOKEN)

    def feed(self, data: bytes) -> bytes:
        """Takes what was received, returns what to pass on. Raises UpstreamBroken for an event without end.

        After `done` or `error` nothing more is read.
        """
        pieces = self._held
        sole = self._splitter.sole_event(data)
        if sole is not None:
            piece = self._take(data, sole)
            if self.started and not pieces:
                return piece
            if piece:
                pieces.append(piece)
        else:
            for event in self._splitter.feed(data):
                if piece := self._take(*event):
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
        try:
            rest = self.feed(b"\n\n") if self._splitter.unfinished else b""
        except UpstreamBroken:
            raise UpstreamBroken("The provider's stream ended before the answer did.") from None
        if self.done or self.error is not None:
            return rest
        if not self.whole:
            raise UpstreamBroken("The provider's stream ended before the answer did.")
        self.done = True
        return rest + DONE

    def _take(self, raw: bytes, data: bytes | None, name: bytes = b"") -> bytes:
        """What an event has to say, and what of it is passed on."""
        if data is None:
            return raw if self.started else b""
        if data == b"[DONE]":
            self._end_orderly()
            return raw
        try:
            chunk = _decode_chunk(data)
        except (ValueError, RecursionError):
            return self._take_unusual(raw, data)
        if chunk.error is not _NULL and bytes(chunk.error) != b"null":
            self.error = envelop(bytes(chunk.error))
            self.settled = True
            return b""
        for choice in chunk.choices or ():
            if self._choices > 1:
                self._begun |= self._bit(choice)
            if choice.delta:
                self._count(choice.delta)
            if choice.finish_reason:
                self._finish(choice)
        if chunk.usage is _NULL:
            return raw
        return self._take_usage(raw, data, name, chunk)

    def _end_orderly(self) -> None:
        """`[DONE]`. A provider that gives fewer answers than were asked for has finished those that it gives."""
        if not self.started and not self._held:
            raise UpstreamBroken("The provider's stream ended without an answer.")
        if not self._finished or self._begun & ~self._finished:
            raise UpstreamBroken(UNFINISHED)
        self.started = self.whole = self.done = self.settled = True

    def _take_unusual(self, raw: bytes, data: bytes) -> bytes:
        """A chunk of another shape is passed on, for it may be content; one that is no JSON is not."""
        try:
            msgspec.json.decode(data)
        except (ValueError, RecursionError):
            if b'"choices"' in data and not self.whole:
                raise UpstreamBroken("The provider sent a piece of its answer that nobody can read.") from None
            self.malformed += 1
            return b""
        self.started = True
        return raw

    def _count(self, delta: dict[str, Any]) -> None:
        for member, value in delta.items():
            if value and member != "role":
                self.started = True
                self.characters += len(value) if isinstance(value, str) else _CHARACTERS_PER_TOKEN

    def _finish(self, choice: _Choice) -> None:
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


def _without_usage(data: bytes, name: bytes) -> bytes:
    """The event without its top-level `usage`, which nobody asked for but us."""
    members = _members_decoder.decode(data)
    del members["usage"]
    return encode_event(msgspec.json.encode(members), name)
