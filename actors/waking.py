"""How one task wakes another that sleeps in `trio.lowlevel.wait_task_rescheduled`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from typing import Any, Final, TypeVar

import outcome
import trio

T = TypeVar("T")


class WakeUp(outcome.Outcome[T]):
    """What a sleeper is woken with; of it Trio asks nothing but `unwrap`."""

    __slots__ = ()

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
