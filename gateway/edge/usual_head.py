"""The head that a connection's client always sends: read once, then only compared.

A client that keeps its connection says the same with every request but for the length of the body, so that all but its
digits are compared as bytes. What is equal byte for byte to what llhttp has read is what llhttp would read again.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from gateway.edge.request import Head, Request

_LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]+)(?=[ \t]*\r\n)", re.IGNORECASE)
_HEAD_END: Final = b"\r\n\r\n"
_LINE_ENDS: Final = (b"\r", b"\n")
"""llhttp skips them before a request."""
_MOST_DIGITS: Final = 12


class UsualHead:
    """One connection's latest head, as it was sent and as it was read."""

    __slots__ = (
        "_after",
        "_after_bytes",
        "_after_ends_by",
        "_before",
        "_before_bytes",
        "_digits",
        "_head",
        "_length",
        "_longest",
    )

    def __init__(self, head: Head, longest: int, before: bytes, digits: bytes = b"", after: bytes = b"") -> None:
        """`before` and `after` stand around the `digits` of the length; a head without one is all `before`."""
        self._head = head
        self._before = before
        self._before_bytes = len(before)
        self._digits = digits
        self._length = int(digits or 0)
        self._after = after
        self._after_bytes = len(after)
        self._longest = longest
        self._after_ends_by = len(before) + _MOST_DIGITS + len(after)

    def take(self, data: bytes, hand_over: Callable[[Request], None]) -> bytes:
        """Hands over the requests that `data` begins with, and returns what follows them.

        That begins with another head or with one whose body is too long, or not all of its body has come.
        """
        while data.startswith(self._before):
            digits_end = data.find(self._after, self._before_bytes, self._after_ends_by)
            digits = data[self._before_bytes : digits_end]
            if digits_end < 0 or (digits != self._digits and not self._learns(digits)):
                break
            begin = digits_end + self._after_bytes
            end = begin + self._length
            if end > len(data):
                break
            hand_over(Request(self._head, self._length, data[begin:end], True))
            data = data[end:]
        return data

    def _learns(self, digits: bytes) -> bool:
        """From here on the head says another length; False where this is none, or too much."""
        if not digits.isdigit() or (length := int(digits)) > self._longest:
            return False
        self._head = self._head.with_length(digits)
        self._digits, self._length = digits, length
        return True


def usual_head(head: Head, longest: int, data: bytes) -> UsualHead | None:
    """`head` to be known again, whose request `data` began with; None where it did not come in one piece.

    To be asked only for a head that says neither how its body is coded nor what is to be waited for. Bodies beyond
    `longest` are for others to judge.
    """
    end = data.find(_HEAD_END) + len(_HEAD_END)
    if end < len(_HEAD_END) or data.startswith(_LINE_ENDS):
        return None
    sent = data[:end]
    length = _LENGTH.search(sent)
    if length is None:
        return UsualHead(head, longest, sent)
    return UsualHead(head, longest, sent[: length.start(1)], length[1], sent[length.end(1) :])
