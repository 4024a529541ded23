"""Watches many sockets for input: what arrives is handled at once, without a task switch a piece.

Waiting through Trio costs each piece of a stream a registration with the kernel, a rescheduled task and the way back
up through all its coroutines: half of what passing on an event costs. A socket that is watched here is registered
once, and what comes is handled where Trio hears of it (`trio_epoll.py`), or in one task for all of them.
"""

from __future__ import annotations

import select
import sys
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

import msgspec
import outcome
import trio

from actors.waking import NOTHING, sleep
from gateway.edge.trio_epoll import READY_AT_ONCE, TrioEpoll

OnReadable = Callable[[], bool]
"""Takes what has arrived, without blocking; whether to go on watching."""


class ReadPoll:
    """Calls back whoever watches a socket that has input; whoever watches is a task that waits for the end of it."""

    __slots__ = ("_epoll", "_heard", "_served", "_watches")

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._heard: set[int] = set()
        """Descriptors that the kernel tells of: those watched, and those whose watch has ended and that have been quiet
        since. A connection that is watched again for its next answer is still among them, which spares two system
        calls."""
        self._served: _Watch | None = None
        """The one whose `on_readable` is being called."""
        self._watches: dict[int, _Watch] = {}

    async def run(self) -> None:
        """Serves all watches, for ever; whoever closes a socket later may still say so."""
        try:
            if (trios := TrioEpoll.of_this_run()) is None:
                await self._run_as_task()
            else:
                with trios.behind(self._epoll, self._serve):
                    await self.watch(trios.fileno(), trios.serve)
        finally:
            self._heard.clear()
            self._epoll.close()

    async def _run_as_task(self) -> None:
        while True:
            await trio.lowlevel.wait_readable(self._epoll.fileno())
            self._serve(self._epoll.poll(0, READY_AT_ONCE))

    def _serve(self, ready: Iterable[tuple[int, int]]) -> None:
        for descriptor, _ in ready:
            # One that was looked at before it may have ended this one's watch.
            if (watch := self._watches.get(descriptor)) is None:
                self._stop_hearing(descriptor)
                continue
            # Whatever comes of it is the watching task's, not the poll's.
            self._served = watch
            try:
                goes_on = watch.on_readable()
            except Exception as problem:
                watch.end(outcome.Error(problem))
            else:
                if not goes_on:
                    watch.end(NOTHING)
                elif descriptor not in self._heard:
                    watch.end(_closed())
            self._served = None

    def watch(self, descriptor: int, on_readable: OnReadable) -> Coroutine[Any, Any, None]:
        """Calls `on_readable` in the poll's turn, whenever there is input, until it returns False.

        To be awaited at once. Raises what it raises, ClosedResourceError after `closing`; OSError at once, and then
        nobody watches, where the system has no room for one more.
        """
        if descriptor in self._watches:
            raise trio.BusyResourceError("another task is already watching this socket")
        if descriptor not in self._heard:
            self._epoll.register(descriptor, select.EPOLLIN)
            self._heard.add(descriptor)
        watch = _Watch(self._watches, descriptor, on_readable, trio.lowlevel.current_task())
        self._watches[descriptor] = watch
        return sleep(watch.abort)

    def closing(self, descriptor: int) -> None:
        """To be called before a descriptor is closed: whoever watches it is told.

        A watch that closes its own socket ends as it says itself: by returning, or by what it raises.
        """
        self._stop_hearing(descriptor)
        watch = self._watches.get(descriptor)
        if watch is not None and watch is not self._served:
            watch.end(_closed())

    def is_quiet(self, descriptor: int) -> bool:
        """Whether it is known, without asking the kernel, that nothing has come since its last watch ended."""
        return descriptor in self._heard

    def _stop_hearing(self, descriptor: int) -> None:
        """No more of this one, until it is watched again: nobody takes its input, so the kernel would tell for ever."""
        if descriptor in self._heard:
            self._heard.remove(descriptor)
            self._epoll.unregister(descriptor)


def _closed() -> outcome.Outcome[None]:
    return outcome.Error(trio.ClosedResourceError("this stream is closed"))


def open_read_poll() -> ReadPoll | None:
    """One for this process, where the system has what it needs; without it streams wait through Trio."""
    return ReadPoll() if sys.platform == "linux" else None


class _Watch(msgspec.Struct, eq=False):
    """One socket that is watched, and the task that waits for it."""

    _watches: dict[int, _Watch]
    _descriptor: int
    on_readable: OnReadable
    _task: trio.lowlevel.Task
    _ended: bool = False

    def end(self, result: outcome.Outcome[None]) -> None:
        """Wakes the task, unless something that `on_readable` did has woken it already."""
        if not self._ended:
            self._leave()
            trio.lowlevel.reschedule(self._task, result)

    def abort(self, _raise_cancel: trio.lowlevel.RaiseCancelT) -> trio.lowlevel.Abort:
        """The task has been cancelled while it waited."""
        self._leave()
        return trio.lowlevel.Abort.SUCCEEDED

    def _leave(self) -> None:
        self._ended = True
        del self._watches[self._descriptor]
