"""A supervisor starts its children in order, stops them in reverse, and shows what they do."""

from __future__ import annotations

from random import Random

import pytest
import trio
from trio.testing import MockClock

from actors.supervisor import (
    ChildSpec,
    ChildStarted,
    ChildStopped,
    Escalated,
    Escalating,
    NameTaken,
    NotReady,
    Restart,
    State,
    Supervisor,
)
from tests.actors.children import (
    NEVER_READY,
    Bug,
    Drainer,
    Script,
    Stage,
    crash_after,
    crash_in_start,
    running,
)


async def test_each_child_starts_when_the_one_before_it_is_ready(autojump_clock: MockClock) -> None:
    stage = Stage()
    supervisor = stage.supervisor(
        stage.child("store", Script(ready_after=1)), stage.child("router", Script(ready_after=2)), stage.child("face")
    )
    async with running(supervisor):
        assert stage.now() == 3, "the supervisor is ready when its last child is"
        assert stage.diary == [
            "0 store starts",
            "1 store ready",
            "1 router starts",
            "3 router ready",
            "3 face starts",
            "3 face ready",
        ]
    assert stage.alive == []


async def test_children_stop_in_reverse_each_after_the_one_behind_it(autojump_clock: MockClock) -> None:
    """Those that can be asked drain; the one that cannot is cancelled."""
    stage = Stage()
    supervisor = stage.supervisor(
        stage.child("store", Script(drain_s=1)), stage.child("router"), stage.child("face", Script(drain_s=3))
    )
    async with running(supervisor):
        await trio.sleep(10)
    assert stage.since(10) == [
        "10 face asked",
        "13 face ends",
        "13 router ends",
        "13 store asked",
        "14 store ends",
    ]


async def test_who_does_not_end_within_its_grace_is_cancelled(autojump_clock: MockClock) -> None:
    stage = Stage()
    supervisor = stage.supervisor(
        stage.child("store", Script(drain_s=1)), stage.child("face", Script(drain_s=100), grace_s=25)
    )
    async with running(supervisor):
        await trio.sleep(10)
    assert stage.since(10) == ["10 face asked", "35 face ends", "35 store asked", "36 store ends"]


async def test_without_a_grace_nobody_is_asked(autojump_clock: MockClock) -> None:
    stage = Stage()
    async with running(stage.supervisor(stage.child("face", Script(drain_s=1), grace_s=0))):
        pass
    assert stage.diary == ["0 face starts", "0 face ready", "0 face ends"]


async def test_a_child_that_cleans_up_is_waited_for(autojump_clock: MockClock) -> None:
    stage = Stage()
    supervisor = stage.supervisor(stage.child("store"), stage.child("face", Script(cleanup_s=2)))
    async with running(supervisor):
        await trio.sleep(10)
    assert stage.since(10) == ["12 face ends", "12 store ends"]


async def test_a_stop_that_crashes_is_a_cancel(autojump_clock: MockClock) -> None:
    class Clumsy(Drainer):
        def stop(self) -> None:
            raise Bug("cannot stop")

    stage = Stage()
    supervisor = stage.supervisor(
        stage.child("store"), ChildSpec("face", lambda: Clumsy(stage, "face", Script(drain_s=1)))
    )
    async with running(supervisor):
        pass
    assert stage.alive == []
    assert supervisor.children()[1].last_error == "Bug: cannot stop"


async def test_cancelling_the_supervisor_ends_the_children_in_reverse_without_grace(autojump_clock: MockClock) -> None:
    stage = Stage()
    supervisor = stage.supervisor(
        stage.child("store", Script(drain_s=1)), stage.child("router"), stage.child("face", Script(cleanup_s=2))
    )
    with trio.move_on_after(10):
        await supervisor.run()
    assert stage.since(10) == ["12 face ends", "12 router ends", "12 store ends"]


async def test_cancelling_in_the_middle_of_a_drain_ends_the_grace(autojump_clock: MockClock) -> None:
    stage = Stage()
    supervisor = stage.supervisor(
        stage.child("store", Script(drain_s=1)), stage.child("face", Script(drain_s=100), grace_s=50)
    )
    with trio.move_on_after(10):
        async with running(supervisor):
            await trio.sleep(5)
    assert stage.since(5) == ["5 face asked", "10 face ends", "10 store ends"]


async def test_a_crash_in_the_first_start_stops_what_was_started_and_escalates(autojump_clock: MockClock) -> None:
    stage = Stage()
    supervisor = stage.supervisor(
        stage.child("store", Script(drain_s=1)), stage.child("router", crash_in_start(after=2)), stage.child("face")
    )
    with pytest.raises(Escalated, match="top gives up because of router: it did not start; last: Bug: no start") as up:
        await supervisor.run()
    assert isinstance(up.value.__cause__, Bug)
    assert stage.since(2) == ["2 router ends", "2 store asked", "3 store ends"]
    assert [(event.child, event.restarts) for event in stage.stated(Escalating)] == [("router", 0)]


