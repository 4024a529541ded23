"""How an answer is framed, and its head as bytes. Pure; header injection ends here."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Collection, Iterable
from email.utils import formatdate
from http import HTTPStatus
from operator import itemgetter
from typing import Final, NamedTuple

from gateway.edge.refusals import error_body, refusal_headers
from gateway.edge.request import Head
from gateway.errors import GatewayError

_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]++")
_REMEMBERED = 512
_CR, _LF, _NUL = b"\r\n\0"  # bytes are looked for as numbers: bytes in bytes cost eight times as much
_name_of = itemgetter(0)
_line_of = b": ".join
_STATUS_LINES = {code.value: b"HTTP/1.1 %d %b\r\n" % (code, code.phrase.encode()) for code in HTTPStatus if code >= 200}
_WITHOUT_BODY = (204, 304)
_WITH_BODY = {status: line for status, line in _STATUS_LINES.items() if status not in _WITHOUT_BODY}
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

Fields = Collection[tuple[bytes, bytes]]


class FieldLines:
    """Header fields as lines, checked: names only once, values all together; and Date once a second."""

    __slots__ = ("_date", "_plain_names", "_second", "_wall_clock")

    def __init__(self, wall_clock: Callable[[], float]) -> None:
        self._wall_clock = wall_clock
        self._second = -1
        self._date = b""
        self._plain_names: set[bytes] = set()
        """Those that have been checked, in lower case; those that frame the body are never among them."""

    def of(self, headers: Fields) -> tuple[bytes, _Said | None]:
        """The lines of `headers`, and what is said in them of the framing, if anything is.

        Of what frames the body only the date is among the lines. Raises MalformedAnswer for a field that would be
        another one, or several, on the wire.
        """
        said = None
        if not self._plain_names.issuperset(map(_name_of, headers)):  # the first of its name, or one that frames
            headers, said = _read(headers)
            self._check_names(map(_name_of, headers))
        return _joined(headers), said

    def plain_answer(self, status: int, headers: Fields, body: bytes) -> bytes | None:
        """All of the answer to a plain request; None where that is for `open_answer`. Raises MalformedAnswer."""
        start = _WITH_BODY.get(status)
        if start is None or not self._plain_names.issuperset(map(_name_of, headers)):
            return None
        length = b"content-length: %d\r\n" % len(body)
        return b"".join((start, _joined(headers), length, self.date(), b"\r\n", body))

    def _check_names(self, names: Iterable[bytes]) -> None:
        for name in names:
            if _NAME.fullmatch(name) is None:
                raise MalformedAnswer("a header field's name holds a forbidden character")
            if name not in _OURS and len(self._plain_names) < _REMEMBERED:
                self._plain_names.add(name)

    def date(self) -> bytes:
        """The Date field of this second."""
        second = int(self._wall_clock())
        if second != self._second:
            self._second = second
            self._date = b"date: %b\r\n" % formatdate(second, usegmt=True).encode()
        return self._date


class _Said(NamedTuple):
    """What an app's header fields say of the framing."""

    length: int | None
    closes: bool
    has_date: bool


_OURS: Final = frozenset([b"content-length", b"transfer-encoding", b"connection", b"keep-alive", b"date"])


def _read(headers: Fields) -> tuple[Fields, _Said]:
    """Those of them that are to be written, names in lower case, and what all say of the framing.

    Raises MalformedAnswer.
    """
    kept: list[tuple[bytes, bytes]] = []
    length: int | None = None
    closes = has_date = False
    for field, value in headers:
        name = field.lower()
        if name == b"content-length":
            if length is not None or not value.isdigit():
                raise MalformedAnswer(f"content-length {value!r}")
            length = int(value)
        elif name == b"connection":
            closes = closes or value.lower() == b"close"
        elif name == b"date":
            has_date = True
            kept.append((name, value))
        elif name not in _OURS:
            kept.append((name, value))
    return kept, _Said(length, closes, has_date)


def _joined(headers: Fields) -> bytes:
    """As lines. Raises MalformedAnswer where a value would end its line."""
    lines = b"\r\n".join([*map(_line_of, headers), b""])
    if not lines.count(_CR) == lines.count(_LF) == len(headers) or _NUL in lines:
        raise MalformedAnswer("a header field's value holds a forbidden character")
    return lines


def open_answer(
    request: Head, status: int, headers: Fields, whole: int | None, closing: bool, lines: FieldLines
) -> Opening:
    """Frames an answer to `request`; `whole` is the body's length where all of it is known. Raises MalformedAnswer."""
    fields, said = lines.of(headers)
    length, has_date = whole, False
    if said is not None:
        length = whole if said.length is None else said.length
        closing, has_date = closing or said.closes, said.has_date
    if request.method == "HEAD" or status in _WITHOUT_BODY:
        framing = _EMPTY
        if not whole:  # nobody knows how long the body would have been
            length = None if said is None else said.length
    elif length is not None:
        framing = _LENGTH
    elif request.version == "1.1":
        framing = _CHUNKED
    else:
        framing, closing = _UNTIL_CLOSE, True
    head = [_STATUS_LINES.get(status) or _unusual_status_line(status), fields]
    if length is not None and status != 204:
        head.append(b"content-length: %d\r\n" % length)
    elif framing is _CHUNKED:
        head.append(_CODED_IN_CHUNKS)
    if not has_date:
        head.append(lines.date())
    if closing:
        head.append(_CLOSE)
    elif request.version == "1.0":
        head.append(_KEEP_ALIVE)
    head.append(b"\r\n")
    return b"".join(head), framing, length or 0, not closing


def encode_chunk(piece: bytes) -> bytes:
    return b"".join((b"%x\r\n" % len(piece), piece, b"\r\n"))


def refusal_answer(refusal: GatewayError, target: bytes, request_id: bytes, lines: FieldLines) -> bytes:
    """A whole answer of the server's own to a request for `target`, the connection's last; b"" is no id."""
    body = error_body(refusal, target)
    fields, _ = lines.of(refusal_headers(request_id))
    length = b"content-length: %d\r\n" % len(body)
    return b"".join((_STATUS_LINES[refusal.status], fields, length, lines.date(), _CLOSE, b"\r\n", body))


def _unusual_status_line(status: int) -> bytes:
    if not 200 <= status <= 999:
        raise MalformedAnswer(f"status {status}")
    return b"HTTP/1.1 %d \r\n" % status
