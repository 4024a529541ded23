"""A bounded mailbox: a Trio channel that is full by count or by bytes, never blocks its senders, and keeps figures.

Senders are other actors and askers. A blocking send between actors could deadlock in a cycle, so a full mailbox
answers Overloaded at once. `close_and_drain` is the way out for a dying owner: it takes all letters back in one step,
with no await in between, so that every one of them can be answered.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import trio

from actors.errors import ActorDied, Overloaded

T = TypeVar("T")

DEFAULT_CAPACITY = 4096
DEFAULT_CAPACITY_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class MailboxStatistics:
    """A mailbox at one moment; `oldest_s` is how long the letter at the head has stood there."""

    depth: int
    capacity: int
    bytes: int
    capacity_bytes: int
    oldest_s: float
    processed: int
    refused: int


class Mailbox(Generic[T]):
    """Letters for one actor, in order.

    `reserved` further places are for `post_reserved`: reports of work that the owner itself has started, whose number
    is bounded elsewhere and which must not be refused.
    """

    def __init__(
        self,
        owner: str,
        *,
        clock: Callable[[], float],
        capacity: int = DEFAULT_CAPACITY,
        capacity_bytes: int = DEFAULT_CAPACITY_BYTES,
        reserved: int = 0,
    ) -> None:
        self._owner = owner
        self._clock = clock
        self._capacity = capacity
        self._capacity_bytes = capacity_bytes
        self._sender, self._receiver = trio.open_memory_channel[T](capacity + reserved)
        self._waiting: deque[tuple[float, int]] = deque()
        """Arrival time and bytes of each letter in the channel, oldest first."""
        self._bytes = 0
        self._processed = 0
        self._refused = 0
        self._closed = False

    def post(self, letter: T, size_bytes: int = 0) -> None:
        """Puts a letter in. Raises Overloaded when full by count or bytes, ActorDied when the owner is gone."""
        if self._closed:
            raise ActorDied(f"{self._owner} is not running")
        if len(self._waiting) >= self._capacity:
            self._refused += 1
            raise Overloaded(f"the mailbox of {self._owner} is full ({self._capacity} letters)")
        if self._bytes + size_bytes > self._capacity_bytes and self._waiting:
            self._refused += 1
            raise Overloaded(f"the mailbox of {self._owner} is full ({self._capacity_bytes} bytes)")
        self._put(letter, size_bytes)

    def post_reserved(self, letter: T) -> None:
        """Puts a report in, past `capacity`. Raises ActorDied when the owner is gone."""
        if self._closed:
            raise ActorDied(f"{self._owner} is not running")
        self._put(letter, 0)

    async def receive(self) -> T:
        """The next letter. A cancelled receive takes none.

        A letter that was handed to a waiting reader in the very step in which the mailbox was closed still comes out
        here, and is its reader's to answer: `close_and_drain` could not give it back.
        """
        letter = await self._receiver.receive()
        self._taken()
        return letter

    def receive_nowait(self) -> T:
        """The next letter if there is one. Raises trio.WouldBlock."""
        letter = self._receiver.receive_nowait()
        self._taken()
        return letter

    def close_and_drain(self) -> list[T]:
        """Closes for ever and gives back what nobody has read; the caller answers every one before it awaits."""
        if self._closed:
            return []
        self._closed = True
        self._sender.close()
        letters: list[T] = []
        try:
            while True:
                letters.append(self._receiver.receive_nowait())
        except (trio.WouldBlock, trio.EndOfChannel):
            pass
        self._receiver.close()
        self._waiting.clear()
        self._bytes = 0
        return letters

    def statistics(self) -> MailboxStatistics:
        oldest_s = self._clock() - self._waiting[0][0] if self._waiting else 0.0
        return MailboxStatistics(
            depth=len(self._waiting),
            capacity=self._capacity,
            bytes=self._bytes,
            capacity_bytes=self._capacity_bytes,
            oldest_s=oldest_s,
            processed=self._processed,
            refused=self._refused,
        )

    def _put(self, letter: T, size_bytes: int) -> None:
        self._waiting.append((self._clock(), size_bytes))
        self._bytes += size_bytes
        self._sender.send_nowait(letter)

    def _taken(self) -> None:
        if self._waiting:  # else closed meanwhile
            self._bytes -= self._waiting.popleft()[1]
        self._processed += 1
