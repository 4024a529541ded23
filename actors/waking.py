"""How a task goes to sleep, and how another wakes it."""

from __future__ import annotations

import types
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from typing import Any, Final, TypeVar, cast

import outcome
import trio

T = TypeVar("T")

AbortFn = Callable[[trio.lowlevel.RaiseCancelT], trio.lowlevel.Abort]


def _cheap_sleep() -> Callable[[AbortFn], Coroutine[Any, Any, Any]]:
    """Trio's `wait_task_rescheduled` without two of its frames, and with its message made at two thirds of the price.

    A request sleeps four times. This reaches into Trio: where that is another one inside, it is Trio's own.
    """
    try:
        from trio._core._traps import WaitTaskRescheduled as Message
    except ImportError:
        return trio.lowlevel.wait_task_rescheduled
    if not hasattr(Message(_never), "__dict__"):
        return trio.lowlevel.wait_task_rescheduled
    new = object.__new__

    @types.coroutine
    def sleep(abort: AbortFn) -> Generator[Any, Any, Any]:
        message = new(Message)
        message.__dict__["abort_func"] = abort
        return (yield message).unwrap()

    return cast("Callable[[AbortFn], Coroutine[Any, Any, Any]]", sleep)


def _never(_raise_cancel: trio.lowlevel.RaiseCancelT) -> trio.lowlevel.Abort:
    return trio.lowlevel.Abort.FAILED


sleep: Final = _cheap_sleep()
"""Until somebody wakes the current task; as in Trio's `wait_task_rescheduled`, who cancels it asks first."""


class WakeUp(outcome.Outcome[T]):
    """What a sleeper is woken with; of it Trio asks nothing but `unwrap`."""

    __slots__ = ()
    # Outcomes are equal where what they say is, and have no hash; these are told apart by which they are.
    __eq__ = object.__eq__
    __hash__ = object.__hash__  # type: ignore[assignment]  # theirs is none

    def send(self, gen: Generator[Any, T, Any]) -> Any:
        return gen.send(self.unwrap())

    async def asend(self, agen: AsyncGenerator[Any, T]) -> Any:
        return await agen.asend(self.unwrap())


class _Nothing(WakeUp[None]):
    """Has nothing to tell, so that one serves every wake-up: Trio makes one for each, which marks itself as used."""

    __slots__ = ()

    def unwrap(self) -> None:
        """What the sleeper is told."""


NOTHING: Final = _Nothing()


def wake(task: trio.lowlevel.Task) -> None:
    """`task` goes on; exactly once for each time that it has gone to sleep."""
    trio.lowlevel.reschedule(task, NOTHING)
