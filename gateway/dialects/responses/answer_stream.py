"""Responses, a provider's own streamed answer: what to hold back, what to pass on, what to count.

https://platform.openai.com/docs/api-reference/responses-streaming. OpenAI's last event carries the whole response;
OpenRouter sends `[DONE]` after it.
"""

from __future__ import annotations

import math
from typing import Any, Final

import msgspec

from gateway.dialects.envelope import Usage
from gateway.dialects.openai_stream import PREAMBLE_LIMIT_BYTES
from gateway.dialects.responses.answer_notes import error_body, read_answer
from gateway.dialects.sse import SseSplitter
from gateway.errors import UpstreamBroken

_NULL: Final = msgspec.Raw(b"null")
_CHARACTERS_PER_TOKEN: Final = 4

_PREAMBLE: Final = frozenset(
    {
        "response.created",
        "response.queued",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.reasoning_summary_part.added",
        "keepalive",
    }
)
"""What comes before anything is said."""
_ENDS: Final = frozenset({"response.completed", "response.incomplete", "response.cancelled"})
_FAILURES: Final = frozenset({"error", "response.failed"})


class _Event(msgspec.Struct, gc=False):
    type: str = ""
    delta: str | dict[str, Any] | None = None
    response: msgspec.Raw = _NULL
    error: msgspec.Raw = _NULL


_decode_event = msgspec.json.Decoder(_Event).decode


class ResponsesStream:
    """One provider's streamed answer, read to be passed on.

    `feed` takes what was received and returns what the client may have now: nothing until the first content, then
    all that was held back with it. Comments before the first content are dropped, later ones pass. Events that are
    not JSON are skipped and counted in `malformed`.
    """

    __slots__ = (
        "_held",
        "_splitter",
        "_terminated",
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

    def __init__(self, *, terminated: bool = False) -> None:
        """`terminated` where `[DONE]` follows the last event."""
        self._splitter = SseSplitter()
        self._terminated = terminated
        self._held: list[bytes] = []
        self.started = False
        """The first content has come."""
        self.whole = False
        """The event with the whole response has come."""
        self.done = False
        """Nothing more follows: the last event has come, `[DONE]`, or the connection's end after a whole answer."""
        self.error: bytes | None = None
        """An error that the provider sent in place of the answer, as an error answer's body."""
        self.settled = False
        """The answer is whole, or an error has taken its place: `whole`, `done` or `error`."""
        self.usage: Usage | None = None
        self.finish_reason: str | None = None
        self.characters = 0
        """Text delivered so far, thoughts and arguments of calls included."""
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
        for raw, content, _ in self._splitter.feed(data):
            if piece := self._take(raw, content):
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
        # Some leave out the last blank line; an event that was really cut is no JSON and is skipped.
        rest = self.feed(b"\n\n") if self._splitter.unfinished else b""
        if self.done or self.error is not None:
            return rest
        if not self.whole:
            raise UpstreamBroken("The provider's stream ended before the answer did.")
        self.done = True
        return rest

    def _take(self, raw: bytes, data: bytes | None) -> bytes:
        """What an event has to say, and what of it is passed on."""
        if data is None:
            return raw if self.started else b""
        if data == b"[DONE]":
            self._end_orderly()
            return raw
        try:
            event = _decode_event(data)
        except (ValueError, RecursionError):
            return self._take_unusual(raw, data)
        kind = event.type
        if kind in _FAILURES or event.error != _NULL:
            self._fail(event, data)
            return b""
        if kind in _ENDS:
            self._finish(event.response)
        elif kind not in _PREAMBLE:
            self._count(event.delta)
        return raw

    def _end_orderly(self) -> None:
        if not self.whole:
            raise UpstreamBroken("The provider's stream ended before the answer did.")
        self.done = True

    def _take_unusual(self, raw: bytes, data: bytes) -> bytes:
        """An event of another shape is passed on, for it may be content; one that is no JSON is not."""
        try:
            msgspec.json.decode(data)
        except (ValueError, RecursionError):
            self.malformed += 1
            return b""
        self.started = True
        return raw

    def _count(self, delta: str | dict[str, Any] | None) -> None:
        """Anything but the preamble is content: a provider's own tool at work has been paid for as well."""
        if isinstance(delta, str):
            if not delta:
                return
            self.characters += len(delta)
        self.started = True

    def _finish(self, response: msgspec.Raw) -> None:
        answer = read_answer(response)
        self.usage = answer.counted
        self.finish_reason = answer.finish_reason
        self.started = self.whole = self.settled = True
        self.done = not self._terminated

    def _fail(self, event: _Event, data: bytes) -> None:
        error = event.error
        if event.type == "response.failed":
            answer = read_answer(event.response)
            error = answer.error
            self.usage = answer.counted or self.usage
        self.error = error_body(data if error == _NULL else error)
        self.settled = True
