"""Trio's own wait for input, behind an epoll that is waited on in its place.

Where Trio waits for a poll of ours as for any socket, each turn costs two system calls more, a task switch and the way
through its registrations: a third of what passing on an event costs that comes alone. So Trio waits on our poll, in
which its own is one descriptor among the others. This reaches into Trio; where that is another one inside than is
known here, it stays as it is.
"""

from __future__ import annotations

import select
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

import trio

READY_AT_ONCE: Final = 64
"""So many sockets are looked at before tasks get their turn."""

Serve = Callable[[Iterable[tuple[int, int]]], None]
"""Takes descriptors that have input, with what epoll says of them."""


class TrioEpoll:
    """The epoll with which the present run waits for all that it waits for."""

    __slots__ = ("_context", "_io")

    def __init__(self, context: Any, io: Any) -> None:
        self._context = context
        self._io = io

    @classmethod
    def of_this_run(cls) -> TrioEpoll | None:
        """Nothing where this Trio waits in another way, or another poll is before it already."""
        try:
            from trio._core._io_epoll import EpollIOManager
            from trio._core._run import GLOBAL_RUN_CONTEXT
        except ImportError:
            return None
        io = getattr(GLOBAL_RUN_CONTEXT.runner, "io_manager", None)
        known = isinstance(io, EpollIOManager) and isinstance(getattr(io, "_epoll", None), select.epoll)
        return cls(GLOBAL_RUN_CONTEXT, io) if known else None

    def fileno(self) -> int:
        """Has input when Trio has something to do."""
        number: int = self._io._epoll.fileno()
        return number

    def serve(self) -> bool:
        """Does what Trio does about what has come; there is always more."""
        self._io.process_events(self._io.get_events(0))
        return True

    @contextmanager
    def behind(self, ours: select.epoll, serve: Serve) -> Iterator[None]:
        """Within, the run waits on `ours`, which has to tell of this one too, and calls `serve` as the present task."""
        runner = self._context.runner
        runner.io_manager = _Before(self._io, ours, partial(self._in_name_of, trio.lowlevel.current_task(), serve))
        try:
            yield
        finally:
            runner.io_manager = self._io

    def _in_name_of(self, task: trio.lowlevel.Task, serve: Serve, ready: Iterable[tuple[int, int]]) -> None:
        """Between two steps of tasks there is no current one, and somebody who is called may ask for it."""
        self._context.task = task
        try:
            serve(ready)
        finally:
            del self._context.task


class _Before:
    """What Trio calls in place of its own: all is its own but where it waits, and who is told what has come."""

    __slots__ = (
        "close",
        "force_wakeup",
        "get_events",
        "notify_closing",
        "process_events",
        "statistics",
        "wait_readable",
        "wait_writable",
    )

    def __init__(self, io: Any, ours: select.epoll, serve: Serve) -> None:
        self.get_events = partial(ours.poll, maxevents=READY_AT_ONCE)
        self.process_events = serve
        self.wait_readable = io.wait_readable
        self.wait_writable = io.wait_writable
        self.notify_closing = io.notify_closing
        self.force_wakeup = io.force_wakeup
        self.statistics = io.statistics
        self.close = io.close
