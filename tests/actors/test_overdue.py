"""One appointment for all who are at work: each is stopped at its own time, and nobody else."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from actors.attempt import Attempt
from actors.errors import Stage, TimedOut
from actors.events import ActorBuried
from tests.actors.house import House, Script, answers, silent


def hurries(*allowed_s: float, every_s: float = 1.0) -> Script:
    """Work that allows itself so many seconds from now, then so many from `every_s` later on, and hears nothing."""

    async def work(attempt: Attempt) -> None:
        attempt.sent()
        for seconds in allowed_s:
            attempt.enter(Stage.AWAITING, seconds)
            await trio.sleep(every_s)
        await trio.sleep_forever()

    return work


async def test_each_is_stopped_when_it_is_due_itself_whoever_came_first(autojump_clock: MockClock) -> None:
    """Due are 7, 3, 5 and again 5, of which one moves to 9, another from 20 to 2; one is through before."""
    scripts = [hurries(7), hurries(3), hurries(5), hurries(5, 5, 5, 5, 5), hurries(20, 1), answers("ok", after_s=6.5)]
    async with House({"a": scripts}).running() as house:
        began = trio.current_time()
        ended: list[tuple[int, float]] = []

        async def ask(number: int) -> None:
            if number == 5:
                assert await house.ask() == "ok"
            else:
                with pytest.raises(TimedOut):
                    await house.ask()
            ended.append((number, trio.current_time() - began))

        with trio.fail_after(30):
            async with trio.open_nursery() as nursery:
                for number in range(len(scripts)):
                    nursery.start_soon(ask, number)
                    await wait_all_tasks_blocked()
                assert len(house.providers["a"]._timers) == 1
        assert ended == [(4, 2), (1, 3), (2, 5), (5, 6.5), (0, 7), (3, 9)]
        house.assert_at_rest()


async def test_who_is_overdue_before_it_has_begun_is_stopped_as_it_begins(autojump_clock: MockClock) -> None:
    async with House({"a": [hurries()]}).running() as house:
        call = house.call(deadline_s=2)
        actor = house.providers["a"]
        actor.offer(attempt := Attempt(call, house.candidates[0], trio.current_time))
        autojump_clock.jump(3)  # its task has not had its turn
        await wait_all_tasks_blocked()
        assert (attempt.stopped, attempt.ended_at, actor.in_flight) == (True, trio.current_time(), 0)


async def test_an_actor_that_leaves_ends_also_where_its_last_letter_is_of_no_use_any_more(
    autojump_clock: MockClock,
) -> None:
    """It stands in the mailbox while the actor is told to go, and its asker has gone."""
    house = House({"a": [silent()]})
    actor = house.make_provider("a")
    actor.offer(attempt := Attempt(house.call(), house.candidates[0], trio.current_time))
    attempt.cancel()

    class Begun:
        def started(self, value: None = None) -> None:
            actor.stop()

    with trio.fail_after(1):
        await actor.run(task_status=Begun())  # type: ignore[arg-type]
    assert [event.queued for event in house.events if isinstance(event, ActorBuried)] == [0]
