"""The heads of answers that say nothing unusual: read line by line, and a line that has come before not at all.

A provider says nearly the same with every answer, of which llhttp makes a call for each header. What is taken here is a
strict part of what llhttp takes, and means the same; whatever is not taken is llhttp's to judge.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from gateway.dialects.envelope import RawHeaders

_STATUS_LINE: Final = b"HTTP/1.1 200 OK\r\n"
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


class PlainHead(NamedTuple):
    """The head of an answer with status 200 whose body has `length` bytes, and where that begins."""

    fields: RawHeaders
    length: int
    body_at: int


class UsualAnswers:
    """Remembers header lines, whosever answers they stand in: what one means does not depend on the others."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[bytes, _Field | None] = {}
        """What lines say; None for those that are llhttp's."""

    def head_of(self, data: bytes) -> PlainHead | None:
        """The head with which `data` begins; None where it is not here whole, or may say something unusual."""
        end = data.find(_HEAD_END)
        if end < 0 or not data.startswith(_STATUS_LINE):
            return None
        known, fields, length = self._known, [], -1
        for line in data[len(_STATUS_LINE) : end].split(b"\r\n"):
            field = known[line] if line in known else self._read(line)
            if field is None:
                return None
            if field[0] == _LENGTH:
                if length >= 0:
                    return None
                length = int(field[1])
            fields.append(field)
        return PlainHead(fields, length, end + len(_HEAD_END)) if length >= 0 else None

    def _read(self, line: bytes) -> _Field | None:
        field = _field_of(line)
        if len(line) <= _LONGEST_KNOWN:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[line] = field
        return field


def _field_of(line: bytes) -> _Field | None:
    """What a line says, where it is a field as nearly everybody writes one; None where it may be anything else."""
    name, colon, value = line.partition(b": ")
    if not colon or not _is_plain(value) or _NAME.fullmatch(name) is None:
        return None
    name = name.lower()
    if name in _UNUSUAL and not (name == b"connection" and value.lower() == _KEPT):
        return None
    if name == _LENGTH and _DIGITS.fullmatch(value) is None:
        return None
    return name, value


def _is_plain(value: bytes) -> bool:
    """Printable ASCII, with no space around it."""
    return bool(value) and value.isascii() and value.decode().isprintable() and value.strip() == value
