"""A supervisor is cancelled, and stopped, at every step of a long story: nobody is ever left behind."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest
import trio

from actors.errors import ActorDied
from actors.supervisor import Escalated, Restart, Strategy, Supervisor
from tests.actors.children import Bug, Script, Stage, crash_after, crash_in_start
from tests.actors.sweep import DisturbAt, sweep


def troupe(stage: Stage, strategy: Strategy) -> Supervisor:
    """Slow starts, drains, a clean-up, a leaf that gives up, crashes while running and while starting."""
    stormy = Script(ready_after=0.2, lasts=0.3, ends_with=Bug("storm"))
    return stage.supervisor(
        stage.child("store", Script(ready_after=1, drain_s=1)),
        stage.branch("leaf", lambda: [stage.child("x"), stage.child("y", stormy)], intensity=1),
        stage.child("openai", crash_after(1), crash_in_start(after=0.5), Script(drain_s=2)),
        stage.child("face", Script(cleanup_s=0.5)),
        stage.child("guest", Script(lasts=1.2), restart=Restart.TEMPORARY),
        strategy=strategy,
        intensity=4,
    )


async def play(stage: Stage, supervisor: Supervisor, arm: Callable[[Callable[[], None]], None], how: str) -> None:
    """Runs the troupe through crashes and orders to its end, disturbed somewhere on the way."""

    async def give_orders() -> None:
        with suppress(ActorDied):
            await trio.sleep(1.7)
            await supervisor.restart("face")
            await supervisor.add(stage.child("late", Script(ready_after=0.3, drain_s=1)))
            await supervisor.terminate("store")
            await supervisor.remove("late")
        with suppress(ActorDied):
            await supervisor.restart("store")
        supervisor.stop()

    async with trio.open_nursery() as nursery:
        scope = trio.CancelScope()
        arm(scope.cancel if how == "cancelled" else supervisor.stop)
        nursery.start_soon(give_orders)
        with scope, suppress(Escalated):
            await supervisor.run()
        assert stage.alive == [], "nobody outlives run()"


@pytest.mark.parametrize("how", ["cancelled", "stopped"])
@pytest.mark.parametrize("strategy", Strategy)
def test_disturbed_at_any_step_it_leaves_nobody(strategy: Strategy, how: str) -> None:
    async def story(disturb: DisturbAt) -> None:
        stage = Stage()
        supervisor = troupe(stage, strategy)
        with trio.fail_after(60):
            await play(stage, supervisor, disturb.arm, how)
        assert all(view.state == "stopped" and view.child is None for view in supervisor.children())
        assert not any(supervisor.current(view.name) for view in supervisor.children())

    assert sweep(story) > 50


def test_stopped_at_any_step_of_its_start_it_lets_go_whoever_waits_for_that() -> None:
    """`nursery.start` returns, as it would for a supervisor that was ready."""

    async def story(disturb: DisturbAt) -> None:
        stage = Stage()
        supervisor = stage.supervisor(
            stage.child("store", Script(ready_after=1, drain_s=1)),
            stage.branch("leaf", lambda: [stage.child("x", Script(ready_after=1)), stage.child("y")]),
            stage.child("face", Script(ready_after=1, cleanup_s=0.5)),
        )
        with trio.fail_after(60):
            async with trio.open_nursery() as nursery:
                disturb.arm(supervisor.stop)
                await nursery.start(supervisor.run)
                disturb.disarm()
                supervisor.stop()
        assert stage.alive == []

    assert sweep(story) > 10
