"""Who waits for a provider, who is refused at once, and for whom places are kept."""

from __future__ import annotations

import random
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from actors.attempt import Attempt
from actors.buckets import RateLimits
from actors.errors import Overloaded, RateLimited
from actors.events import AttemptEnded
from actors.letters import Candidate, Priority, Timeouts
from actors.policy.standing import Standing
from tests.actors.house import House, answers


async def ask_and_note(house: House, noted: list[Any], **how: Any) -> None:
    """The time when it was answered, or what it was refused with and when."""
    try:
        await house.ask(**how)
        noted.append(trio.current_time())
    except Overloaded as refusal:
        noted.append((type(refusal), trio.current_time()))


async def test_nobody_waits_for_a_request_unit_that_comes_too_late(autojump_clock: MockClock) -> None:
    """One request a minute and 10 s of patience: told at once, with the time that it takes and how the limit stands."""
    limits = {"limits": RateLimits(requests_per_minute=1, tokens_per_minute=100)}
    async with House({"a": [answers("x")]}, settings={"a": limits}).running() as house:
        await house.ask(tokens=40)
        await trio.sleep(15)
        start = trio.current_time()
        with pytest.raises(RateLimited) as refused:
            await house.ask()
        assert trio.current_time() == start
        assert refused.value.retry_after == 45
        assert refused.value.standings == (Standing(1, 0, 45.0), Standing(100, 85, pytest.approx(9.0)))
        house.assert_at_rest()


async def test_a_unit_that_comes_in_time_is_waited_for(autojump_clock: MockClock) -> None:
    limits = {"limits": RateLimits(requests_per_minute=10)}
    async with House({"a": [answers("x")]}, settings={"a": limits}).running() as house:
        for _ in range(11):
            await house.ask()
        assert trio.current_time() == 6.0


async def test_tokens_are_waited_for_while_somebody_may_give_some_back(autojump_clock: MockClock) -> None:
    """The first reserves all and uses a tenth; once nobody is at work, what is missing is certain."""
    settings = {"limits": RateLimits(tokens_per_minute=60)}

    async def uses_little(attempt: Any) -> str:
        attempt.sent()
        await trio.sleep(3)
        attempt.spent_tokens = 6
        return "x"

    async with House({"a": [uses_little, answers("y")]}, settings={"a": settings}).running() as house:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lambda: house.ask(tokens=60))
            await trio.sleep(1)
            assert await house.ask(tokens=50) == "y"
            assert trio.current_time() == 3.0
        with pytest.raises(RateLimited) as refused:
            await house.ask(tokens=60)
        assert trio.current_time() == 3.0
        assert refused.value.retry_after == 53.0  # 60 - (0 + 3 refilled + 54 unused - 50)


async def test_a_line_that_is_too_long_for_its_pace_takes_nobody_in(autojump_clock: MockClock) -> None:
    """One at a time, 1 s each: at five a second, whoever is refused is refused at once, and whoever waits is served."""
    noted: list[Any] = []
    async with House({"a": [answers("x", after_s=1)]}, settings={"a": {"max_concurrent": 1}}).running() as house:
        async with trio.open_nursery() as nursery:
            for number in range(300):
                at = number / 5
                await trio.sleep_until(at)
                nursery.start_soon(ask_and_note, house, noted)
        house.assert_at_rest()
    served = [when for when in noted if isinstance(when, float)]
    late = [attempt for attempt in ended(house) if attempt.failure is not None and attempt.ended_at != attempt.began_at]
    assert served == [float(second) for second in range(1, len(served) + 1)]
    assert len(served) >= 60
    # Before ten have been served nobody knows the pace: those who joined until then may wait in vain.
    assert late
    assert all(attempt.began_at < 10 for attempt in late)


async def test_where_calls_differ_hardly_anybody_waits_in_vain(autojump_clock: MockClock) -> None:
    """Twice as many come as can be served, in half a second to one and a half: of the refused one in a hundred."""
    chance = random.Random(1)

    async def takes_its_time(attempt: Attempt) -> str:
        return await answers("x", after_s=chance.uniform(0.5, 1.5))(attempt)

    noted: list[Any] = []
    async with House({"a": [takes_its_time]}, settings={"a": {"max_concurrent": 1}}).running() as house:
        async with trio.open_nursery() as nursery:
            for number in range(1000):
                await trio.sleep_until(number / 2)
                nursery.start_soon(ask_and_note, house, noted)
        house.assert_at_rest()
    refused = [each for each in ended(house) if each.failure is not None and each.began_at > 20]
    late = [each for each in refused if each.ended_at != each.began_at]
    assert len(late) <= len(refused) / 100


async def test_who_may_wait_for_a_minute_is_not_refused_as_nothing_moves_for_ten_seconds(
    autojump_clock: MockClock,
) -> None:
    """One at a time, 20 s each, as long answers take: two that come later wait behind another, and are served."""
    patient = Timeouts(queue_s=60)
    settings = {"max_concurrent": 1}
    noted: list[Any] = []
    async with House({"a": [answers("x", after_s=20)]}, settings={"a": settings}, timeouts=patient).running() as house:
        async with trio.open_nursery() as nursery:
            for at in (0, 1, 12, 39):
                await trio.sleep_until(at)
                nursery.start_soon(ask_and_note, house, noted)
        assert noted == [20, 40, 60, 80]
        house.assert_at_rest()


