"""A one-shot answer between two tasks: settled once by whoever is first, awaited by one."""

from __future__ import annotations

from typing import Generic, TypeVar

import outcome
import trio

T = TypeVar("T")


class Reply(Generic[T]):
    """Exactly one outcome for one waiting task.

    Built on Trio's own sleep-and-reschedule primitive: a quarter of an Event's cost, and there is one a request.
    """

    __slots__ = ("_outcome", "_waiter", "late")

    def __init__(self) -> None:
        self._outcome: outcome.Outcome[T] | None = None
        self._waiter: trio.lowlevel.Task | None = None
        self.late = 0
        """How many settlements came after the first and were not delivered."""

    @property
    def settled(self) -> bool:
        return self._outcome is not None

    def settle(self, value: T) -> bool:
        """Answers; False where something else was first."""
        return self._finish(outcome.Value(value))

    def fail(self, failure: Exception) -> bool:
        """Answers with an exception, raised where `wait` stands; False where something else was first."""
        return self._finish(outcome.Error(failure))

    async def wait(self) -> T:
        """The answer, as soon as there is one; always a checkpoint, cancelled like any other."""
        if self._outcome is None:
            assert self._waiter is None, "one task waits for a reply"
            self._waiter = trio.lowlevel.current_task()
            await trio.lowlevel.wait_task_rescheduled(self._give_up)
            assert self._outcome is not None
        else:
            await trio.lowlevel.checkpoint()
        return self._outcome.unwrap()

    def _finish(self, result: outcome.Outcome[T]) -> bool:
        if self._outcome is not None:
            self.late += 1
            return False
        self._outcome = result
        if self._waiter is not None:
            waiter, self._waiter = self._waiter, None
            trio.lowlevel.reschedule(waiter)
        return True

    def _give_up(self, _raise_cancel: trio.lowlevel.RaiseCancelT) -> trio.lowlevel.Abort:
        self._waiter = None
        return trio.lowlevel.Abort.SUCCEEDED
