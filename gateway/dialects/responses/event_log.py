"""The events of a response that runs in the background, kept so that they can be read again, and from any place.

They bear the response's id as its client knows it, and numbers of their own: what its provider says of its beginning
and its end is said by the gateway, which knows of both (https://platform.openai.com/docs/guides/background).
"""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import Any, Final

import msgspec

from gateway.dialects.sse import SseSplitter, encode_event
from gateway.errors import InvalidRequest

MOST_BYTES: Final = 16 * 1024 * 1024
"""Of one response; beyond them the oldest events go."""

_OURS: Final = frozenset({"response.created", "response.queued", "error"})
_PROVIDERS_ENDS: Final = frozenset({"response.completed", "response.incomplete", "response.failed"})
_ENDS: Final = {"completed": "response.completed", "failed": "response.failed"}
"""By a response's status; of one that was cancelled the specification has no event but that it is incomplete."""
_PIECE_BYTES: Final = 64 * 1024

_encode = msgspec.json.Encoder().encode


class _Saved(msgspec.Struct, array_like=True):
    """As it lies in the store."""

    ended: bool
    first: int
    events: list[bytes]


class _Event(msgspec.Struct, gc=False):
    type: str = ""
    response: msgspec.Raw = msgspec.Raw(b"{}")


class _Head(msgspec.Struct, gc=False):
    status: str = ""


_decode_head = msgspec.json.Decoder(_Head).decode
_decode_event = msgspec.json.Decoder(_Event).decode
_members_of = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_saved_decoder = msgspec.msgpack.Decoder(_Saved)


class EventLog:
    """`members` are set in every response that an event shows."""

    __slots__ = ("_bytes", "_events", "_first", "_members", "_most_bytes", "_splitter", "ended", "response")

    def __init__(self, members: dict[str, Any] | None = None, *, most_bytes: int = MOST_BYTES) -> None:
        self._members = members or {}
        self._most_bytes = most_bytes
        self._events: deque[bytes] = deque()
        self._first = 0
        """The number of the oldest event that is kept."""
        self._bytes = 0
        self._splitter = SseSplitter()
        self.response: msgspec.Raw | None = None
        """The response as its provider has ended it."""
        self.ended = False

    def say(self, type: str, **members: Any) -> None:
        """An event of the gateway's own."""
        self._add(type, {"type": type, **members})

    def take(self, data: bytes) -> None:
        """A piece of the provider's stream."""
        for _, content, _ in self._splitter.feed(data):
            if content is None:
                continue
            try:
                event = _decode_event(content)
                if event.type in _PROVIDERS_ENDS:
                    self.response = event.response
                elif event.type and event.type not in _OURS:
                    self._add(event.type, self._as_ours(content))
            except (ValueError, RecursionError):
                continue  # what nobody can read is left out; the response itself is read elsewhere

    def end(self, response: msgspec.Raw) -> None:
        """The last event: what became of the response."""
        kind = _ENDS.get(_decode_head(response).status, "response.incomplete")
        self._add(kind, {"type": kind, "response": response})
        self.ended = True

    def since(self, number: int) -> tuple[bytes, int]:
        """Events from that one on, some of them if they are many, and the number of the next.

        Raises InvalidRequest where the first of them is kept no more.
        """
        if number < self._first:
            message = f"The events up to {self._first - 1} are not kept any more."
            raise InvalidRequest(message, param="starting_after")
        some: list[bytes] = []
        size = 0
        for event in islice(self._events, number - self._first, None):
            some.append(event)
            size += len(event)
            if size >= _PIECE_BYTES:
                break
        return b"".join(some), number + len(some)

    def to_bytes(self) -> bytes:
        return msgspec.msgpack.encode(_Saved(self.ended, self._first, list(self._events)))

    def _as_ours(self, content: bytes) -> dict[str, Any]:
        members: dict[str, Any] = dict(_members_of(content))
        if "response" in members:
            members["response"] = {**_members_of(members["response"]), **self._members}
        return members

    def _add(self, kind: str, members: dict[str, Any]) -> None:
        members["sequence_number"] = self._first + len(self._events)
        event = encode_event(_encode(members), kind.encode())
        self._events.append(event)
        self._bytes += len(event)
        while self._bytes > self._most_bytes:
            self._bytes -= len(self._events.popleft())
            self._first += 1


def read_log(value: bytes) -> EventLog:
    """A log that was kept."""
    saved = _saved_decoder.decode(value)
    log = EventLog()
    log.ended, log._first, log._events = saved.ended, saved.first, deque(saved.events)
    return log
