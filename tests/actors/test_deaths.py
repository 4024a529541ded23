"""When an actor dies, everybody who waits for it is told in that very second."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from actors.attempt import Attempt
from actors.control import Drain, Resume, Status, Stop
from actors.errors import ActorDied, Blame, Failure, Unavailable
from actors.events import ActorBuried, BreakerMoved
from actors.reply import Reply
from tests.actors.house import House, answers, fails, silent, streams


class Bug(Exception):
    """What nobody expected."""


class ServerError(Failure):
    elsewhere = True
    blame = Blame.MODEL


async def crash(house: House, name: str) -> None:
    """A bug in the actor's own loop."""
    actor: Any = house.router if name == "router" else house.providers[name]

    def explode() -> None:
        raise Bug

    actor._timers.at(trio.current_time(), explode)


async def until_crash(run: Callable[[], Any]) -> None:
    """Stands for a supervisor: contains the crash."""
    with pytest.raises(BaseExceptionGroup) as crash:
        await run()
    assert crash.value.split(Bug)[1] is None


async def until_died(house: House) -> None:
    with pytest.raises(ActorDied):
        await house.ask()


async def test_queued_and_in_flight_callers_of_a_dead_provider_are_told_at_once(autojump_clock: MockClock) -> None:
    """One in flight, two waiting, one still in the mailbox: ActorDied for all, in no virtual time."""
    house = House({}, settings={"a": {"max_concurrent": 1}})
    house.scripts["a"] = [silent()]
    async with house.running():
        actor = house.make_provider("a")
        house.candidates = list(House({"a": [silent()]}).candidates)
        told: list[float] = []

        async def ask() -> None:
            with pytest.raises(ActorDied, match="a was stopped"):
                await house.ask()
            told.append(trio.current_time())

        async with trio.open_nursery() as nursery:
            nursery.start_soon(until_crash, actor.run)
            await wait_all_tasks_blocked()
            for _ in range(3):
                nursery.start_soon(ask)
                await wait_all_tasks_blocked()
            await trio.sleep(3)
            now = trio.current_time()
            await crash(house, "a")
            actor.offer(unread := Attempt(house.call(), house.candidates[0], clock=trio.current_time))
        assert told == [now] * 3
        assert isinstance(unread.failure, ActorDied)
        buried = [event for event in house.events if isinstance(event, ActorBuried)]
        assert [(event.actor, event.in_flight) for event in buried] == [("a", 1)]
        assert [box.statistics().depth for box in (actor.mailbox, house.router.mailbox)] == [0, 0]


async def test_the_next_candidate_answers_for_a_dead_provider(autojump_clock: MockClock) -> None:
    """The provider dies with the call in flight; b answers in the same second."""
    async with House({"b": [answers("b")]}).running() as house:
        house.scripts["a"] = [silent()]
        actor = house.make_provider("a")
        house.candidates = [*House({"a": [silent()]}).candidates, *house.candidates]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(until_crash, actor.run)
            got: list[tuple[str, float]] = []

            async def ask() -> None:
                got.append((await house.ask(), trio.current_time()))

            nursery.start_soon(ask)
            await trio.sleep(2)
            now = trio.current_time()
            await crash(house, "a")
        assert got == [("b", now)]
        house.assert_at_rest()


async def test_a_stream_whose_provider_dies_in_the_middle_goes_on_elsewhere(autojump_clock: MockClock) -> None:
    """a dies after one piece; b goes on."""
    async with House({"b": [streams(b"1", b"2", b"3")]}).running() as house:
        house.scripts["a"] = [streams(b"1", b"2", b"3", every_s=5, resumable=True)]
        actor = house.make_provider("a")
        house.candidates = [*House({"a": [silent()]}).candidates, *house.candidates]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(until_crash, actor.run)
            got: list[bytes] = []

            async def read() -> None:
                got.append(await house.read())

            nursery.start_soon(read)
            await trio.sleep(7)
            await crash(house, "a")
        assert got == [b"123"]
        assert house.outcomes() == [("a", "broken"), ("b", "ok")]
        house.assert_at_rest()


async def test_content_that_comes_in_the_step_of_its_providers_death_is_too_late(autojump_clock: MockClock) -> None:
    """The asker has been sent to b by then: a's work, which hears of the death a step later, takes nothing from b."""
    content = trio.Event()

    async def comes_too_late(attempt: Attempt) -> None:
        await content.wait()
        attempt.commit("head")
        await attempt.write(b"a")

    async with House({"b": [streams(b"b")]}).running() as house:
        house.scripts["a"] = [comes_too_late]
        actor: Any = house.make_provider("a")
        house.candidates = [*House({"a": [silent()]}).candidates, *house.candidates]

        def die() -> None:
            content.set()
            raise Bug

        async with trio.open_nursery() as nursery:
            nursery.start_soon(until_crash, actor.run)
            await wait_all_tasks_blocked()
            actor._timers.at(trio.current_time() + 2, die)
            start = trio.current_time()
            with trio.fail_after(60):
                assert await house.read() == b"b"
            assert trio.current_time() - start == 3
        assert house.outcomes() == [("a", "failed"), ("b", "ok")]
        house.assert_at_rest()


