"""A request that is passed on is read in one of two ways: with all that it says, or with its contents as written.

Reading what is said while the request is decoded costs less than a second look at it, but only usual parts can be read
so, and only so much in one go.
"""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

from gateway.dialects.mistakes import unreadable
from gateway.dialects.prompt_weight import is_read_at_once

Request = TypeVar("Request", bound=msgspec.Struct)


class TwoReadings(Generic[Request]):
    """Both ways to read a request of one dialect."""

    __slots__ = ("_decode_read", "_decode_unread")

    def __init__(self, read: type[Request], unread: type[Request]) -> None:
        """`read` is the request with what it says, `unread` the one with its contents as the client wrote them."""
        self._decode_read = msgspec.json.Decoder(read).decode
        self._decode_unread = msgspec.json.Decoder(unread).decode

    def read(self, body: bytes) -> Request:
        """With all that it says, where that is usual and not too much; else as `unread` has it."""
        if not is_read_at_once(body):
            return self.unread(body)
        try:
            return self._decode_read(body)
        except (ValueError, RecursionError):
            return self.unread(body)  # it is not usual, or wrong

    def unread(self, body: bytes) -> Request:
        """With its contents as they are written. Raises InvalidRequest whose `param` names the field."""
        try:
            return self._decode_unread(body)
        except (ValueError, RecursionError) as problem:
            raise unreadable(problem) from problem
