"""Responses: the events of a stream, numbered as they are written."""

from __future__ import annotations

from typing import Any

import msgspec

_encode = msgspec.json.Encoder().encode


class EventWriter:
    """Gathers events until they are taken; each has the next `sequence_number`."""

    __slots__ = ("_pieces", "sequence_number")

    def __init__(self, sequence_number: int = 0) -> None:
        """`sequence_number` is that of the first event."""
        self._pieces: list[bytes] = []
        self.sequence_number = sequence_number

    def say(self, type: str, **members: Any) -> None:
        """One event."""
        data = _encode({"type": type, **members, "sequence_number": self.sequence_number})
        self._pieces.append(b"event: %b\ndata: %b\n\n" % (type.encode(), data))
        self.sequence_number += 1

    def say_delta(self, head: bytes, text: str) -> None:
        """One event of the many that differ in their text alone; `head` comes from `delta_head`."""
        self._pieces.append(b'%b%b,"sequence_number":%d}\n\n' % (head, _encode(text), self.sequence_number))
        self.sequence_number += 1

    def take(self) -> bytes:
        """What was said since the last time."""
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)


def delta_head(type: str, **members: Any) -> bytes:
    """All of an event but its text and its number."""
    data = _encode({"type": type, **members})
    return b'event: %b\ndata: %b,"delta":' % (type.encode(), data[:-1])
