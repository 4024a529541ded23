"""A child whose place is taken, or given up: it leaves in its own time, and nobody waits for it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import trio
from trio.testing import MockClock

from actors.supervision import ChildSpec
from actors.supervisor import NoSuchChild, StartFailed
from tests.actors.children import FOREVER, Script, Stage, crash_after, crash_in_start, running


def successor(stage: Stage, *scripts: Script, **other: object) -> ChildSpec:
    """For the child "a": the stage knows it as "b"."""
    return replace(stage.child("b", *scripts, **other), name="a")  # type: ignore[arg-type]


async def test_the_old_one_is_asked_to_end_once_its_successor_is_ready(autojump_clock: MockClock) -> None:
    """The order is done then; what the old one still does holds nothing up."""
    stage = Stage()
    supervisor = stage.supervisor(stage.child("a", Script(drain_s=100)))
    async with running(supervisor):
        await supervisor.replace(successor(stage, Script(ready_after=3)), grace_s=200)
        assert stage.now() == 3
        assert supervisor.current("a") is stage.made["b"][0]
        assert [(child.name, child.state.value) for child in supervisor.children()] == [
            ("a", "running"),
            ("a~1", "draining"),
        ]
        await trio.sleep(101)
        assert [child.name for child in supervisor.children()] == ["a"]
        assert supervisor.current("a") is stage.made["b"][0]
    assert stage.since(1) == ["3 b ready", "3 a asked", "103 a ends", "104 b ends"]


async def test_whoever_outlasts_the_grace_of_the_order_is_cancelled(autojump_clock: MockClock) -> None:
    stage = Stage()
    supervisor = stage.supervisor(stage.child("a", Script(drain_s=100), grace_s=0))
    async with running(supervisor):
        await supervisor.retire("a", grace_s=7)
        assert supervisor.current("a") is None, "who leaves is not found any more"
        await trio.sleep(50)
    assert stage.diary == ["0 a starts", "0 a ready", "0 a asked", "7 a ends"]


async def test_a_supervisor_that_ends_leaves_no_more_than_a_childs_own_grace(autojump_clock: MockClock) -> None:
    stage = Stage()
    supervisor = stage.supervisor(stage.child("a", Script(drain_s=100), grace_s=5))
    async with running(supervisor):
        await supervisor.retire("a", grace_s=500)
        await trio.sleep(10)
    assert stage.diary[-1] == "15 a ends"


async def test_a_successor_that_does_not_start_changes_nothing(autojump_clock: MockClock) -> None:
    stage = Stage()
    supervisor = stage.supervisor(stage.child("a", Script(drain_s=1)))
    async with running(supervisor):
        with pytest.raises(StartFailed):
            await supervisor.replace(successor(stage, crash_in_start(2)), grace_s=9)
        await trio.sleep(10)
        assert stage.alive == ["a"]
        assert [(child.name, child.state.value) for child in supervisor.children()] == [("a", "running")]
        assert supervisor.current("a") is stage.made["a"][0]


async def test_who_leaves_never_comes_back_and_its_successor_does(autojump_clock: MockClock) -> None:
    """The old one crashes while it drains: that is no restart and counts for nothing."""
    stage = Stage()
    supervisor = stage.supervisor(stage.child("a", crash_after(5)), intensity=1)
    async with running(supervisor):
        await trio.sleep(4)
        await supervisor.replace(successor(stage, crash_after(2), FOREVER), grace_s=9)
        await trio.sleep(10)
    assert stage.diary == [
        *("0 a starts", "0 a ready", "4 b starts", "4 b ready", "4 a ends"),
        *("6 b ends", "6.1 b starts", "6.1 b ready", "14 b ends"),
    ]


async def test_one_that_is_about_to_be_restarted_gives_way_at_once(autojump_clock: MockClock) -> None:
    stage = Stage()
    supervisor = stage.supervisor(stage.child("a", crash_after(1)))
    async with running(supervisor):
        await trio.sleep(1.05)
        await supervisor.replace(successor(stage), grace_s=9)
        await trio.sleep(10)
        assert stage.alive == ["b"]
        (view,) = supervisor.children()
        assert (view.last_error, view.state.value) == ("Bug: boom", "running")
        with pytest.raises(NoSuchChild):
            await supervisor.retire("nobody", grace_s=1)


async def test_siblings_are_restarted_while_somebody_leaves(autojump_clock: MockClock) -> None:
    stage = Stage()
    supervisor = stage.supervisor(stage.child("a", Script(drain_s=60)), stage.child("c", crash_after(2), FOREVER))
    async with running(supervisor):
        await supervisor.retire("a", grace_s=90)
        await trio.sleep(3)
        assert stage.since(2) == ["2 c ends", "2.1 c starts", "2.1 c ready"]
        await trio.sleep(60)
        assert stage.alive == ["c"]
