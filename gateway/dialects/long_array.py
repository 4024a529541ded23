"""The JSON array that most of a request is: of a long one, what is whole is written ahead of all that follows."""

from __future__ import annotations

from typing import Any, Final, Generic, TypeVar

import msgspec

M = TypeVar("M")

PIECES_AT_ONCE: Final = 16
"""Parts whose messages are written in one step."""

_encode: Final = msgspec.json.Encoder().encode


class LongArray(Generic[M]):
    """`open` are the members that may still change; its owner adds to it and takes from it."""

    __slots__ = ("_written", "open")

    def __init__(self) -> None:
        self.open: list[M] = []
        self._written: list[bytes] = []

    def __bool__(self) -> bool:
        return bool(self.open or self._written)

    def write(self, *, but_last: int = 0) -> None:
        """Writes what is open but for the last few. Raises RecursionError for what is nested too deeply."""
        count = len(self.open) - but_last
        if count > 0:
            self._written.append(_encode(self.open[:count])[1:-1])
            del self.open[:count]

    def value(self) -> Any:
        """The whole array, to be encoded."""
        if not self._written:
            return self.open
        self.write()
        return msgspec.Raw(b"[" + b",".join(self._written) + b"]")