async def test_the_breakers_of_a_dead_provider_say_nothing_more(autojump_clock: MockClock) -> None:
    """Its probe is lost with it, but who comes next has breakers of its own, and those are closed."""
    async with House({"b": [answers("b")]}).running() as house:
        house.scripts["a"] = [*[fails(ServerError("500"))] * 5, silent()]
        actor: Any = house.make_provider("a")
        house.candidates = list(House({"a": [silent()]}).candidates)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(until_crash, actor.run)
            await wait_all_tasks_blocked()
            for _ in range(5):
                with pytest.raises(ServerError):
                    await house.ask()
            await trio.sleep(5)
            nursery.start_soon(until_died, house)
            await trio.sleep(1)
            assert actor.admission.view(trio.current_time())["breakers"]["m"]["state"] == "half_open"
            await crash(house, "a")
        said = [event for event in house.events if isinstance(event, ActorBuried | BreakerMoved)]
        assert isinstance(said[-1], ActorBuried)


async def test_a_provider_that_is_not_running_is_passed_over(autojump_clock: MockClock) -> None:
    """Between death and restart there is nobody: the next candidate is asked; without one, ActorDied."""
    async with House({"b": [answers("b")]}).running() as house:
        house.candidates = [*House({"a": [silent()]}).candidates, *house.candidates]
        assert await house.ask() == "b"
        house.candidates = house.candidates[:1]
        with pytest.raises(ActorDied):
            await house.ask()


async def test_callers_of_a_dead_router_are_told_at_once_and_their_attempts_stop(autojump_clock: MockClock) -> None:
    """A plain call and a stream in flight: both told in that second, nothing goes on upstream."""
    async with trio.open_nursery() as nursery:
        house = House({"a": [streams(b"1", b"2", every_s=5)]})
        told: list[float] = []

        async def live() -> None:
            house.nursery = nursery
            await nursery.start(house.make_provider("a").run)
            await until_crash(house.router.run)

        async def read(**how: Any) -> None:
            with pytest.raises(ActorDied, match="router"):
                await house.read(**how)
            told.append(trio.current_time())

        nursery.start_soon(live)
        await wait_all_tasks_blocked()
        nursery.start_soon(read)
        await trio.sleep(7)
        nursery.start_soon(read)
        await wait_all_tasks_blocked()
        now = trio.current_time()
        await crash(house, "router")
        await wait_all_tasks_blocked()
        assert told == [now, now]
        assert house.providers["a"].in_flight == 0
        with pytest.raises(ActorDied):
            await house.ask()
        nursery.cancel_scope.cancel()


async def test_an_operator_reaches_an_actor_whose_mailbox_is_full(autojump_clock: MockClock) -> None:
    """Status comes through the second channel."""
    async with House({"a": [silent()]}, mailbox_capacity=1).running() as house:
        actor = house.providers["a"]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(house.ask)
            await wait_all_tasks_blocked()
            status = Status()
            actor.control.post(status)
            view = await status.reply.wait()
            assert [call["stage"] for call in view["in_flight"]] == ["awaiting"]
            nursery.cancel_scope.cancel()


async def test_draining_ends_when_the_last_call_has_and_resuming_takes_calls_again(autojump_clock: MockClock) -> None:
    """A call of 5 s is in flight: new ones are refused, the drain is done at exactly 5 s."""
    async with House({"a": [answers("x", after_s=5)]}).running() as house:
        actor = house.providers["a"]
        async with trio.open_nursery() as nursery:
            start = trio.current_time()
            nursery.start_soon(house.ask)
            await wait_all_tasks_blocked()
            drain = Drain()
            actor.control.post(drain)
            await wait_all_tasks_blocked()
            assert actor.state == "draining"
            with pytest.raises(Unavailable, match="draining"):
                await house.ask()
            await drain.reply.wait()
            assert trio.current_time() - start == 5
        resume = Resume()
        actor.control.post(resume)
        await resume.reply.wait()
        assert await house.ask() == "x"


async def test_a_drained_router_takes_no_new_calls_and_says_when_it_is_empty(autojump_clock: MockClock) -> None:
    """The same for the router; an idle one is drained at once."""
    async with House({"a": [answers("x", after_s=5)]}).running() as house:
        async with trio.open_nursery() as nursery:
            start = trio.current_time()
            nursery.start_soon(house.ask)
            await wait_all_tasks_blocked()
            drain = Drain()
            house.router.control.post(drain)
            await drain.reply.wait()
            assert trio.current_time() - start == 5
        with pytest.raises(Unavailable):
            await house.ask()


async def test_a_stopped_actor_ends_in_order_and_answers_its_callers(autojump_clock: MockClock) -> None:
    """Stop: the loops end without an error, the caller in flight is told, later commands are answered too."""
    async with House({"a": [silent()]}).running() as house:
        actor = house.providers["a"]
        async with trio.open_nursery() as nursery:

            async def ask() -> None:
                with pytest.raises(ActorDied):
                    await house.ask()

            nursery.start_soon(ask)
            await wait_all_tasks_blocked()
            stop, status = Stop(Reply()), Status()
            actor.control.post(stop)
            actor.control.post(status)
            await stop.reply.wait()
        with pytest.raises(ActorDied):
            actor.control.post(Status())
        house.assert_at_rest()