async def test_a_factory_that_crashes_is_a_crash_in_the_start(autojump_clock: MockClock) -> None:
    def explode() -> Drainer:
        raise Bug("no parts")

    stage = Stage()
    with pytest.raises(Escalated, match="Bug: no parts"):
        await stage.supervisor(stage.child("store"), ChildSpec("router", explode)).run()
    assert stage.alive == []


async def test_a_child_that_is_not_ready_in_time_has_crashed(autojump_clock: MockClock) -> None:
    stage = Stage()
    supervisor = stage.supervisor(stage.child("slow", Script(ready_after=100), start_s=7.0))
    with pytest.raises(Escalated) as up:
        await supervisor.run()
    assert isinstance(up.value.__cause__, NotReady)
    assert stage.diary == ["0 slow starts", "7 slow ends"]


async def test_a_ready_child_may_live_longer_than_its_start(autojump_clock: MockClock) -> None:
    stage = Stage()
    async with running(stage.supervisor(stage.child("face", start_s=7.0))):
        await trio.sleep(1000)
        assert stage.alive == ["face"]


async def test_a_permanent_child_that_returns_before_it_is_ready_did_not_start(autojump_clock: MockClock) -> None:
    stage = Stage()
    with pytest.raises(Escalated, match="did not start"):
        await stage.supervisor(stage.child("face", Script(lasts=NEVER_READY))).run()


@pytest.mark.parametrize("restart", [Restart.TRANSIENT, Restart.TEMPORARY])
async def test_any_other_child_that_returns_before_it_is_ready_is_just_done(
    autojump_clock: MockClock, restart: Restart
) -> None:
    stage = Stage()
    supervisor = stage.supervisor(
        stage.child("migration", Script(ready_after=2, lasts=NEVER_READY), restart=restart), stage.child("face")
    )
    async with running(supervisor):
        assert stage.alive == ["face"]
        assert [view.state for view in supervisor.children()] == ["stopped", "running"]


