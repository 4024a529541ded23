"""A task that sleeps by ours goes on when it is woken, and is cancelled only as far as it lets itself be."""

from __future__ import annotations

import trio
from trio.testing import MockClock

from actors.waking import sleep, wake


async def test_a_sleeper_goes_on_when_it_is_woken_and_one_that_is_cancelled_is_asked_first(
    autojump_clock: MockClock,
) -> None:
    """Where the first line fails after a new Trio, its inside has changed: all works on, at 2 % more a request."""
    assert sleep is not trio.lowlevel.wait_task_rescheduled
    asked: list[float] = []

    def refuse(_raise_cancel: trio.lowlevel.RaiseCancelT) -> trio.lowlevel.Abort:
        asked.append(trio.current_time())
        return trio.lowlevel.Abort.FAILED

    def agree(_raise_cancel: trio.lowlevel.RaiseCancelT) -> trio.lowlevel.Abort:
        asked.append(trio.current_time())
        return trio.lowlevel.Abort.SUCCEEDED

    async def wake_later(task: trio.lowlevel.Task) -> None:
        await trio.sleep(3)
        wake(task)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wake_later, trio.lowlevel.current_task())
        with trio.move_on_after(1) as scope:
            await sleep(refuse)
        assert (trio.current_time(), scope.cancelled_caught) == (3, False)
    with trio.move_on_after(1) as scope:
        await sleep(agree)
    assert (trio.current_time(), scope.cancelled_caught, asked) == (4, True, [1, 4])
