"""How one task wakes another that sleeps in `trio.lowlevel.wait_task_rescheduled`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from typing import Any, Final

import outcome
import trio


class _Nothing(outcome.Outcome[None]):
    """Has nothing to tell, so that one serves every wake-up: Trio makes one for each, which marks itself as used."""

    __slots__ = ()

    def unwrap(self) -> None:
        """What the sleeper is told."""

    def send(self, gen: Generator[Any, None, Any]) -> Any:
        return gen.send(None)

    async def asend(self, agen: AsyncGenerator[Any, None]) -> Any:
        return await agen.asend(None)


NOTHING: Final = _Nothing()


def wake(task: trio.lowlevel.Task) -> None:
    """`task` goes on; exactly once for each time that it has gone to sleep."""
    trio.lowlevel.reschedule(task, NOTHING)
