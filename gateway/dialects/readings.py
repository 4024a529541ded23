"""How a request that is passed on is read: with all that it says, with its media, or with its contents as written.

Reading what is said while the request is decoded costs less than a second look at it, but only usual parts can be read
so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec

from gateway.dialects.mistakes import unreadable

Request = TypeVar("Request", bound=msgspec.Struct)


class Readings(Generic[Request]):
    """The ways to read a request of one dialect."""

    __slots__ = ("_check", "_decode_odd", "_decode_unread", "_decode_usual")

    def __init__(
        self, usual: type[Request], odd: type[Request], unread: type[Request], check: Callable[[Request], None]
    ) -> None:
        """`usual` is the request with what it says, `odd` the one with its media, where it holds what nobody knows,
        `unread` the one with its contents as the client wrote them. What `check` asks of the latter two, and says
        better than a decoder when it raises InvalidRequest, stands in the types of the first.
        """
        self._check = check
        self._decode_usual = msgspec.json.Decoder(usual).decode
        self._decode_odd = msgspec.json.Decoder(odd).decode
        self._decode_unread = msgspec.json.Decoder(unread).decode

    def read(self, body: bytes) -> Request:
        """With all that it says, where that is usual; else with its media. Raises as `unread` does."""
        try:
            return self._decode_usual(body)
        except (ValueError, RecursionError):
            return self._read_odd(body)

    def _read_odd(self, body: bytes) -> Request:
        try:
            request = self._decode_odd(body)
        except (ValueError, RecursionError):
            return self.unread(body)  # it is wrong, mostly
        self._check(request)
        return request

    def unread(self, body: bytes) -> Request:
        """With its contents as they are written. Raises InvalidRequest whose `param` names the field."""
        try:
            request = self._decode_unread(body)
        except (ValueError, RecursionError) as problem:
            raise unreadable(problem, body=body) from problem
        self._check(request)
        return request
