"""Responses, a stream on its way to the client: the response it ends with, kept, and what the gateway knows of it set.

It may be a provider's own stream or a translated one. All but the events that carry the response pass untouched.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from gateway.dialects.responses.errors import failed_response, failure_members
from gateway.dialects.responses.event_writer import EventWriter
from gateway.dialects.responses.kept import with_members
from gateway.dialects.sse import SseSplitter, encode_event
from gateway.errors import Description

_ENDS: Final = frozenset({"response.completed", "response.incomplete", "response.failed"})
_NULL: Final = msgspec.Raw(b"null")


class _Event(msgspec.Struct, gc=False):
    type: str = ""
    sequence_number: int | None = None
    response: msgspec.Raw = _NULL


_decode_event = msgspec.json.Decoder(_Event).decode


class StreamRecorder:
    """Reads one stream that is passed on."""

    __slots__ = ("_last", "_members", "_sequence_number", "_splitter", "response")

    def __init__(self, members: dict[str, Any]) -> None:
        """`members` are set in every response that the stream shows."""
        self._splitter = SseSplitter()
        self._members = members
        self._sequence_number = -1
        self._last: msgspec.Raw | None = None
        """The response as it was shown last."""
        self.response: msgspec.Raw | None = None
        """The response as it ended, when the event that says so has come: whole, or failed."""

    def feed(self, data: bytes) -> bytes:
        """Takes a piece of the stream, returns what goes on; an event goes on when it is whole."""
        return b"".join([self._take(raw, content, name) for raw, content, name in self._splitter.feed(data)])

    def end(self) -> bytes:
        """What has come of an event that was not ended."""
        return self._splitter.unfinished

    def fail(self, description: Description) -> bytes:
        """The end of an answer that broke: `error`, then `response.failed` where the client has seen a response."""
        writer = EventWriter(self._sequence_number + 1)
        writer.say("error", **failure_members(description))
        if self._last is not None:
            writer.say("response.failed", response=failed_response(msgspec.json.decode(self._last), description))
        return writer.take()

    def _take(self, raw: bytes, data: bytes | None, name: bytes) -> bytes:
        if data is None:
            return raw
        try:
            event = _decode_event(data)
        except (ValueError, RecursionError):
            return raw
        if event.sequence_number is not None:
            self._sequence_number = event.sequence_number
        if event.response == _NULL:
            return raw
        self._last = response = with_members(event.response, **self._members) if self._members else event.response
        if event.type in _ENDS:
            self.response = response
        return encode_event(bytes(with_members(data, response=response)), name) if self._members else raw
