"""Those who wait for a provider's permits, tokens or bytes: bounded by count and bytes, FIFO within priority."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from actors.errors import Overloaded
from actors.letters import Attempt, Priority
from actors.timers import Timer


class Waiters:
    """An attempt stands here at most once; leaving costs the same wherever it stands."""

    def __init__(self, owner: str, *, max_count: int, max_bytes: int) -> None:
        self._owner = owner
        self._max_count = max_count
        self._max_bytes = max_bytes
        self._lines: dict[Priority, dict[Attempt, Timer]] = {
            priority: {} for priority in sorted(Priority, reverse=True)
        }
        self.count = 0
        self.bytes = 0

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Attempt]:
        """Highest priority first, oldest first within one; nobody may join or leave meanwhile."""
        return chain.from_iterable(self._lines.values())

    def __contains__(self, attempt: Attempt) -> bool:
        return attempt in self._lines[attempt.call.priority]

    def check_room(self, attempt: Attempt) -> None:
        """Raises Overloaded where the line is full by count or bytes."""
        if self.count >= self._max_count or (self.count and self.bytes + attempt.call.size_bytes > self._max_bytes):
            raise Overloaded(f"{self._owner} is at its limits and its queue is full ({self.count} waiting)")

    def join(self, attempt: Attempt, expiry: Timer) -> None:
        """Puts `attempt` at the end of its priority's line; `expiry` is cancelled when it leaves."""
        self._lines[attempt.call.priority][attempt] = expiry
        self.count += 1
        self.bytes += attempt.call.size_bytes

    def leave(self, attempt: Attempt) -> bool:
        """Takes `attempt` out; False where it does not stand here."""
        expiry = self._lines[attempt.call.priority].pop(attempt, None)
        if expiry is None:
            return False
        expiry.cancel()
        self.count -= 1
        self.bytes -= attempt.call.size_bytes
        return True

    def clear(self) -> list[Attempt]:
        """Takes everybody out, in order."""
        everybody = list(self)
        for attempt in everybody:
            self.leave(attempt)
        return everybody
