"""The head that a connection's client always sends: read once, then only compared.

A client that keeps its connection says the same with every request but for the length of the body, so that all but its
digits are compared as bytes. What is equal byte for byte to what llhttp has read is what llhttp would read again.
"""

from __future__ import annotations

import re
from typing import Final

from gateway.edge.request import Head, Request

_LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]+)(?=[ \t]*\r\n)", re.IGNORECASE)
_HEAD_END: Final = b"\r\n\r\n"
_CRLF: Final = b"\r\n"
_LINE_ENDS: Final = (b"\r", b"\n")
"""llhttp skips them before a request."""
_MOST_DIGITS: Final = 12


class UsualHead:
    """One connection's latest head, as it was sent and as it was read."""

    __slots__ = ("_after", "_before", "_before_bytes", "_digits", "_head", "_length")

    def __init__(self, head: Head, before: bytes, digits: bytes, after: bytes) -> None:
        """`before` and `after` stand around the `digits` of the length; without one, all but the first are empty."""
        self._head = head
        self._before = before
        self._before_bytes = len(before)
        self._digits = digits
        self._length = int(digits or 0)
        self._after = after

    def take(self, data: bytes, longest: int) -> tuple[Request, bytes] | None:
        """The request with which `data` begins, and what follows it.

        None where the head is another one, and where not all of the body has come or it has more than `longest` bytes.
        """
        if not data.startswith(self._before):
            return None
        begin, length = self._before_bytes, 0
        if self._after:
            digits_end = data.find(_CRLF, begin, begin + _MOST_DIGITS)
            digits = data[begin:digits_end]
            if digits_end < 0 or not digits.isdigit() or not data.startswith(self._after, digits_end):
                return None
            if digits != self._digits:
                self._head = self._head.with_length(digits)
                self._digits, self._length = digits, int(digits)
            length, begin = self._length, digits_end + len(self._after)
        end = begin + length
        if length > longest or end > len(data):
            return None
        return Request(self._head, length, data[begin:end]), data[end:]


def usual_head(head: Head, data: bytes) -> UsualHead | None:
    """`head` to be known again, whose request `data` began with; None where it did not come in one piece.

    To be asked only for a head that says neither how its body is coded nor what is to be waited for.
    """
    end = data.find(_HEAD_END) + len(_HEAD_END)
    if end < len(_HEAD_END) or data.startswith(_LINE_ENDS):
        return None
    sent = data[:end]
    length = _LENGTH.search(sent)
    if length is None:
        return UsualHead(head, sent, b"", b"")
    return UsualHead(head, sent[: length.start(1)], length[1], sent[length.end(1) :])