async def test_a_stop_in_the_middle_of_the_start_ends_it_at_once(autojump_clock: MockClock) -> None:
    stage = Stage()
    supervisor = stage.supervisor(
        stage.child("store", Script(drain_s=1)),
        stage.child("router", Script(ready_after=50, drain_s=9)),
        stage.child("face"),
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(supervisor.run)
        await trio.sleep(5)
        supervisor.stop()
    assert stage.since(5) == ["5 router ends", "5 store asked", "6 store ends"]


async def test_a_supervisor_stopped_before_it_runs_starts_nobody(autojump_clock: MockClock) -> None:
    stage = Stage()
    supervisor = stage.supervisor(stage.child("store"))
    supervisor.stop()
    await supervisor.run()
    assert stage.diary == []


async def test_a_tree_starts_depth_first_and_stops_the_other_way_round(autojump_clock: MockClock) -> None:
    stage = Stage()
    supervisor = stage.supervisor(
        stage.child("store", Script(ready_after=1)),
        stage.branch(
            "providers",
            lambda: [stage.child("openai", Script(ready_after=2, drain_s=3)), stage.child("sandbox")],
        ),
        stage.child("face"),
    )
    async with running(supervisor):
        assert stage.alive == ["store", "openai", "sandbox", "face"]
        assert [(view.parent, view.name, view.kind) for view in supervisor.tree()] == [
            (None, "top", "supervisor"),
            ("top", "store", "actor"),
            ("top", "providers", "supervisor"),
            ("providers", "openai", "actor"),
            ("providers", "sandbox", "actor"),
            ("top", "face", "actor"),
        ]
        await trio.sleep(10)
    assert stage.since(4) == ["13 face ends", "13 sandbox ends", "13 openai asked", "16 openai ends", "16 store ends"]


async def test_the_top_of_a_tree_is_seen_through_its_life_too(autojump_clock: MockClock) -> None:
    stage = Stage()
    supervisor = stage.supervisor(stage.child("store", Script(ready_after=1, drain_s=2)), name="root")

    def seen() -> tuple[str, float]:
        top = next(supervisor.tree())
        assert (top.name, top.parent, top.restarts, top.child) == ("root", None, 0, supervisor)
        return top.state, top.uptime_s

    async with trio.open_nursery() as nursery:
        assert seen() == ("starting", 0)
        nursery.start_soon(supervisor.run)
        await trio.sleep(0.5)
        assert seen() == ("starting", 0)
        await trio.sleep(3.5)
        assert seen() == ("running", 3)
        supervisor.stop()
        await trio.sleep(1)
        assert seen() == ("draining", 4)
    assert seen() == ("stopped", 0)


async def test_the_top_that_gives_up_is_on_its_way_out_while_its_children_end(autojump_clock: MockClock) -> None:
    stage = Stage()
    supervisor = stage.supervisor(
        stage.child("store", Script(drain_s=2)), stage.child("openai", crash_after(1)), intensity=0
    )

    async def give_up() -> None:
        with pytest.raises(Escalated):
            await supervisor.run()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(give_up)
        await trio.sleep(2)
        assert next(supervisor.tree()).state == "draining"
    assert next(supervisor.tree()).state == "stopped"


async def test_a_view_follows_a_child_through_its_lives(autojump_clock: MockClock) -> None:
    stage = Stage()
    spec = stage.child(
        "openai",
        Script(ready_after=1, lasts=4, ends_with=Bug("boom")),
        Script(ready_after=1, drain_s=2),
        kind="provider",
    )
    supervisor = stage.supervisor(spec)
    states: list[tuple[float, str, float, bool]] = []

    def look() -> None:
        (view,) = supervisor.children()
        assert (view.name, view.kind, view.parent) == ("openai", "provider", "top")
        assert view.child is supervisor.current("openai")
        states.append((stage.now(), view.state, round(view.uptime_s, 6), view.child is not None))

    look()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(supervisor.run)
        for pause in (0.5, 1.5, 3.05, 0.1, 3.0):
            await trio.sleep(pause)
            look()
        supervisor.stop()
        await trio.sleep(1)
        look()
    look()
    assert states == [
        (0, State.STOPPED, 0, False),
        (0.5, State.STARTING, 0, False),
        (2, State.RUNNING, 1, True),
        (5.05, State.BACKING_OFF, 0, False),
        (5.15, State.STARTING, 0, False),
        (8.15, State.RUNNING, 2.05, True),
        (9.15, State.DRAINING, 3.05, True),
        (10.15, State.STOPPED, 0, False),
    ]
    (view,) = supervisor.children()
    assert (view.restarts, view.last_error) == (1, "Bug: boom")


async def test_nobody_holds_an_old_object_by_name(autojump_clock: MockClock) -> None:
    """`current` is the crashed one's successor as soon as that is ready, and nobody between."""
    stage = Stage()
    supervisor = stage.supervisor(stage.child("openai", crash_after(1), Script(ready_after=1)))
    async with running(supervisor):
        first = supervisor.current("openai")
        await trio.sleep(1.5)
        assert supervisor.current("openai") is None
        await trio.sleep(1.5)
        second = supervisor.current("openai")
        assert [first, second] == stage.made["openai"]
        assert first is not second
        assert supervisor.current("nobody") is None


async def test_every_start_and_end_is_stated(autojump_clock: MockClock) -> None:
    stage = Stage()
    async with running(stage.supervisor(stage.child("face", Script(ready_after=1), kind="face"))):
        await trio.sleep(1)
    assert stage.events == [
        ChildStarted("top", "face", "face", restarts=0, at=1),
        ChildStopped("top", "face", "face", crash=None, asked=True, at=2),
    ]


async def test_what_is_no_exception_passes_through_and_ends_the_others_in_order(autojump_clock: MockClock) -> None:
    stage = Stage()
    supervisor = stage.supervisor(
        stage.child("store"), stage.child("router"), stage.child("face", Script(lasts=3, ends_with=KeyboardInterrupt()))
    )
    with pytest.raises(BaseExceptionGroup) as group:
        await supervisor.run()
    assert group.value.split(KeyboardInterrupt)[1] is None
    assert stage.since(3) == ["3 face ends", "3 router ends", "3 store ends"]


async def test_saying_ready_twice_is_a_crash(autojump_clock: MockClock) -> None:
    class Eager:
        async def run(self, *, task_status: trio.TaskStatus[None]) -> None:
            task_status.started()
            task_status.started()

    stage = Stage()
    async with running(stage.supervisor(ChildSpec("face", Eager, Restart.TEMPORARY))):
        await trio.sleep(1)
    (stopped,) = stage.stated(ChildStopped)
    assert isinstance(stopped.crash, RuntimeError)


def test_two_children_of_one_name_are_refused() -> None:
    twice = ChildSpec("a", lambda: pytest.fail("is never made"))
    with pytest.raises(NameTaken):
        Supervisor("top", [twice, twice], random=Random(), observe=print)


def test_the_default_child_is_a_permanent_actor_with_five_seconds_grace() -> None:
    spec = ChildSpec("a", lambda: pytest.fail("is never made"))
    assert (spec.restart, spec.grace_s, spec.kind) == (Restart.PERMANENT, 5.0, "actor")
