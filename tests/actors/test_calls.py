"""Stories of single calls through a router and its providers, in virtual time."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from actors.errors import CallCrashed, DeadlineExceeded
from actors.events import CallCrash, LateSettlement
from actors.letters import Timeouts
from tests.actors.failures import BadRequest, ServerError, Throttled
from tests.actors.house import House, answers, fails, silent


async def test_a_plain_call_is_answered_by_the_provider_in_no_virtual_time(autojump_clock: MockClock) -> None:
    """Asker, router, provider and back; afterwards nothing is held."""
    async with House({"a": [answers("hello")]}).running() as house:
        start = trio.current_time()
        assert await house.ask() == "hello"
        assert trio.current_time() == start
        house.assert_at_rest()
        assert house.outcomes() == [("a", "ok")]


async def test_a_failure_that_is_nobodys_to_retry_reaches_the_asker_at_once(autojump_clock: MockClock) -> None:
    """One attempt, no second candidate asked."""
    async with House({"a": [fails(BadRequest("no such field"))], "b": [answers("never")]}).running() as house:
        with pytest.raises(BadRequest, match="no such field"):
            await house.ask()
        house.assert_at_rest()
        assert [name for name, _ in house.played] == ["a"]


async def test_the_deadline_ends_a_call_at_its_very_second_wherever_it_is(autojump_clock: MockClock) -> None:
    """At work, among the waiters, or in a backoff: DeadlineExceeded at exactly 7 s, and nothing stays held."""
    for scripts, settings in (
        ([silent()], {}),
        ([answers("x", after_s=100)], {"max_concurrent": 1}),
    ):
        async with House({"a": scripts}, settings={"a": settings}).running() as house:
            async with trio.open_nursery() as nursery:
                if settings:
                    nursery.start_soon(house.ask)
                    await trio.testing.wait_all_tasks_blocked()
                start = trio.current_time()
                with pytest.raises(DeadlineExceeded):
                    await house.ask(deadline_s=7)
                assert trio.current_time() - start == 7
            house.assert_at_rest()


async def test_a_crash_in_a_call_is_its_own(autojump_clock: MockClock) -> None:
    """A bug in one call is a 500 for that call; its neighbour in flight is answered, the actor lives on."""

    async def bug(attempt: object) -> None:
        raise ZeroDivisionError("a bug")

    async with House({"a": [answers("slow", after_s=5), bug, answers("after")]}).running() as house:
        neighbour = []

        async def ask() -> None:
            neighbour.append(await house.ask())

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            await trio.testing.wait_all_tasks_blocked()
            with pytest.raises(CallCrashed):
                await house.ask()
        assert neighbour == ["slow"]
        assert await house.ask() == "after"
        assert [str(event.error) for event in house.events if isinstance(event, CallCrash)] == ["a bug"]
        house.assert_at_rest()


async def test_an_asker_who_leaves_frees_everything_in_that_second(autojump_clock: MockClock) -> None:
    """At work, waiting, in a backoff, hedged, streaming into a full relay: all back at once."""
    stories = {
        "at work": House({"a": [silent()]}),
        "in a backoff": House({"a": [fails(Throttled("slow down", retry_after=4))]}),
        "hedged": House(
            {"a": [silent(accepted=True)], "b": [silent(accepted=True)]}, timeouts=Timeouts(hedge_after_s=1)
        ),
    }
    for name, house in stories.items():
        async with house.running():
            with trio.move_on_after(2):
                await house.read()
            await trio.testing.wait_all_tasks_blocked()
            house.assert_at_rest()
            assert len(house.router._timers) == 0, name


async def test_a_settlement_that_comes_too_late_is_counted_not_delivered(autojump_clock: MockClock) -> None:
    """The asker has gone, yet its work shields itself and fails afterwards: the router only counts it."""

    async def stubborn(attempt: object) -> None:
        with trio.CancelScope(shield=True):
            await trio.sleep(5)
        raise ServerError("late")

    async with House({"a": [stubborn]}).running() as house:
        with trio.move_on_after(1):
            await house.ask()
        await trio.sleep(10)
        assert house.router.late == 1
        assert [type(event) for event in house.events].count(LateSettlement) == 1
        house.assert_at_rest()
