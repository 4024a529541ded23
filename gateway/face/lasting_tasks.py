"""Tasks that outlast the request which began them, in a nursery that the root's supervisor can name."""

from __future__ import annotations

import trio


class LastingTasks:
    """A child of the root; what the tasks do its heirs know."""

    def __init__(self) -> None:
        self._nursery: trio.Nursery | None = None
        """None while it does not run, and once it is stopped: nothing new is started then."""
        self._stopped = trio.Event()
        self._scope = trio.CancelScope()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Holds the tasks; once stopped until the last has ended, or until it is cancelled, which ends them."""
        self._stopped, self._scope = trio.Event(), trio.CancelScope()
        try:
            with self._scope:
                await self._hold(task_status)
        finally:
            self._nursery = None

    def end_by(self, at: float) -> None:
        """What has not ended then is ended; whoever stops before it gives what lasts no grace of its own."""
        self._scope.deadline = at

    async def _hold(self, task_status: trio.TaskStatus[None]) -> None:
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            task_status.started()
            await self._stopped.wait()
            self._nursery = None

    def stop(self) -> None:
        """Nothing new is started."""
        self._stopped.set()
