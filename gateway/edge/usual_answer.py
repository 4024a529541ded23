"""The heads of answers that say nothing unusual: read line by line, and a line that has come before not at all.

A provider says nearly the same with every answer, of which llhttp makes a call for each header. What is taken here is a
strict part of what llhttp takes, and means the same; whatever is not taken is llhttp's to judge.
"""

from __future__ import annotations

import re
from functools import lru_cache
from operator import itemgetter
from typing import ClassVar, Final, NoReturn

import msgspec

from gateway.dialects.envelope import RawHeaders
from gateway.edge.response_parser import cut_short

_STATUS_LINE: Final = b"HTTP/1.1 200 OK"
_LINE_END: Final = b"\r\n"
_HEAD_END: Final = b"\r\n\r\n"
_NAME: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_LENGTH: Final = b"content-length"
_DIGITS: Final = re.compile(rb"[0-9]{1,15}")
_UNUSUAL: Final = frozenset({b"connection", b"content-encoding", b"proxy-connection", b"transfer-encoding"})
"""Names of fields that say how the body is framed or coded, or what becomes of the connection."""
_KEPT: Final = b"keep-alive"
_MOST_KNOWN: Final = 512
_LONGEST_KNOWN: Final = 256

_Field = tuple[bytes, bytes]
_UNREAD: Final = (b"", b"")
"""In place of the field of a line that is llhttp's to read; no field has such a name."""
_name_of: Final = itemgetter(0)


class PlainAnswer(msgspec.Struct, eq=False, gc=False):
    """An answer with status 200 of which the head was usual: its body is counted, and is all that may come."""

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


class UsualAnswers:
    """Remembers header lines, whosever answers they stand in: what one means does not depend on the others."""

    __slots__ = ("_field_of", "_known", "max_header_bytes")

    def __init__(self, max_header_bytes: int) -> None:
        self._known = _KnownLines()
        self._field_of = self._known.__getitem__
        self.max_header_bytes = max_header_bytes

    def read(self, data: bytes) -> PlainAnswer | None:
        """The answer that begins with `data`; None where its head is not here whole, or may say something unusual."""
        head, end, body = data.partition(_HEAD_END)
        lines = head.split(_LINE_END)
        if lines.pop(0) != _STATUS_LINE or not end or len(head) > self.max_header_bytes:
            return None
        fields = list(map(self._field_of, lines))
        place = _place_of_length(tuple(map(_name_of, fields)))
        if place is None:
            return None
        left = int(fields[place][1]) - len(body)
        return PlainAnswer(fields, body, left, not left) if left >= 0 else None


class _KnownLines(dict[bytes, _Field]):
    """What lines say, or that it is llhttp's to read them."""

    def __missing__(self, line: bytes) -> _Field:
        field = _field_of(line)
        if len(line) <= _LONGEST_KNOWN:
            if len(self) >= _MOST_KNOWN:
                self.clear()
            self[line] = field
        return field


@lru_cache(maxsize=64)
def _place_of_length(names: tuple[bytes, ...]) -> int | None:
    """Remembered, since a provider's answers have the same names; None where it is not said once, or a line unread."""
    return names.index(_LENGTH) if names.count(_LENGTH) == 1 and _UNREAD[0] not in names else None


def _field_of(line: bytes) -> _Field:
    """What a line says where it is a field as nearly everybody writes one; `_UNREAD` where it may be anything else."""
    name, colon, value = line.partition(b": ")
    if not colon or not _is_plain(value) or _NAME.fullmatch(name) is None:
        return _UNREAD
    name = name.lower()
    if name in _UNUSUAL and not (name == b"connection" and value.lower() == _KEPT):
        return _UNREAD
    if name == _LENGTH and _DIGITS.fullmatch(value) is None:
        return _UNREAD
    return name, value


def _is_plain(value: bytes) -> bool:
    """Printable ASCII, with no space around it."""
    return bool(value) and value.isascii() and value.decode().isprintable() and value.strip() == value
