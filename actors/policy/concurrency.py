"""How many calls may be under way at once."""

from __future__ import annotations


class ConcurrencyLimit:
    """Counts calls against a limit."""

    __slots__ = ("limit", "used")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0

    def acquire(self) -> bool:
        """Takes a place if there is one."""
        if self.used >= self.limit:
            return False
        self.used += 1
        return True

    def release(self) -> None:
        """Gives a place back. Raises ValueError when none is taken: somebody has given back twice."""
        if self.used == 0:
            raise ValueError("no place is taken")
        self.used -= 1

    def resize(self, limit: int) -> None:
        """Another limit from now on; calls above it go on to their end."""
        self.limit = limit
