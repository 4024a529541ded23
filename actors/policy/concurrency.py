"""How many calls may be under way at once, and how many of them are kept for those who matter most."""

from __future__ import annotations


class ConcurrencyLimit:
    """Counts calls against a limit; above `ordinary` its owner lets only some in."""

    __slots__ = ("_kept", "_places", "limit", "ordinary", "paused", "used")

    def __init__(self, limit: int, *, kept: float = 0.0) -> None:
        """`kept` is the share above `ordinary`, rounded down: of a small limit nothing is kept."""
        self._kept = kept
        self.used = 0
        self.paused = False
        """Nobody gets a place; whoever has one keeps it."""
        self.resize(limit)

    def acquire(self) -> bool:
        """Takes a place if there is one."""
        if self.used >= self._places:
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
        self.ordinary = limit - int(limit * self._kept)
        self._places = 0 if self.paused else limit

    def pause(self, is_paused: bool) -> None:
        """Gives no more places, or gives them again."""
        self.paused = is_paused
        self.resize(self.limit)
