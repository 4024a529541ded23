"""Bytes that a set of calls may hold together."""

from __future__ import annotations


class MemoryBudget:
    """Counts bytes against a limit."""

    __slots__ = ("limit", "peak", "used")

    def __init__(self, limit_bytes: int) -> None:
        self.limit = limit_bytes
        self.used = 0
        self.peak = 0
        """The most that was held at once."""

    def has_room(self, size_bytes: int) -> bool:
        """Whether `reserve` would take them."""
        return self.used + size_bytes <= self.limit

    def reserve(self, size_bytes: int) -> bool:
        """Takes `size_bytes` if they fit."""
        used = self.used + size_bytes
        if used > self.limit:
            return False
        if size_bytes < 0:
            raise ValueError(f"cannot charge {size_bytes} bytes")
        self.used = used
        if used > self.peak:
            self.peak = used
        return True

    def force(self, size_bytes: int) -> None:
        """Charges what is in memory already, also past the limit. Raises ValueError for a negative size."""
        if size_bytes < 0:
            raise ValueError(f"cannot charge {size_bytes} bytes")
        self.used += size_bytes
        if self.used > self.peak:
            self.peak = self.used

    def release(self, size_bytes: int) -> None:
        """Gives back. Raises ValueError for more than is held: somebody has given back twice."""
        if not 0 <= size_bytes <= self.used:
            raise ValueError(f"cannot release {size_bytes} of {self.used} bytes held")
        self.used -= size_bytes

    def resize(self, limit_bytes: int) -> None:
        """Another limit from now on; what is held above it stays until it is released."""
        self.limit = limit_bytes
