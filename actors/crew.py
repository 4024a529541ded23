"""Tasks that serve one call at a time and then wait for the next: a call's task and cancel scope for less.

A fresh task with a fresh cancel scope costs some 15 µs a call. A parked task keeps its scope from call to call as long
as nobody has cancelled it; a cancelled scope has served its last call, and the task goes on with a new one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import copy_context
from typing import Generic, TypeVar

import trio

from actors.waking import sleep, wake

J = TypeVar("J")

DEFAULT_PARKED = 64

Serve = Callable[[J, trio.CancelScope], Awaitable[bool]]
"""Serves one job within a scope; whether nobody has cancelled that scope.

Lets a cancellation through, and of other exceptions only those that are to end the whole nursery.
"""


class Crew(Generic[J]):
    """Has each job served by a task of a nursery; at most `parked` tasks wait for more, the rest end after theirs."""

    def __init__(self, serve: Serve[J], *, parked: int = DEFAULT_PARKED) -> None:
        self._serve = serve
        self._max_parked = parked
        self._parked: list[_Place[J]] = []
        self._context = copy_context()
        """A task outlives the job that it was begun for, in whose sender's turn that may have been: it takes nothing of
        the sender's context along."""

    def start(self, nursery: trio.Nursery, job: J) -> None:
        """Has `job` served, by a parked task where there is one. Never blocks."""
        if self._parked:
            place = self._parked.pop()
            place.jobs.append(job)
            wake(place.task)
        else:
            self._context.run(nursery.start_soon, self._work, _Place(self._parked, job))

    async def _work(self, place: _Place[J]) -> None:
        """Jobs pass through without a name here: what a parked task can name, a call's whole body, it keeps alive."""
        place.task = trio.lowlevel.current_task()
        while True:
            with trio.CancelScope() as scope:
                while await self._serve(place.jobs.pop(), scope):
                    if len(self._parked) >= self._max_parked:
                        return
                    await place.wait()
            if len(self._parked) >= self._max_parked:
                return
            await place.wait()


class _Place(Generic[J]):
    """Where one task waits; it stands in `parked` for exactly as long as it can be given a job."""

    __slots__ = ("_parked", "jobs", "task")

    def __init__(self, parked: list[_Place[J]], job: J) -> None:
        self._parked = parked
        self.jobs = [job]
        """The one that is handed over next, and none while the task waits or works."""
        self.task: trio.lowlevel.Task
        """Who waits here, and nobody else ever; set once it runs."""

    def wait(self) -> Awaitable[None]:
        """Returns when there is a job: also where the nursery is cancelled in that very step.

        To be awaited at once.
        """
        self._parked.append(self)
        return sleep(self._give_up)

    def _give_up(self, _raise_cancel: trio.lowlevel.RaiseCancelT) -> trio.lowlevel.Abort:
        self._parked.remove(self)
        return trio.lowlevel.Abort.SUCCEEDED
