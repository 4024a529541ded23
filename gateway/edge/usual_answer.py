"""The heads of answers that say nothing unusual, read without a call for each of their fields, as llhttp makes one.

Providers say some twenty-five fields with every answer, and nearly always that its body comes in chunks. What is taken
here is a strict part of what llhttp takes (RFC 9112, sections 4 to 7), and means the same; whatever is not taken is
llhttp's to judge.
"""

from __future__ import annotations

import re
from functools import lru_cache
from operator import itemgetter, methodcaller
from typing import ClassVar, Final, NoReturn

import msgspec

from gateway.dialects.envelope import RawHeaders
from gateway.edge.response_parser import ResponseParser, cut_short

_STATUS_LINE: Final = b"HTTP/1.1 200 OK\r\n"
_LINE_END: Final = b"\r\n"
_HEAD_END: Final = b"\r\n\r\n"
_NAME: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_LENGTH: Final = b"content-length"
_CODING: Final = b"transfer-encoding"
_CONNECTION: Final = b"connection"
_DIGITS: Final = re.compile(rb"[0-9]{1,15}")
_SIZE: Final = re.compile(rb"[0-9A-Fa-f]{1,8}")
_LAST_CHUNK: Final = b"\r\n0\r\n\r\n"
_UNUSUAL: Final = frozenset({b"content-encoding", b"proxy-connection"})
"""Names of fields that say how the body is coded, or what becomes of the connection, and stand in few heads."""
_MOST_KNOWN: Final = 512
_LONGEST_KNOWN: Final = 256

_UNREAD: Final = b""
"""In place of a name that is llhttp's to read."""
_name_of: Final = itemgetter(0)
_value_of: Final = itemgetter(1)
_parted: Final = methodcaller("partition", b": ")


class PlainAnswer(msgspec.Struct, eq=False, gc=False):
    """An answer with status 200 of which the head was usual: its body is here whole, or is counted."""

    status: ClassVar[int] = 200
    content_coding: ClassVar[bytes] = b""
    has_head: ClassVar[bool] = True

    headers: RawHeaders
    body: bytes
    """What has arrived of it and has not been taken."""
    _left: int
    """Bytes of it that are still to come."""
    complete: bool
    reusable: bool = True
    """Whether, the answer being complete, the connection may carry another request."""

    def feed(self, data: bytes) -> None:
        """Takes what has arrived, as long as the answer is not complete."""
        left = self._left - len(data)
        if left < 0:  # whatever follows was not asked for
            self.reusable = False
            data, left = data[:left], 0
        self.body += data
        self._left = left
        self.complete = not left

    def end(self) -> NoReturn:
        """Nothing more will arrive, which is never its proper end. Raises UpstreamBroken."""
        raise cut_short()

    def take_body(self) -> bytes:
        """What has arrived of the body since the last call."""
        body, self.body = self.body, b""
        return body


class AnswerHeads:
    """Begins answers, and remembers names of fields, whosever answers they stand in."""

    __slots__ = ("_max_header_bytes", "_names")

    def __init__(self, max_header_bytes: int) -> None:
        self._max_header_bytes = max_header_bytes
        self._names = _KnownNames()

    def begin(self, data: bytes, *, has_no_body: bool) -> tuple[PlainAnswer | ResponseParser, bytes]:
        """The answer that begins with `data`, and what of that it is still to be fed with.

        `has_no_body`: the request was a HEAD.
        """
        begun = None if has_no_body else self._read(data)
        return begun or (ResponseParser(has_no_body, self._max_header_bytes), data)

    def _read(self, data: bytes) -> tuple[PlainAnswer | ResponseParser, bytes] | None:
        """None where the head is not here whole, or may say something unusual."""
        head, end, body = data.partition(_HEAD_END)
        if not end or len(head) > self._max_header_bytes or not _is_plain(head):
            return None
        known = self._names
        fields = [(known[name], value) for name, _, value in map(_parted, head.split(_LINE_END)[1:])]
        framing = _framing_of(tuple(map(_name_of, fields)))
        if framing is None or not framing.keeps_connection(fields) or not all(map(_value_of, fields)):
            return None
        value = fields[framing.place][1]
        if framing.in_chunks:
            if value != b"chunked":
                return None
            piece = _only_chunk(body)
            if piece is None:
                return ResponseParser.of_chunks(fields, self._max_header_bytes), body
            return PlainAnswer(fields, piece, 0, True), b""
        left = int(value) - len(body) if _DIGITS.fullmatch(value) else -1
        return (PlainAnswer(fields, body, left, not left), b"") if left >= 0 else None


class _KnownNames(dict[bytes, bytes]):
    """Names as they are written to what they are: in lower case, or llhttp's to read."""

    def __missing__(self, written: bytes) -> bytes:
        name = written.lower()
        if name in _UNUSUAL or _NAME.fullmatch(name) is None:
            name = _UNREAD
        if len(written) <= _LONGEST_KNOWN:
            if len(self) >= _MOST_KNOWN:
                self.clear()
            self[written] = name
        return name


class _Framing(msgspec.Struct, frozen=True, gc=False):
    """Where in a head stands how its body ends."""

    place: int
    in_chunks: bool
    connection: int | None
    """Where it stands what becomes of the connection."""

    def keeps_connection(self, fields: RawHeaders) -> bool:
        return self.connection is None or fields[self.connection][1].lower() == b"keep-alive"


@lru_cache(maxsize=64)
def _framing_of(names: tuple[bytes, ...]) -> _Framing | None:
    """Remembered, since a provider's answers have the same names; None for what only llhttp may judge."""
    counts = [names.count(name) for name in (_LENGTH, _CODING, _CONNECTION)]
    if _UNREAD in names or counts[0] + counts[1] != 1 or counts[2] > 1:
        return None
    place = names.index(_CODING if counts[1] else _LENGTH)
    return _Framing(place, bool(counts[1]), names.index(_CONNECTION) if counts[2] else None)


def _is_plain(head: bytes) -> bool:
    """Whether it is a 200's, of printable ASCII, and no line ends with a space or has two between name and value."""
    if not head.startswith(_STATUS_LINE) or head.find(b" \r\n") >= 0 or head.find(b":  ") >= 0 or head.endswith(b" "):
        return False
    said = head.replace(_LINE_END, b"")
    return said.isascii() and said.decode().isprintable()


def _only_chunk(body: bytes) -> bytes | None:
    """The body where all of it has come, and in one piece."""
    size, _, rest = body.partition(_LINE_END)
    if not rest.endswith(_LAST_CHUNK) or _SIZE.fullmatch(size) is None:
        return None
    length = int(size, 16)
    return rest[:length] if length and len(rest) == length + len(_LAST_CHUNK) else None
