"""Where answers that nobody reads any more come to their end, so that nobody has to wait for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio


class Endings:
    """A nursery for what `close` and `leave`, which never wait, leave to be done; there is one while `run` runs."""

    def __init__(self) -> None:
        self._nursery: trio.Nursery | None = None

    @property
    def running(self) -> bool:
        return self._nursery is not None

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """For ever."""
        async with trio.open_nursery() as self._nursery:
            try:
                task_status.started()
                await trio.sleep_forever()
            finally:
                self._nursery = None

    def start(self, end: Callable[[], Awaitable[None]]) -> None:
        """Ends an answer in a task of its own; not at all where nothing runs any more."""
        if self._nursery is not None:
            self._nursery.start_soon(end)
