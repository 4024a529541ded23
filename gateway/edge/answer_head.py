"""How an answer is framed, and its head as bytes. Pure; header injection ends here."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Iterable
from email.utils import formatdate
from http import HTTPStatus
from typing import Final

from gateway.edge.refusals import error_body
from gateway.edge.request import Head
from gateway.errors import GatewayError
from gateway.exchange import REQUEST_ID

_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]++")
_REMEMBERED = 512
_CR, _LF, _NUL = b"\r\n\0"  # bytes are looked for as numbers: bytes in bytes cost eight times as much
_STATUS_LINES = {code.value: b"HTTP/1.1 %d %b\r\n" % (code, code.phrase.encode()) for code in HTTPStatus if code >= 200}
_CLOSE = b"connection: close\r\n"
_KEEP_ALIVE = b"connection: keep-alive\r\n"  # what an HTTP/1.0 client has to be told
_CODED_IN_CHUNKS = b"transfer-encoding: chunked\r\n"

LAST_CHUNK = b"0\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Framing(enum.Enum):
    """How the client finds the end of the body."""

    EMPTY = "empty"
    """HEAD, 204 and 304: the head is all there is."""
    LENGTH = "length"
    CHUNKED = "chunked"
    CLOSE = "close"
    """HTTP/1.0 without a length: the connection's end."""


# Members of enums by a name of their own: each look-up in the class costs 0.2 µs, and these come with every request.
_EMPTY: Final = Framing.EMPTY
_LENGTH: Final = Framing.LENGTH
_CHUNKED: Final = Framing.CHUNKED
_UNTIL_CLOSE: Final = Framing.CLOSE


class MalformedAnswer(Exception):
    """An app's answer that cannot be sent: a bad status, header or length, or messages out of order."""


Opening = tuple[bytes, Framing, int, bool]
"""An answer's head and what it commits us to: framing, the body's length where that is LENGTH, keeping alive."""


class FieldLines:
    """Header fields as lines, checked; those that come again and again only once, and Date once a second.

    What a request gets of its own (ids, lengths) is never remembered.
    """

    __slots__ = ("_date", "_second", "_starts", "_wall_clock", "known")

    def __init__(self, wall_clock: Callable[[], float]) -> None:
        self._wall_clock = wall_clock
        self._second = -1
        self._date = b""
        self._starts: dict[bytes, bytes] = {}
        """Names that have been checked, as a line begins with them."""
        self.known: dict[tuple[bytes, bytes], bytes] = {}
        """Those that are remembered; nothing that frames the body is ever among them."""

    def of(self, field: tuple[bytes, bytes]) -> bytes:
        """Raises MalformedAnswer for a field that would be another one, or several, on the wire."""
        name, value = field
        if _CR in value or _LF in value or _NUL in value:
            raise MalformedAnswer("a header field's value holds a forbidden character")
        line = (self._starts.get(name) or self._start_of(name)) + value + b"\r\n"
        if name in _STEADY and len(self.known) < _REMEMBERED:
            self.known[field] = line
        return line

    def _start_of(self, name: bytes) -> bytes:
        lower = name.lower()
        if _NAME.fullmatch(lower) is None:
            raise MalformedAnswer("a header field's name holds a forbidden character")
        start = b"%b: " % lower
        if len(self._starts) < _REMEMBERED:
            self._starts[name] = start
        return start

    def date(self) -> bytes:
        """The Date field of this second."""
        second = int(self._wall_clock())
        if second != self._second:
            self._second = second
            self._date = b"date: %b\r\n" % formatdate(second, usegmt=True).encode()
        return self._date


class _Fields:
    """What stands in an app's header fields that the framing has to know."""

    __slots__ = ("closes", "has_date", "length", "lines")

    def __init__(self, status_line: bytes, headers: Iterable[tuple[bytes, bytes]], lines: FieldLines) -> None:
        self.lines: list[bytes] = [status_line]
        self.length: int | None = None
        self.closes = False
        self.has_date = False
        known = lines.known
        for field in headers:
            if (line := known.get(field)) is not None:
                self.lines.append(line)
            elif field[0].lower() in _OURS:
                self._note(field, lines)
            else:
                self.lines.append(lines.of(field))

    def _note(self, field: tuple[bytes, bytes], lines: FieldLines) -> None:
        name, value = field[0].lower(), field[1]
        if name == b"content-length":
            if self.length is not None or not value.isdigit():
                raise MalformedAnswer(f"content-length {value!r}")
            self.length = int(value)
        elif name == b"connection":
            self.closes = self.closes or value.lower() == b"close"
        elif name == b"date":
            self.has_date = True
            self.lines.append(lines.of(field))


_OURS = frozenset([b"content-length", b"transfer-encoding", b"connection", b"keep-alive", b"date"])
_STEADY = frozenset(
    [
        b"cache-control",
        b"content-type",
        b"openai-model",
        b"openai-version",
        b"x-cms-routed",
        b"x-cms-tier",
        b"x-gateway-attempts",
        b"x-gateway-model",
        b"x-gateway-provider",
        b"x-should-retry",
        b"x-token-limit",
    ]
)


def open_answer(
    request: Head,
    status: int,
    headers: Iterable[tuple[bytes, bytes]],
    *,
    whole: int | None,
    closing: bool,
    lines: FieldLines,
) -> Opening:
    """Frames an answer to `request`; `whole` is the body's length where all of it is known. Raises MalformedAnswer."""
    fields = _Fields(_STATUS_LINES.get(status) or _unusual_status_line(status), headers, lines)
    length = whole if fields.length is None else fields.length
    framing = _framing(request, status, length)
    if framing is _EMPTY and not whole:
        length = fields.length  # nobody knows how long the body would have been
    keeps_alive = not (closing or fields.closes) and framing is not _UNTIL_CLOSE
    written = fields.lines
    if length is not None and status != 204:
        written.append(b"content-length: %d\r\n" % length)
    elif framing is _CHUNKED:
        written.append(_CODED_IN_CHUNKS)
    if not fields.has_date:
        written.append(lines.date())
    if not keeps_alive:
        written.append(_CLOSE)
    elif request.version == "1.0":
        written.append(_KEEP_ALIVE)
    written.append(b"\r\n")
    return b"".join(written), framing, length or 0, keeps_alive


def encode_chunk(piece: bytes) -> bytes:
    return b"".join((b"%x\r\n" % len(piece), piece, b"\r\n"))


def refusal_answer(refusal: GatewayError, target: bytes, request_id: bytes, lines: FieldLines) -> bytes:
    """A whole answer of the server's own to a request for `target`, the connection's last; b"" is no id."""
    body = error_body(refusal, target)
    return b"%bcontent-type: application/json\r\ncontent-length: %d\r\n%b%b%b\r\n%b" % (
        _STATUS_LINES[refusal.status],
        len(body),
        lines.of((REQUEST_ID, request_id)) if request_id else b"",
        lines.date(),
        _CLOSE,
        body,
    )


def _framing(request: Head, status: int, length: int | None) -> Framing:
    if request.method == "HEAD" or status in (204, 304):
        return _EMPTY
    if length is not None:
        return _LENGTH
    return _CHUNKED if request.version == "1.1" else _UNTIL_CLOSE


def _unusual_status_line(status: int) -> bytes:
    if not 200 <= status <= 999:
        raise MalformedAnswer(f"status {status}")
    return b"HTTP/1.1 %d \r\n" % status
