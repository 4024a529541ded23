"""A reply is settled once."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from actors.control import Drain
from actors.reply import Reply


async def test_the_first_settlement_wins_and_late_ones_are_counted() -> None:
    """An answer, then a failure that came too late."""
    reply: Reply[str] = Reply()
    assert reply.settle("yes")
    assert not reply.fail(ValueError("late"))
    assert not reply.settle("later")
    assert await reply.wait() == "yes"
    assert reply.late == 2


def test_a_reply_is_none_but_itself() -> None:
    """Nor is the letter that it stands in: two that ask for the same are two, and can be kept in a set."""
    assert Reply() != Reply()
    assert len({Drain(), Drain()}) == 2


async def test_a_waiting_task_gets_value_or_failure_at_that_moment(autojump_clock: MockClock) -> None:
    """Woken at the virtual second of the settlement."""
    reply: Reply[str] = Reply()
    start = trio.current_time()
    async with trio.open_nursery() as nursery:

        async def settle() -> None:
            await trio.sleep(3)
            reply.fail(ValueError("no"))

        nursery.start_soon(settle)
        with pytest.raises(ValueError, match="no"):
            await reply.wait()
        assert trio.current_time() - start == 3


async def test_a_cancelled_wait_can_be_taken_up_again(autojump_clock: MockClock) -> None:
    """Giving up once loses nothing."""
    reply: Reply[str] = Reply()
    with trio.move_on_after(1):
        await reply.wait()
    reply.settle("still here")
    assert await reply.wait() == "still here"
