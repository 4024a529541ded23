"""The limit of concurrent calls finds what a provider can take."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import trio
from trio.testing import MockClock

from actors.attempt import Attempt
from actors.errors import Blame, Failure, Overloaded, Stage, TimedOut
from actors.policy.gradient import GradientSettings
from tests.actors.house import House, answers, fails

CAPACITY = 30
"""So many at once the provider answers without making them wait."""
SERVICE_S = 0.5


class Queueing:
    """A provider that works at `CAPACITY` calls at a time; further ones wait for the first token."""

    def __init__(self) -> None:
        self._places = trio.CapacityLimiter(CAPACITY)

    async def __call__(self, attempt: Attempt) -> None:
        attempt.sent()
        attempt.accepted()
        async with self._places:
            await trio.sleep(SERVICE_S)
        attempt.commit("head")
        await attempt.write(b"x")


class Throttled(Failure):
    retryable = True
    throttled = True


def adaptive(**settings: Any) -> dict[str, Any]:
    return {"a": {"gradient": GradientSettings(**settings), "max_concurrent": settings.get("most", 256)}}


async def test_the_limit_settles_a_little_above_what_the_provider_can_do(autojump_clock: MockClock) -> None:
    """It starts below, finds the point where a queue begins, and never sends ten times what is of use."""
    house = House({"a": [Queueing()]}, settings=adaptive(most=1000))
    limits = []

    async def ask_for_ever() -> None:
        while True:
            try:
                await house.read()
            except Overloaded:
                await trio.sleep(0.5)

    async with house.running():
        concurrency = house.providers["a"].admission.concurrency
        assert concurrency.limit == 20
        async with trio.open_nursery() as nursery:
            for _ in range(400):
                nursery.start_soon(ask_for_ever)
            for _ in range(150):
                await trio.sleep(1)
                limits.append(concurrency.limit)
            nursery.cancel_scope.cancel()
    assert all(CAPACITY <= limit <= 3 * CAPACITY for limit in limits[60:]), limits


async def test_without_it_the_limit_stays(autojump_clock: MockClock) -> None:
    async with House({"a": [fails(Throttled("429"))]}, settings={"a": {"max_concurrent": 10}}).running() as house:
        with suppress(Throttled):
            await house.ask()
        assert house.providers["a"].view()["concurrency"] == {"used": 0, "limit": 10, "adaptive": False}


async def test_a_429_and_a_timeout_take_one_each_and_another_failure_none(autojump_clock: MockClock) -> None:
    class Wrong(Failure):
        blame = Blame.MODEL

    script = [fails(Wrong("500")), fails(Throttled("429", retry_after=0.1)), answers("x")]
    async with House({"a": script}, settings=adaptive(start=10, least=1)).running() as house:
        concurrency = house.providers["a"].admission.concurrency
        with suppress(Wrong):
            await house.ask()
        assert concurrency.limit == 10
        assert await house.ask() == "x"
        assert concurrency.limit == 9
        house.scripts["a"] = [fails(TimedOut(Stage.AWAITING, "silent"))]
        with suppress(TimedOut):
            await house.ask()
        assert concurrency.limit == 8
        assert house.providers["a"].view()["concurrency"] == {"used": 0, "limit": 8, "adaptive": True}
