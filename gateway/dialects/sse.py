"""Server-sent events: an incremental splitter by the WHATWG's rules, and the way back.

https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation. Every event keeps its own
bytes beside its data, so that a gateway can pass on what it did not have to change.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from gateway.errors import UpstreamBroken

CONTENT_TYPE = b"text/event-stream"
EVENT_LIMIT_BYTES = 8 * 1024 * 1024

_CR = 13  # as a number: bytes in bytes cost eight times as much
_BOM = b"\xef\xbb\xbf"
_LINE_END = re.compile(rb"\r\n|\n|\r")
_BLANK_LINE = re.compile(rb"(?>\r\n|\n|\r)(?>\r\n|\n|\r)")
"""The end of an event: two line ends. Atomic, or a CR LF would pass for two."""
_LONGEST_BLANK_LINE = len(b"\r\n\r\n")


class Event(NamedTuple):
    """One block of a stream, up to and including the blank line that ends it."""

    raw: bytes
    data: bytes | None
    """The data lines joined with LF; None where there are none (a comment), which no client sees as an event."""
    name: bytes = b""
    """What the `event:` line says; b"" stands for "message"."""


class SseSplitter:
    """Cuts a stream of bytes into events, however the bytes are split over the reads.

    A CR ends a line at once; a LF that follows it in a later read goes to the next event's `raw`. What stands after
    the last blank line is no event (see `unfinished`).
    """

    __slots__ = ("_begun", "_limit_bytes", "pending")

    def __init__(self, *, limit_bytes: int = EVENT_LIMIT_BYTES) -> None:
        self.pending = bytearray()
        """What has come of an event that has begun and not ended."""
        self._limit_bytes = limit_bytes
        self._begun = False

    @property
    def unfinished(self) -> bytes:
        """The bytes of the event that has begun and not ended."""
        return bytes(self.pending)

    def sole_event(self, data: bytes) -> bytes | None:
        """The data of the one event that `data` is; None where it is anything else, and `feed` has to look at it.

        A provider writes each event by itself, so that nearly every read brings exactly one, in its plainest form.
        """
        if (
            self.pending
            or not data.startswith(b"data: ")
            or not data.endswith(b"\n\n")
            or data.find(b"\n") != len(data) - 2
            or _CR in data
        ):
            return None
        self._begun = True
        return data[6:-2]

    def feed(self, data: bytes) -> list[Event]:
        """The events that `data` completes. Raises UpstreamBroken where one grows beyond the limit."""
        pending = self.pending
        if pending:
            scanned = max(0, len(pending) - _LONGEST_BLANK_LINE + 1)
            pending += data
            if _BLANK_LINE.search(pending, scanned) is None:
                self._check_size()
                return []
            data = bytes(pending)
            pending.clear()
        events, rest = self._split_plain(data) if _CR not in data else self._split_any(data)
        if rest:
            pending += rest
            self._check_size()
        return events

    def _split_plain(self, data: bytes) -> tuple[list[Event], bytes]:
        """Where only LF ends lines: nearly every provider, nearly always `data: ...` and a blank line."""
        blocks = data.split(b"\n\n")
        rest = blocks.pop()
        events = []
        for block in blocks:
            raw = block + b"\n\n"
            if block.startswith(b"data: ") and b"\n" not in block:
                self._begun = True
                events.append(Event(raw, block[6:]))
            else:
                events.append(self._interpret(raw))
        return events, rest

    def _split_any(self, data: bytes) -> tuple[list[Event], bytes]:
        events = []
        start = 0
        for blank in _BLANK_LINE.finditer(data):
            events.append(self._interpret(data[start : blank.end()]))
            start = blank.end()
        return events, data[start:]

    def _interpret(self, raw: bytes) -> Event:
        if not self._begun:
            self._begun = True
            raw = raw.removeprefix(_BOM)
        lines: list[bytes] = []
        name = b""
        for line in _LINE_END.split(raw):
            field, _, value = line.partition(b":")
            value = value.removeprefix(b" ")
            if field == b"data":
                lines.append(value)
            elif field == b"event":
                name = value
        return Event(raw, b"\n".join(lines) if lines else None, name)

    def _check_size(self) -> None:
        if len(self.pending) > self._limit_bytes:
            raise UpstreamBroken(f"The provider sent an event of more than {self._limit_bytes} bytes.")


def encode_event(data: bytes, name: bytes = b"") -> bytes:
    """One event; `data` may have several lines."""
    head = b"event: " + name + b"\n" if name else b""
    return head + b"data: " + _LINE_END.sub(b"\ndata: ", data) + b"\n\n"
