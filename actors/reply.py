"""A one-shot answer between two tasks: settled once by whoever is first, awaited by one."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, TypeVar

import trio

from actors.waking import WakeUp, sleep

T = TypeVar("T")


class Reply(WakeUp[T]):
    """Exactly one outcome for one waiting task, which is woken with it.

    Built on Trio's own sleep-and-reschedule primitive: a quarter of an Event's cost, and there is one a request.
    """

    __slots__ = ("_failure", "_value", "_waiter", "late", "settled")

    def __init__(self) -> None:
        self._value: Any = None
        self._failure: Exception | None = None
        self._waiter: trio.lowlevel.Task | None = None
        self.settled = False
        self.late = 0
        """How many settlements came after the first and were not delivered."""

    def settle(self, value: T) -> bool:
        """Answers; False where something else was first."""
        if self.settled:
            self.late += 1
            return False
        self.settled = True
        self._value = value
        self._wake()
        return True

    def fail(self, failure: Exception) -> bool:
        """Answers with an exception, raised where `wait` stands; False where something else was first."""
        if self.settled:
            self.late += 1
            return False
        self.settled = True
        self._failure = failure
        self._wake()
        return True

    def wait(self) -> Awaitable[T]:
        """The answer, as soon as there is one, and once; always a checkpoint, cancelled like any other.

        To be awaited at once.
        """
        if self.settled:
            return self._look_again()
        assert self._waiter is None, "one task waits for a reply"
        self._waiter = trio.lowlevel.current_task()
        return sleep(self._give_up)

    def unwrap(self) -> T:
        """The answer, for who has waited for it."""
        # Not kept: an answer leads back to the call that this reply is part of, and a circle waits for the collector.
        failure = self._failure
        if failure is not None:
            self._failure = None
            raise failure
        value: T = self._value
        self._value = None
        return value

    async def _look_again(self) -> T:
        await trio.lowlevel.checkpoint()
        return self.unwrap()

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            trio.lowlevel.reschedule(waiter, self)

    def _give_up(self, _raise_cancel: trio.lowlevel.RaiseCancelT) -> trio.lowlevel.Abort:
        self._waiter = None
        return trio.lowlevel.Abort.SUCCEEDED
