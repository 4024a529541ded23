"""A neighbour service's actor: its breaker, its line, its checks, and askers that leave."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import count
from random import Random
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from actors.errors import ActorDied, Blame, CallCrashed, DeadlineExceeded, Failure, Overloaded, TimedOut, Unavailable
from actors.events import BreakerMoved, ErrandEnded
from actors.policy.breaker import BreakerSettings
from actors.service import ServiceActor, ServiceSettings
from actors.standing import Standing

NEVER = math.inf
STEADY = BreakerSettings(jitter=0.0)


class Broken(Failure):
    blame = Blame.HOST


class Refused(Failure):
    """Says no, and is well."""


class House:
    def __init__(self, actor: ServiceActor, events: list[object]) -> None:
        self.actor = actor
        self.events = events

    async def ask(self, work: Callable[[], Awaitable[Any]], deadline: float = NEVER) -> Any:
        return await self.actor.ask("look", work, deadline)

    async def fail(self, times: int) -> None:
        for _ in range(times):
            with pytest.raises(Broken):
                await self.ask(broken)

    def assert_at_rest(self) -> None:
        view = self.actor.view()
        assert (view["in_flight"], view["waiting"]) == (0, 0)


async def works() -> str:
    await trio.sleep(1)
    return "done"


async def broken() -> str:
    raise Broken("it is broken")


async def hangs() -> None:
    await trio.sleep_forever()


@asynccontextmanager
async def running(
    check: Callable[[], Awaitable[object]] | None = None,
    clock: Callable[[], float] = trio.current_time,
    **settings: Any,
) -> AsyncIterator[House]:
    events: list[object] = []
    actor = ServiceActor(
        ServiceSettings(name="it", breaker=STEADY, **settings),
        clock=clock,
        random=Random(0),
        observe=events.append,
        check=check,
    )
    async with trio.open_nursery() as nursery:
        await nursery.start(lambda task_status: actor.run(task_status=task_status))
        yield House(actor, events)
        nursery.cancel_scope.cancel()


async def test_an_errand_is_done_and_told(autojump_clock: MockClock) -> None:
    async with running() as it:
        assert it.actor.standing() == Standing("unknown")
        assert await it.ask(works) == "done"
        assert it.events == [ErrandEnded("it", "look", 1.0, None, 1.0)]
        await trio.sleep(2)
        assert it.actor.standing() == Standing("up", 2.0, 1.0)


async def test_five_failures_open_the_breaker_and_a_probe_that_works_closes_it(autojump_clock: MockClock) -> None:
    async with running() as it:
        await it.fail(5)
        with pytest.raises(Unavailable) as refused:
            await it.ask(works)
        assert refused.value.retry_after == 5
        assert it.actor.standing().state == "down"
        await trio.sleep(5)
        assert await it.ask(works) == "done"
        assert it.actor.standing().state == "up"
        moves = [(event.before.value, event.after.value) for event in it.events if isinstance(event, BreakerMoved)]
        assert moves == [("closed", "open"), ("half_open", "closed")]


async def test_what_the_service_refuses_says_that_it_is_well(autojump_clock: MockClock) -> None:
    async def refuses() -> None:
        raise Refused("no")

    async with running() as it:
        for _ in range(9):
            with pytest.raises(Refused):
                await it.ask(refuses)
        assert it.actor.standing().state == "up"


async def test_a_silent_service_is_given_up_after_its_time_and_blamed_for_it(autojump_clock: MockClock) -> None:
    async with running(timeout_s=3.0) as it:
        with pytest.raises(TimedOut):
            await it.ask(hangs)
        assert trio.current_time() == 3
        assert it.actor.standing().state == "down"
        it.assert_at_rest()


async def test_a_deadline_of_the_askers_own_blames_nobody(autojump_clock: MockClock) -> None:
    async with running() as it:
        for _ in range(6):
            with pytest.raises(DeadlineExceeded):
                await it.ask(hangs, trio.current_time() + 1)
        assert trio.current_time() == 6
        await trio.testing.wait_all_tasks_blocked()
        assert it.actor.standing() == Standing("unknown")
        it.assert_at_rest()


async def test_no_more_than_the_bound_are_at_work_and_in_line(autojump_clock: MockClock) -> None:
    done: list[float] = []

    async def ask(it: House) -> None:
        await it.ask(works)
        done.append(trio.current_time())

    async with running(max_concurrent=2, max_waiting=3) as it:
        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(ask, it)
            await trio.testing.wait_all_tasks_blocked()
            with pytest.raises(Overloaded):
                await it.ask(works)
        assert done == [1, 1, 2, 2, 3]
        it.assert_at_rest()


async def test_a_wait_is_bounded_in_the_line_too_and_the_line_is_not_the_services_fault(
    autojump_clock: MockClock,
) -> None:
    """One at a time, each for 0.6 s, nobody waits longer than one: the second is cut at its work, all others in line;
    who had its turn at once and all of the time blames the service.
    """
    ends: list[tuple[float, str]] = []

    async def takes_its_time() -> None:
        await trio.sleep(0.6)

    async def ask(it: House, work: Callable[[], Awaitable[Any]]) -> None:
        try:
            await it.actor.ask("look", work, NEVER, 1.0)
        except Failure as failure:
            ends.append((trio.current_time(), type(failure).__name__))
        else:
            ends.append((trio.current_time(), "done"))

    async with running(max_concurrent=1, timeout_s=5.0) as it:
        async with trio.open_nursery() as nursery:
            for _ in range(4):
                nursery.start_soon(ask, it, takes_its_time)
        assert sorted(ends) == [(0.6, "done"), (1.0, "DeadlineExceeded"), (1.0, "Overloaded"), (1.0, "Overloaded")]
        assert (it.actor.standing().state, it.actor.view()["breaker"]["failures"]) == ("up", 0)
        it.assert_at_rest()

        ends.clear()
        await ask(it, hangs)
        assert ends == [(2.0, "TimedOut")]
        assert it.actor.view()["breaker"]["failures"] == 1

        ends.clear()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(it.ask, works)
            await trio.testing.wait_all_tasks_blocked()
            with pytest.raises(TimedOut):
                await it.ask(hangs)  # without a bound of its own it has all of the time once it has its turn
        assert trio.current_time() == 8
        assert it.actor.view()["breaker"]["failures"] == 1


async def test_the_moment_between_asking_and_having_ones_turn_is_no_line(autojump_clock: MockClock) -> None:
    """As on a real clock, which never says the same twice: a silent service is to blame all the same."""
    moments = count()
    async with running(clock=lambda: trio.current_time() + next(moments) * 1e-9) as it:
        with pytest.raises(TimedOut):
            await it.actor.ask("look", hangs, NEVER, 1.0)
        assert it.actor.view()["breaker"]["failures"] == 1


async def test_who_leaves_the_line_or_the_work_leaves_nothing_behind(autojump_clock: MockClock) -> None:
    async with running(max_concurrent=1) as it:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(it.ask, hangs)
            nursery.start_soon(it.ask, works)
            await trio.testing.wait_all_tasks_blocked()
            assert (it.actor.view()["in_flight"], it.actor.view()["waiting"]) == (1, 1)
            nursery.cancel_scope.cancel()
        await trio.testing.wait_all_tasks_blocked()
        it.assert_at_rest()
        assert it.actor.standing() == Standing("unknown")


async def test_a_crash_of_one_errand_is_its_own(autojump_clock: MockClock) -> None:
    async def crashes() -> None:
        raise RuntimeError("a bug")

    async with running() as it:
        with pytest.raises(CallCrashed):
            await it.ask(crashes)
        assert await it.ask(works) == "done"


async def test_whoever_waits_is_told_when_the_actor_ends(autojump_clock: MockClock) -> None:
    told: list[type[BaseException]] = []

    async def ask(it: House) -> None:
        with pytest.raises(ActorDied) as death:
            await it.ask(hangs)
        told.append(death.type)

    async with trio.open_nursery() as nursery, running(max_concurrent=1) as it:
        nursery.start_soon(ask, it)
        nursery.start_soon(ask, it)
        await trio.testing.wait_all_tasks_blocked()
    assert told == [ActorDied, ActorDied]


async def test_a_check_finds_a_service_that_has_come_back_without_anybody_asking(autojump_clock: MockClock) -> None:
    """Down from the start: checked every 2 s, open after five failures, found well by the probe after the pause."""
    up_from = 20.0

    async def check() -> None:
        if trio.current_time() < up_from:
            raise Broken("down")

    async with running(check, check_every_s=2.0) as it:
        await trio.sleep(1)
        assert it.actor.standing() == Standing("down", 1.0, 0.0)
        await trio.sleep(8)
        assert it.actor.view()["breaker"]["state"] == "open"
        await trio.sleep(26)
        assert it.actor.standing().state == "up"
