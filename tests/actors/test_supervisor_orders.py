"""What an operator or a reload asks of a running supervisor."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from actors.errors import ActorDied, Overloaded
from actors.orders import MAX_ORDERS
from actors.supervisor import Escalated, NameTaken, NoSuchChild, Restarted, StartFailed, Strategy
from tests.actors.children import (
    FOREVER,
    Bug,
    Script,
    Stage,
    crash_after,
    crash_in_start,
    running,
)


async def test_a_restart_by_order_drains_and_starts_a_fresh_object_without_a_pause(autojump_clock: MockClock) -> None:
    """Only this one, whatever the strategy; it does not count towards the intensity."""
    stage = Stage()
    supervisor = stage.supervisor(
        stage.child("a"),
        stage.child("b", Script(drain_s=2, ready_after=1)),
        strategy=Strategy.ONE_FOR_ALL,
        intensity=0,
    )
    async with running(supervisor):
        await trio.sleep(9)
        first = supervisor.current("b")
        await supervisor.restart("b")
        assert stage.now() == 13, "the order is done when the fresh one is ready"
        assert supervisor.current("b") is stage.made["b"][1] is not first
        assert stage.since(10) == ["10 b asked", "12 b ends", "12 b starts", "13 b ready"]
        assert supervisor.children()[1].restarts == 1
    (fact,) = stage.stated(Restarted)
    assert fact.backoff_s == 0.0


async def test_a_restart_by_order_ends_a_pause(autojump_clock: MockClock) -> None:
    stage = Stage()
    supervisor = stage.supervisor(stage.child("b", crash_after(1), FOREVER))
    async with running(supervisor):
        await trio.sleep(1.05)
        assert supervisor.children()[0].state == "backing_off"
        await supervisor.restart("b")
        await trio.sleep(10)
        assert stage.since(1.05) == ["1.05 b starts", "1.05 b ready"]


async def test_a_restart_by_order_that_fails_is_reported_and_looked_after(autojump_clock: MockClock) -> None:
    stage = Stage()
    supervisor = stage.supervisor(stage.child("b", FOREVER, crash_in_start(), FOREVER))
    async with running(supervisor):
        with pytest.raises(StartFailed) as failed:
            await supervisor.restart("b")
        assert isinstance(failed.value.__cause__, Bug)
        assert supervisor.children()[0].state == "backing_off"
        await trio.sleep(1)
        assert stage.since(0.1) == ["0.1 b starts", "0.1 b ready"]


async def test_a_restart_by_order_that_passes_the_intensity_ends_the_supervisor(autojump_clock: MockClock) -> None:
    stage = Stage()
    supervisor = stage.supervisor(stage.child("b", FOREVER, crash_in_start()), intensity=0)

    async def order() -> None:
        await trio.sleep(1)
        with pytest.raises(ActorDied):
            await supervisor.restart("b")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(order)
        with pytest.raises(Escalated):
            await supervisor.run()


async def test_what_was_terminated_stays_so_until_it_is_restarted_by_order(autojump_clock: MockClock) -> None:
    """Not even a group restart brings it back."""
    stage = Stage()
    supervisor = stage.supervisor(
        stage.child("a", crash_after(20), FOREVER), stage.child("b", Script(drain_s=2)), strategy=Strategy.ONE_FOR_ALL
    )
    async with running(supervisor):
        await supervisor.terminate("b")
        assert stage.now() == 2
        await supervisor.terminate("b")
        await trio.sleep(50)
        assert [view.state for view in supervisor.children()] == ["running", "stopped"]
        await supervisor.restart("b")
        assert stage.alive == ["a", "b"]


async def test_a_child_added_at_run_time_is_looked_after_like_the_others(autojump_clock: MockClock) -> None:
    stage = Stage()
    supervisor = stage.supervisor(stage.child("a"))
    async with running(supervisor):
        await supervisor.add(stage.child("b", Script(ready_after=2, lasts=1), FOREVER))
        assert stage.now() == 2
        await trio.sleep(10)
        assert stage.alive == ["a", "b"]
        assert [(view.name, view.restarts) for view in supervisor.children()] == [("a", 0), ("b", 1)]
    assert stage.since(12) == ["12 b ends", "12 a ends"]


async def test_a_child_that_does_not_start_is_not_added(autojump_clock: MockClock) -> None:
    stage = Stage()
    supervisor = stage.supervisor(stage.child("a"))
    async with running(supervisor):
        with pytest.raises(StartFailed) as failed:
            await supervisor.add(stage.child("b", crash_in_start()))
        assert isinstance(failed.value.__cause__, Bug)
        assert [view.name for view in supervisor.children()] == ["a"]
        await trio.sleep(10)
        assert stage.alive == ["a"]


async def test_a_child_removed_is_stopped_and_forgotten(autojump_clock: MockClock) -> None:
    stage = Stage()
    supervisor = stage.supervisor(stage.child("a"), stage.child("b", Script(drain_s=2)))
    async with running(supervisor):
        await supervisor.remove("b")
        assert stage.now() == 2
        assert [view.name for view in supervisor.children()] == ["a"]
        await supervisor.add(stage.child("b"))
        assert stage.alive == ["a", "b"]


async def test_orders_that_make_no_sense_are_refused_and_change_nothing(autojump_clock: MockClock) -> None:
    stage = Stage()
    supervisor = stage.supervisor(stage.child("a"))
    async with running(supervisor):
        for order in (supervisor.restart, supervisor.terminate, supervisor.remove):
            with pytest.raises(NoSuchChild, match="top has no child named nobody"):
                await order("nobody")
        with pytest.raises(NameTaken, match="top has a child named a"):
            await supervisor.add(stage.child("a"))
        assert stage.alive == ["a"]


async def test_a_supervisor_that_does_not_run_takes_no_orders(autojump_clock: MockClock) -> None:
    stage = Stage()
    supervisor = stage.supervisor(stage.child("a"))
    with pytest.raises(ActorDied):
        await supervisor.restart("a")
    async with running(supervisor):
        pass
    with pytest.raises(ActorDied):
        await supervisor.restart("a")


async def test_orders_wait_for_each_other_and_are_answered_when_the_supervisor_stops(autojump_clock: MockClock) -> None:
    """One is being carried out, the others wait, the last finds no room; none of them waits for ever."""
    stage = Stage()
    supervisor = stage.supervisor(stage.child("a", Script(drain_s=4)))
    told: list[float] = []

    async def order() -> None:
        with pytest.raises(ActorDied):
            await supervisor.restart("a")
        told.append(stage.now())

    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        for _ in range(MAX_ORDERS + 1):
            nursery.start_soon(order)
            await wait_all_tasks_blocked()
        with pytest.raises(Overloaded):
            await supervisor.restart("a")
        await trio.sleep(1)
        supervisor.stop()
    assert told == [1.0] * (MAX_ORDERS + 1)
    assert stage.diary == ["0 a starts", "0 a ready", "0 a asked", "4 a ends"]


async def test_who_ordered_may_leave_and_the_order_is_still_carried_out(autojump_clock: MockClock) -> None:
    stage = Stage()
    supervisor = stage.supervisor(stage.child("a", Script(drain_s=4)))
    async with running(supervisor):
        with trio.move_on_after(1):
            await supervisor.restart("a")
        await trio.sleep(9)
        assert stage.since(4) == ["4 a ends", "4 a starts", "4 a ready"]


async def test_a_pause_that_ends_while_an_order_is_carried_out_does_not_cut_it_short(autojump_clock: MockClock) -> None:
    stage = Stage()
    supervisor = stage.supervisor(stage.child("a", crash_after(1), FOREVER), stage.child("b", Script(drain_s=3)))
    async with running(supervisor):
        await trio.sleep(1.05)
        await supervisor.restart("b")
        assert stage.since(1.05)[:4] == ["1.05 b asked", "4.05 b ends", "4.05 b starts", "4.05 b ready"]
        await trio.sleep(1)
        assert stage.alive == ["b", "a"]
