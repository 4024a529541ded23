"""Responses, a provider's own streamed answer: what to hold back, what to pass on, what to count.

https://platform.openai.com/docs/api-reference/responses-streaming. OpenAI's last event carries the whole response;
OpenRouter sends `[DONE]` after it.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from gateway.dialects.envelope import Usage
from gateway.dialects.passed_stream import CUT, PassedStream
from gateway.dialects.responses.answer_notes import error_body, read_answer
from gateway.errors import UpstreamBroken

_NULL: Final = msgspec.Raw(b"null")

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
_VITAL: Final = b"response."
"""How the names of all events begin that a client cannot do without."""


class _Event(msgspec.Struct, gc=False):
    type: str = ""
    delta: str | dict[str, Any] | None = None
    response: msgspec.Raw = _NULL
    error: msgspec.Raw = _NULL


_decode_event = msgspec.json.Decoder(_Event).decode


class ResponsesStream(PassedStream):
    """Responses as a PassedStream."""

    __slots__ = ("_terminated", "usage")

    def __init__(self, *, terminated: bool = False) -> None:
        """`terminated` where `[DONE]` follows the last event."""
        super().__init__()
        self._terminated = terminated
        self.usage: Usage | None = None

    def _take(self, raw: bytes, data: bytes, name: bytes) -> bytes:
        if data == b"[DONE]":
            self._end_orderly()
            return raw
        try:
            event = _decode_event(data)
        except (ValueError, RecursionError):
            return self._take_unusual(raw, data, name)
        kind = event.type
        if kind in _FAILURES or event.error != _NULL:
            self._fail(self._error_of(event, data))
            return b""
        if kind in _ENDS:
            self._take_response(event.response)
        elif kind not in _PREAMBLE:
            self._count(event.delta)
            if isinstance(event.delta, str) and event.delta:
                self._usual.learn(raw, event.delta)
        return raw

    def _is_vital(self, data: bytes, name: bytes) -> bool:
        return name.startswith(_VITAL) or (not name and b'"response.' in data)

    def _terminator(self) -> bytes:
        return b""

    def _end_orderly(self) -> None:
        if not self.whole:
            raise UpstreamBroken(CUT)
        self.done = True

    def _count(self, delta: str | dict[str, Any] | None) -> None:
        """Anything but the preamble is content: a provider's own tool at work has been paid for as well."""
        if isinstance(delta, str):
            if not delta:
                return
            self.characters += len(delta)
        self.started = True

    def _take_response(self, response: msgspec.Raw) -> None:
        answer = read_answer(response)
        self.usage = answer.counted
        self._finish(answer.finish_reason)
        self.done = not self._terminated

    def _error_of(self, event: _Event, data: bytes) -> bytes:
        error = event.error
        if event.type == "response.failed":
            answer = read_answer(event.response)
            error = answer.error
            self.usage = answer.counted or self.usage
        return error_body(data if error == _NULL else error)
