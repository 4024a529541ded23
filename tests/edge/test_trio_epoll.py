"""The run waits on our epoll in place of Trio's own, and all that waits through Trio goes on as ever."""

from __future__ import annotations

import os
import select
import signal
import sys
from collections.abc import Iterable

import pytest
import trio

from gateway.edge.read_poll import ReadPoll
from gateway.edge.trio_epoll import TrioEpoll

if sys.platform != "linux":
    pytest.skip("there is no epoll here", allow_module_level=True)


def present_wait() -> object:
    from trio._core._run import GLOBAL_RUN_CONTEXT

    return GLOBAL_RUN_CONTEXT.runner.io_manager


async def test_a_run_waits_on_the_read_poll_and_on_its_own_again_afterwards() -> None:
    """Where this fails after a new Trio, its inside has changed: all works on, and a lone event costs a third more."""
    before = present_wait()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ReadPoll().run)
        await trio.testing.wait_all_tasks_blocked()
        assert present_wait() is not before
        assert TrioEpoll.of_this_run() is None, "a second poll is a task's"
        nursery.cancel_scope.cancel()
    assert present_wait() is before


async def test_sockets_timeouts_threads_and_signals_wake_whoever_waits_for_them_through_trio() -> None:
    async def have_written(sock: trio.socket.SocketType) -> None:
        """More than a socket takes at once."""
        total = 0
        while total < 1_000_000:
            total += await sock.send(b"x" * (1_000_000 - total))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ReadPoll().run)
        await trio.testing.wait_all_tasks_blocked()
        here, there = trio.socket.socketpair()
        with here, there:
            nursery.start_soon(have_written, there)
            read = 0
            while read < 1_000_000:
                read += len(await here.recv(65536))
            with trio.move_on_after(0.01) as scope:
                await here.recv(1)
        assert scope.cancelled_caught
        assert await trio.to_thread.run_sync(lambda: trio.from_thread.run_sync(trio.current_time)) > 0
        with trio.open_signal_receiver(signal.SIGUSR1) as signals:
            nursery.start_soon(trio.to_thread.run_sync, os.kill, os.getpid(), signal.SIGUSR1)
            assert await anext(signals) == signal.SIGUSR1
        assert trio.lowlevel.current_statistics().io_statistics.tasks_waiting_read >= 1, "Trio's own, for threads"
        nursery.cancel_scope.cancel()


async def test_what_is_called_has_a_current_task_and_the_next_step_of_a_task_its_own() -> None:
    trios = TrioEpoll.of_this_run()
    assert trios is not None
    seen: list[trio.lowlevel.Task] = []

    def serve(ready: Iterable[tuple[int, int]]) -> None:
        for descriptor, _ in ready:
            assert descriptor == trios.fileno()
            seen.append(trio.lowlevel.current_task())
            trios.serve()

    with select.epoll() as ours:
        ours.register(trios.fileno(), select.EPOLLIN)
        with trios.behind(ours, serve):
            me = trio.lowlevel.current_task()
            await trio.to_thread.run_sync(lambda: None)
            assert trio.lowlevel.current_task() is me
    assert seen
    assert set(seen) == {me}
