"""What a supervisor does about a child that has ended by itself."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from actors.supervisor import (
    ChildSpec,
    ChildStopped,
    Escalated,
    Escalating,
    Restart,
    Restarted,
    Strategy,
    Supervisor,
)
from tests.actors.children import (
    FOREVER,
    NEVER_READY,
    STRATEGIES,
    Bug,
    Script,
    Stage,
    crash_after,
    crash_in_start,
    running,
)

RETURNS = Script(lasts=1)
CRASHES = crash_after(1)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize(
    ("restart", "script", "comes_back"),
    [
        (Restart.PERMANENT, CRASHES, True),
        (Restart.PERMANENT, RETURNS, True),
        (Restart.TRANSIENT, CRASHES, True),
        (Restart.TRANSIENT, RETURNS, False),
        (Restart.TEMPORARY, CRASHES, False),
        (Restart.TEMPORARY, RETURNS, False),
    ],
)
async def test_each_kind_comes_back_or_not_under_each_strategy(
    autojump_clock: MockClock, strategy: Strategy, restart: Restart, script: Script, comes_back: bool
) -> None:
    """Of three, the one in the middle ends; who does not come back disturbs nobody."""
    stage = Stage()
    supervisor = stage.supervisor(
        stage.child("a"), stage.child("b", script, FOREVER, restart=restart), stage.child("c"), strategy=strategy
    )
    stops, starts = {
        Strategy.ONE_FOR_ONE: ("", "b"),
        Strategy.ONE_FOR_ALL: ("ca", "abc"),
        Strategy.REST_FOR_ONE: ("c", "bc"),
    }[strategy]
    expected = ["1 b ends"]
    if comes_back:
        expected += [f"1 {name} ends" for name in stops]
        expected += [f"1.1 {name} {what}" for name in starts for what in ("starts", "ready")]
    async with running(supervisor):
        await trio.sleep(100)
        assert stage.since(1) == expected
        assert ("b" in stage.alive) == comes_back
        assert supervisor.children()[1].restarts == comes_back


@pytest.mark.parametrize("strategy", [Strategy.ONE_FOR_ALL, Strategy.REST_FOR_ONE])
async def test_companions_that_were_not_running_stay_away_and_temporary_ones_do_not_come_back(
    autojump_clock: MockClock, strategy: Strategy
) -> None:
    """The job that had finished stays finished; the temporary one is stopped with the others, for good."""
    stage = Stage()
    supervisor = stage.supervisor(
        stage.child("leader", crash_after(10), FOREVER),
        stage.child("job", RETURNS, restart=Restart.TRANSIENT),
        stage.child("guest", restart=Restart.TEMPORARY),
        stage.child("transient", restart=Restart.TRANSIENT),
        strategy=strategy,
    )
    async with running(supervisor):
        await trio.sleep(100)
        assert stage.since(2) == [
            "10 leader ends",
            "10 transient ends",
            "10 guest ends",
            "10.1 leader starts",
            "10.1 leader ready",
            "10.1 transient starts",
            "10.1 transient ready",
        ]
        assert [view.state for view in supervisor.children()] == ["running", "stopped", "stopped", "running"]


async def test_companions_drain_before_the_group_starts_again(autojump_clock: MockClock) -> None:
    stage = Stage()
    supervisor = stage.supervisor(
        stage.child("a", Script(drain_s=2)),
        stage.child("b", CRASHES, FOREVER),
        stage.child("c", Script(drain_s=100), grace_s=4),
        strategy=Strategy.ONE_FOR_ALL,
    )
    async with running(supervisor):
        await trio.sleep(7.5)
        assert stage.since(1)[:7] == [
            "1 b ends",
            "1 c asked",
            "5 c ends",
            "5 a asked",
            "7 a ends",
            "7.1 a starts",
            "7.1 a ready",
        ]


async def test_each_restart_in_a_row_waits_twice_as_long(autojump_clock: MockClock) -> None:
    """0.1 s, 0.2 s ... 5 s, with the jitter taken out."""
    stage = Stage()
    async with running(stage.supervisor(stage.child("b", Script(lasts=0)), intensity=9, period_s=30.0)):
        await trio.sleep(16.4)
    pauses = [event.backoff_s for event in stage.stated(Restarted)]
    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    times = [line.split()[0] for line in stage.diary if line.endswith("starts")]
    assert times == ["0", "0.1", "0.3", "0.7", "1.5", "3.1", "6.3", "11.3", "16.3"]


async def test_a_long_run_makes_the_next_pause_short_again(autojump_clock: MockClock) -> None:
    stage = Stage()
    child = stage.child("b", crash_after(1), crash_after(1), crash_after(29), crash_after(30), FOREVER)
    async with running(stage.supervisor(child)):
        await trio.sleep(100)
    assert [event.backoff_s for event in stage.stated(Restarted)] == [0.1, 0.2, 0.4, 0.1]


async def test_jitter_takes_at_most_half_of_a_pause(autojump_clock: MockClock) -> None:
    stage = Stage()
    pauses = []
    for seed in range(50):
        events: list[object] = []
        child = stage.child("b", crash_after(1), FOREVER)
        async with running(Supervisor("top", [child], random=Random(seed), observe=events.append)):
            await trio.sleep(3)
        pauses += [event.backoff_s for event in events if isinstance(event, Restarted)]
    assert len(pauses) == 50
    assert 0.05 <= min(pauses) < 0.06 < 0.09 < max(pauses) <= 0.1


async def test_siblings_live_on_while_one_crashes_and_backs_off(autojump_clock: MockClock) -> None:
    """Groups of exceptions too; the last error is the one that the group holds."""
    stage = Stage()
    group = ExceptionGroup("tasks", [ExceptionGroup("more tasks", [Bug("deep")])])
    supervisor = stage.supervisor(
        stage.child("a", Script(lasts=1, ends_with=group), Script(lasts=1, ends_with=ValueError()), FOREVER),
        stage.child("b"),
        stage.child("c", Script(lasts=1.05), FOREVER),
    )
    errors = []
    async with running(supervisor):
        for _ in range(2):
            await trio.sleep(1.08)
            errors.append([view.last_error for view in supervisor.children()])
        await trio.sleep(2)
        assert sorted(stage.alive) == ["a", "b", "c"]
    assert errors == [["Bug: deep", None, "ended by itself"], ["ValueError", None, "ended by itself"]]
    crashed, *_ = stage.stated(ChildStopped)
    assert (crashed.child, crashed.crash, crashed.asked) == ("a", group, False)


async def test_two_that_crash_at_the_same_moment_are_one_restart_of_the_group(autojump_clock: MockClock) -> None:
    stage = Stage()
    supervisor = stage.supervisor(
        stage.child("a", CRASHES, FOREVER),
        stage.child("b", CRASHES, FOREVER),
        strategy=Strategy.ONE_FOR_ALL,
        intensity=1,
    )
    async with running(supervisor):
        await trio.sleep(10)
        assert sorted(stage.alive) == ["a", "b"]
    assert [(event.child, event.restarts) for event in stage.stated(Restarted)] == [("a", 1), ("b", 1)]


async def test_a_crash_in_the_start_of_a_restart_is_one_more_crash(autojump_clock: MockClock) -> None:
    """The whole group backs off again, and those in front of the crash are stopped once more."""
    stage = Stage()
    supervisor = stage.supervisor(
        stage.child("a"),
        stage.child("b", CRASHES, crash_in_start(after=1), FOREVER),
        stage.child("c"),
        strategy=Strategy.ONE_FOR_ALL,
    )
    async with running(supervisor):
        await trio.sleep(10)
    assert stage.since(1.1)[:13] == [
        "1.1 a starts",
        "1.1 a ready",
        "1.1 b starts",
        "2.1 b ends",
        "2.1 a ends",
        "2.3 a starts",
        "2.3 a ready",
        "2.3 b starts",
        "2.3 b ready",
        "2.3 c starts",
        "2.3 c ready",
        "10 c ends",
        "10 b ends",
    ]


async def test_who_backs_off_waits_anew_when_an_earlier_sibling_takes_it_along(autojump_clock: MockClock) -> None:
    stage = Stage()
    supervisor = stage.supervisor(
        stage.child("a", crash_after(1.05), FOREVER),
        stage.child("b", CRASHES, FOREVER),
        strategy=Strategy.REST_FOR_ONE,
    )
    async with running(supervisor):
        await trio.sleep(10)
        assert stage.since(1) == [
            "1 b ends",
            "1.05 a ends",
            "1.15 a starts",
            "1.15 a ready",
            "1.15 b starts",
            "1.15 b ready",
        ]


async def test_a_permanent_child_that_keeps_ending_before_it_is_ready_escalates(autojump_clock: MockClock) -> None:
    stage = Stage()
    supervisor = stage.supervisor(stage.child("a", Script(lasts=1), Script(lasts=NEVER_READY)), intensity=2)
    with pytest.raises(Escalated, match="last: ended by itself") as up:
        await supervisor.run()
    assert up.value.__cause__ is None
    assert stage.now() == 1.3


async def test_the_sixth_crash_within_the_period_escalates_and_stops_all_in_order(autojump_clock: MockClock) -> None:
    stage = Stage()
    supervisor = stage.supervisor(
        stage.child("store", Script(drain_s=2)), stage.child("openai", crash_after(1)), stage.child("face")
    )
    with pytest.raises(
        Escalated, match="top gives up because of openai: 6 restarts within 30 s; last: Bug: boom"
    ) as up:
        await supervisor.run()
    assert isinstance(up.value.__cause__, Bug)
    assert stage.since(9) == ["9.1 openai ends", "9.1 face ends", "9.1 store asked", "11.1 store ends"]
    assert len(stage.stated(Restarted)) == 5
    (fact,) = stage.stated(Escalating)
    assert (fact.child, fact.restarts) == ("openai", 6)
    assert fact.at == pytest.approx(9.1)


async def test_crashes_of_all_children_count_together(autojump_clock: MockClock) -> None:
    stage = Stage()
    supervisor = stage.supervisor(
        *(stage.child(name, crash_after(second), FOREVER) for second, name in enumerate("abcd", start=1)), intensity=3
    )
    with pytest.raises(Escalated, match="because of d"):
        await supervisor.run()
    assert stage.now() == 4


async def test_a_leaf_that_gives_up_is_made_afresh_by_the_top(autojump_clock: MockClock) -> None:
    """Its crash loop ends with it: the fresh one has fresh children and an empty window."""
    stage = Stage()
    lives = iter([[Script(lasts=0)], [FOREVER]])
    supervisor = stage.supervisor(
        stage.child("store"), stage.branch("providers", lambda: [stage.child("openai", *next(lives))], intensity=2)
    )
    async with running(supervisor):
        first = supervisor.current("providers")
        await trio.sleep(10)
        assert stage.alive == ["store", "openai"]
        leaf = supervisor.current("providers")
        assert leaf is not first
        assert isinstance(leaf, Supervisor)
        assert [(view.name, view.restarts) for view in supervisor.tree()] == [
            ("top", 0),
            ("store", 0),
            ("providers", 1),
            ("openai", 0),
        ]
        assert supervisor.children()[1].last_error == (
            "Escalated: providers gives up because of openai: 3 restarts within 30 s; last: ended by itself"
        )
    assert stage.since(0.3)[:3] == ["0.3 openai starts", "0.3 openai ready", "0.3 openai ends"]
    assert stage.since(0.4)[:2] == ["0.4 openai starts", "0.4 openai ready"]


async def test_a_storm_that_no_restart_ends_leaves_through_the_top(autojump_clock: MockClock) -> None:
    """A leaf with 2 in 30 s under a top with 3 in 60 s: four leaves, three lives each, then nothing runs any more."""
    stage = Stage()
    supervisor = stage.supervisor(
        stage.child("store", Script(drain_s=1)),
        stage.branch("providers", lambda: [stage.child("openai", Script(lasts=0))], intensity=2),
        intensity=3,
        period_s=60.0,
    )
    with pytest.raises(Escalated, match="top gives up because of providers: 4 restarts within 60 s") as up:
        await supervisor.run()
    assert isinstance(up.value.__cause__, Escalated)
    assert len(stage.made["openai"]) == 4 * 3
    assert stage.now() == 2.9, "4 · (0.1 + 0.2) in the leaves, 0.1 + 0.2 + 0.4 in the top, 1 for the store"
    assert stage.alive == []


async def test_a_stop_during_a_pause_ends_it(autojump_clock: MockClock) -> None:
    stage = Stage()
    supervisor = stage.supervisor(stage.child("a"), stage.child("b", crash_after(1)))
    async with running(supervisor):
        await trio.sleep(1.05)
    assert stage.since(1.05) == ["1.05 a ends"]


scripts = st.builds(
    Script,
    ready_after=st.sampled_from([0.0, 0.05, 1.0]),
    lasts=st.sampled_from([NEVER_READY, 0.0, 0.1, 1.0, 3.0, 50.0]),
    ends_with=st.sampled_from([None, Bug("boom"), ExceptionGroup("many", [Bug("one"), Bug("two")])]),
    drain_s=st.sampled_from([None, 0.0, 1.0, 100.0]),
    cleanup_s=st.sampled_from([0.0, 0.5]),
)
children = st.lists(st.tuples(st.lists(scripts, min_size=1, max_size=4), st.sampled_from(Restart)), max_size=4)


@settings(max_examples=150, deadline=None)
@given(
    first=children,
    second=children,
    strategies=st.tuples(st.sampled_from(Strategy), st.sampled_from(Strategy)),
    stop_after=st.sampled_from([0.0, 0.1, 1.0, 7.3, 40.0]),
    cancelled=st.booleans(),
)
def test_whatever_happens_nobody_is_left(
    first: list[tuple[list[Script], Restart]],
    second: list[tuple[list[Script], Restart]],
    strategies: tuple[Strategy, Strategy],
    stop_after: float,
    cancelled: bool,
) -> None:
    """A random tree, stopped or cancelled at some time: it ends within its graces, in order, and nobody is alive."""

    async def story() -> None:
        stage = Stage()

        def specs(prefix: str, made: list[tuple[list[Script], Restart]]) -> list[ChildSpec]:
            return [
                stage.child(f"{prefix}{place}", Script(), *lives, restart=restart)
                for place, (lives, restart) in enumerate(made)
            ]

        supervisor = stage.supervisor(
            *specs("a", first),
            stage.branch("leaf", lambda: specs("b", second), strategy=strategies[1]),
            strategy=strategies[0],
        )
        ended_at = await run_and_end(stage, supervisor, stop_after, cancelled)
        assert stage.alive == []
        assert not any(supervisor.current(view.name) for view in supervisor.children())
        assert ended_at <= stop_after + 9 * (5.0 + 0.5)
        started = [name for line in stage.diary if (name := line.split()[1]) and line.endswith("starts")]
        ended = [name for line in stage.diary if (name := line.split()[1]) and line.endswith("ends")]
        assert sorted(started) == sorted(ended)

    trio.run(story, clock=MockClock(autojump_threshold=0))


async def run_and_end(stage: Stage, supervisor: Supervisor, stop_after: float, cancelled: bool) -> float:
    async def end(act: Callable[[], None]) -> None:
        await trio.sleep(stop_after)
        act()

    async with trio.open_nursery() as nursery:
        scope = trio.CancelScope()
        nursery.start_soon(end, scope.cancel if cancelled else supervisor.stop)
        with scope:
            try:
                await supervisor.run()
            except Escalated:
                nursery.cancel_scope.cancel()
    return stage.now()