async def test_a_model_at_its_own_limit_makes_no_line_for_the_others(autojump_clock: MockClock) -> None:
    """Five wait for m, whose line has not moved for ten seconds; n is served at once."""
    settings = {"model_limits": {"m": RateLimits(requests_per_minute=1)}}
    patient = Timeouts(queue_s=100)
    async with House({"a": [answers("x")]}, settings={"a": settings}, timeouts=patient).running() as house:
        await house.ask()
        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(ask_and_note, house, [])
                await trio.sleep(3)
            house.candidates = [Candidate(provider="a", model="n")]
            start = trio.current_time()
            await house.ask()
            assert trio.current_time() == start == 15
            nursery.cancel_scope.cancel()


async def test_once_high_priority_has_come_a_fifth_of_the_permits_is_kept_for_it(autojump_clock: MockClock) -> None:
    """For a minute: without any, nothing lies idle."""
    slow = answers("x", after_s=5)
    async with House({"a": [slow]}, settings={"a": {"max_concurrent": 10}}).running() as house:
        actor = house.providers["a"]

        async def rush(count: int, priority: Priority = Priority.NORMAL) -> None:
            for _ in range(count):
                nursery.start_soon(lambda: house.ask(priority=priority))
            await trio.testing.wait_all_tasks_blocked()

        async with trio.open_nursery() as nursery:
            await rush(12)
            assert (actor.in_flight, len(actor.waiters)) == (10, 2)
        async with trio.open_nursery() as nursery:
            await rush(1, Priority.HIGH)
            await rush(12)
            assert (actor.in_flight, len(actor.waiters)) == (8, 5)
            await rush(2, Priority.HIGH)
            assert (actor.in_flight, len(actor.waiters)) == (10, 5)
            await rush(1, Priority.HIGH)
            assert (actor.in_flight, len(actor.waiters)) == (10, 6)
        await trio.sleep(61)
        async with trio.open_nursery() as nursery:
            await rush(12, Priority.LOW)
            assert (actor.in_flight, len(actor.waiters)) == (10, 2)
        house.assert_at_rest()


async def test_once_high_priority_has_come_a_fifth_of_the_tokens_is_kept_for_it(autojump_clock: MockClock) -> None:
    """Of requests as of tokens, of a key as of a model; for a minute after the last one."""
    limits = RateLimits(requests_per_minute=60)
    settings = {"limits": limits, "model_limits": {"small": RateLimits(tokens_per_minute=600)}}
    async with House({"a": [answers("x")]}, settings={"a": settings}).running() as house:

        async def answered_at(model: str = "m", **how: Any) -> float:
            house.candidates = [Candidate(provider="a", model=model, timeouts=Timeouts(queue_s=20))]
            await house.ask(**how)
            return trio.current_time()

        assert [await answered_at() for _ in range(60)] == [0.0] * 60, "without any, all of them are everybody's"
        await trio.sleep(60)
        assert await answered_at(priority=Priority.HIGH) == 60
        assert [await answered_at() for _ in range(48)] == [60] * 47 + [61], "twelve are kept"
        assert [await answered_at(priority=Priority.HIGH) for _ in range(12)] == [61] * 12
        assert await answered_at(priority=Priority.HIGH) == 62
        assert await answered_at() == 62 + 13, "one more than are kept"

        await trio.sleep(10)
        assert await answered_at("small", tokens=480) == 85
        assert await answered_at("small", tokens=120, priority=Priority.HIGH) == 85
        assert await answered_at("small", tokens=10) == 85 + 13
        await trio.sleep(300)
        now = trio.current_time()
        assert [await answered_at() for _ in range(60)] == [now] * 60

        await trio.sleep(100)
        assert await answered_at("small", priority=Priority.HIGH) == now + 100
        await trio.sleep(59.5)
        assert await answered_at("small", tokens=480) == now + 159.5
        assert await answered_at("small", tokens=121) == now + 160, "with its minute nothing is kept any more"
        house.assert_at_rest()


async def test_the_last_places_of_the_queue_are_kept_for_high_priority(autojump_clock: MockClock) -> None:
    """Ten places, eight of them for everybody: of ten normal ones beside the one at work two are told at once."""
    settings = {"max_concurrent": 1, "max_waiting": 10}
    async with House({"a": [answers("x", after_s=100)]}, settings={"a": settings}).running() as house:
        noted: list[Any] = []
        async with trio.open_nursery() as nursery:
            for priority, count, waiting, refused in ((Priority.NORMAL, 11, 8, 2), (Priority.HIGH, 3, 10, 3)):
                for _ in range(count):
                    nursery.start_soon(lambda priority=priority: ask_and_note(house, noted, priority=priority))
                await trio.testing.wait_all_tasks_blocked()
                assert len(house.providers["a"].waiters) == waiting
                assert noted == [(Overloaded, 0.0)] * refused
            nursery.cancel_scope.cancel()


async def test_low_priority_may_starve_but_not_for_longer_than_it_may_wait(autojump_clock: MockClock) -> None:
    """One a second is served, one a second of normal priority comes: the low one is told after its 10 s."""
    noted: list[Any] = []
    async with House({"a": [answers("x", after_s=1)]}, settings={"a": {"max_concurrent": 1}}).running() as house:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lambda: house.ask())
            await trio.sleep(0.5)
            nursery.start_soon(lambda: ask_and_note(house, noted, priority=Priority.LOW))
            for _ in range(15):
                nursery.start_soon(lambda: house.ask())
                await trio.sleep(1)
        assert noted == [(Overloaded, 10.5)]


def ended(house: House) -> list[Attempt]:
    return [event.attempt for event in house.events if isinstance(event, AttemptEnded)]
