"""A bounded mailbox: full by count or by bytes, it never blocks its senders, and it keeps figures.

Senders are other actors and askers. A blocking send between actors could deadlock in a cycle, so a full mailbox
answers Overloaded at once. `close_and_drain` is the way out for a dying owner: it takes all letters back in one step,
with no await in between, so that every one of them can be answered.

A letter that finds its owner idle is handled at once, in its sender's turn: handling never waits, so nobody can tell
but by the task switch that it spares, and a request passes two mailboxes. A letter that comes while another one is
being handled stands in line for the owner's own task.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, NoReturn, TypeVar

import outcome
import trio

from actors.errors import ActorDied, Overloaded
from actors.waking import NOTHING, sleep

T = TypeVar("T")

DEFAULT_CAPACITY = 4096
DEFAULT_CAPACITY_BYTES = 256 * 1024 * 1024
_BATCH = 64
"""Letters handled in one go before other tasks get their turn."""


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
        self._places = capacity + reserved
        self._letters: deque[tuple[T, float, int]] = deque()
        """Each with its arrival time and bytes, oldest first."""
        self._reader: trio.lowlevel.Task | None = None
        """Who sleeps until there is a letter."""
        self._handle: Callable[[T], None] | None = None
        """What an idle owner, who is there and has no letters, does with one; None while it is busy or gone, and where
        it only `wait`s."""
        self._attended = False
        """The reader sleeps with a `_handle`, and without one only while a letter is handled in its sender's turn: what
        there is to do for it then is seen to afterwards."""
        self._bytes = 0
        self._processed = 0
        self._refused = 0
        self._closed = False

    def post(self, letter: T, size_bytes: int = 0) -> None:
        """Puts a letter in. Raises Overloaded when full by count or bytes, ActorDied when the owner is gone."""
        handle = self._handle
        if handle is None:
            self._check_open()
            self._check_room(size_bytes)
            self._stand_in_line(letter, size_bytes)
            return
        # The owner is idle: its reader sleeps, and goes on sleeping unless something is left to do.
        self._handle = None
        try:
            handle(letter)
        except Exception as bug:  # the owner's, not the sender's
            self._put_back(letter)
            if self._reader is None:
                raise  # the owner is being cancelled and can take it no more
            self._wake(bug)
            return
        self._processed += 1
        if self._letters or self._closed:
            self._wake()
        elif self._reader is not None:
            self._handle = handle

    def post_reserved(self, letter: T) -> None:
        """Puts a report in, past `capacity`. Raises ActorDied when the owner is gone."""
        if self._handle is not None:
            self.post(letter)
            return
        self._check_open()
        assert len(self._letters) < self._places, "reports are bounded by the work that the owner has started"
        self._stand_in_line(letter, 0)

    async def attend(self, handle: Callable[[T], None]) -> NoReturn:
        """Has every letter handled, for ever, in this task or its sender's.

        Raises what `handle` raises, whose letter is then among those that `close_and_drain` gives back, and
        trio.ClosedResourceError.
        """
        self._attended = True
        while True:
            if not self._letters and not self._closed:
                self._handle = handle
            await self.wait()
            for _ in range(_BATCH):
                if (letter := self.take()) is None:
                    break
                try:
                    handle(letter)
                except Exception:
                    self._put_back(letter)
                    raise

    async def wait(self) -> None:
        """Returns when there is a letter; always a checkpoint. One task reads. Raises trio.ClosedResourceError."""
        if self._letters:
            await trio.lowlevel.checkpoint()
            return
        if not self._closed:
            assert self._reader is None, "one task reads a mailbox"
            self._reader = trio.lowlevel.current_task()
            await sleep(self._stop_waiting)
        if self._closed:
            raise trio.ClosedResourceError

    def take(self) -> T | None:
        """The next letter, None where there is none."""
        if not self._letters:
            return None
        letter, _, size_bytes = self._letters.popleft()
        self._bytes -= size_bytes
        self._processed += 1
        return letter

    def close_and_drain(self) -> list[T]:
        """Closes for ever and gives back what nobody has read; the caller answers every one before it awaits."""
        self._closed = True
        letters = [letter for letter, _, _ in self._letters]
        self._letters.clear()
        self._bytes = 0
        self._wake_for_news()
        return letters

    def statistics(self) -> MailboxStatistics:
        letters = self._letters
        return MailboxStatistics(
            depth=len(letters),
            capacity=self._capacity,
            bytes=self._bytes,
            capacity_bytes=self._capacity_bytes,
            oldest_s=self._clock() - letters[0][1] if letters else 0.0,
            processed=self._processed,
            refused=self._refused,
        )

    def _check_open(self) -> None:
        if self._closed:
            raise ActorDied(f"{self._owner} is not running")

    def _check_room(self, size_bytes: int) -> None:
        full = ""
        if len(self._letters) >= self._capacity:
            full = f"{self._capacity} letters"
        elif self._bytes + size_bytes > self._capacity_bytes and self._letters:
            full = f"{self._capacity_bytes} bytes"
        if full:
            self._refused += 1
            raise Overloaded(f"the mailbox of {self._owner} is full ({full})")

    def _stand_in_line(self, letter: T, size_bytes: int) -> None:
        self._letters.append((letter, self._clock(), size_bytes))
        self._bytes += size_bytes
        self._wake_for_news()

    def _put_back(self, letter: T) -> None:
        """Its handling crashed: whoever sent it is told with all the others."""
        self._letters.appendleft((letter, self._clock(), 0))

    def _wake_for_news(self) -> None:
        if self._handle is not None or not self._attended:
            self._wake()

    def _wake(self, bug: Exception | None = None) -> None:
        reader = self._reader
        if reader is not None:
            self._reader = self._handle = None
            trio.lowlevel.reschedule(reader, NOTHING if bug is None else outcome.Error(bug))

    def _stop_waiting(self, _raise_cancel: trio.lowlevel.RaiseCancelT) -> trio.lowlevel.Abort:
        self._reader = self._handle = None
        return trio.lowlevel.Abort.SUCCEEDED
