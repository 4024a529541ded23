"""Limits as clients meet them: what they are told of them, when they wait, and who goes first."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from tests.face.http_client import Reply
from tests.whole.gateways import ENGINES, QUESTION, STREAMED, Running, running
from tests.whole.upstream import Asked, answers, streams

KEY = '[auth]\nmode = "keys"\n[[auth.keys]]\nlabel = "slow"\nenv = "SLOW_KEY"\n'
ENVIRON = {"SLOW_KEY": "sk-slow", "LLM_GATEWAY_API_KEYS": "sk-free"}
SLOW = {"authorization": "Bearer sk-slow"}
FREE = {"authorization": "Bearer sk-free"}
UPSTREAMS = (b"x-ratelimit-limit-requests: 10000", b"x-ratelimit-remaining-requests: 9999")


def limits_in(reply: Reply) -> dict[str, str]:
    """What it tells of limits, by the headers' names without their common beginning."""
    prefix = "x-ratelimit-"
    return {name.removeprefix(prefix): value for name, value in reply.fields if name.startswith(prefix)}


async def answers_with_limits(asked: Asked) -> None:
    choice = b'{"index":0,"message":{"role":"assistant","content":"Hi."},"finish_reason":"stop"}'
    body = b'{"id":"chatcmpl-1","object":"chat.completion","model":"gpt-4o","choices":[%b]}' % choice
    await asked.send_head(200, b"content-type: application/json", b"content-length: %d" % len(body), *UPSTREAMS)
    await asked.send(body)


@pytest.mark.parametrize("engine", ENGINES)
async def test_a_client_with_limits_reads_how_they_stand(autojump_clock: MockClock, engine: str) -> None:
    """A whole answer is settled before it is told; a stream's head tells what is reserved; a refusal when to come."""
    settings = f"{KEY}requests_per_minute = 3\ntokens_per_minute = 6000"
    async with running(settings, environ=ENVIRON, engine=engine) as it:
        it.openai.plays(answers_with_limits, answers(), streams("Hi"))
        first = await it.ask({**QUESTION, "max_tokens": 100}, headers=SLOW)
        assert limits_in(first) == {
            "limit-requests": "3",
            "remaining-requests": "2",
            "reset-requests": "20s",
            "limit-tokens": "6000",
            "remaining-tokens": "5977",  # the prompt by estimate, as the provider did not count
            "reset-tokens": "230ms",
        }
        second = await it.ask({**QUESTION, "max_tokens": 100}, headers=SLOW)
        assert limits_in(second)["remaining-tokens"] == "5965"
        third = await it.ask({**STREAMED, "max_tokens": 100}, headers=SLOW)
        assert limits_in(third)["remaining-tokens"] == "5938"  # 6000 - 35 - 127, and 100 came back meanwhile
        await trio.sleep(9)

        refused = await it.ask(headers=SLOW)

        assert (refused.status, refused.error["code"]) == (429, "rate_limit_exceeded")
        assert refused.header("retry-after") == "10"
        assert limits_in(refused) == {
            "limit-requests": "3",
            "remaining-requests": "0",
            "reset-requests": "50s",
            "limit-tokens": "6000",
            "remaining-tokens": "6000",
            "reset-tokens": "0s",
        }


async def test_without_limits_of_its_own_a_client_reads_the_providers_word(autojump_clock: MockClock) -> None:
    async with running(KEY, environ=ENVIRON) as it:
        it.openai.plays(answers_with_limits, answers())
        assert limits_in(await it.ask(headers=FREE)) == {"limit-requests": "10000", "remaining-requests": "9999"}
        assert limits_in(await it.ask(headers=SLOW)) == {}


async def test_a_providers_limit_is_told_to_those_whom_it_refuses(autojump_clock: MockClock) -> None:
    """Two a minute: the third could not be sent within the 10 s that it may wait."""
    async with running("[providers.openai]\nrequests_per_minute = 2") as it:
        assert [(await it.ask()).status for _ in range(2)] == [200, 200]
        refused = await it.ask()
        assert trio.current_time() == 0
        assert (refused.status, refused.error["code"]) == (429, "rate_limit_exceeded")
        assert refused.header("retry-after") == "30"
        assert limits_in(refused)["reset-requests"] == "1m0s"
        await trio.sleep(21)
        assert (await it.ask()).status == 200
        assert trio.current_time() == pytest.approx(30)


async def test_a_fallback_takes_what_the_first_has_no_room_for(autojump_clock: MockClock) -> None:
    async with running("[providers.openai]\nrequests_per_minute = 1") as it:
        replies = [await it.ask({**QUESTION, "model": "backed"}) for _ in range(2)]
        assert [reply.header("x-gateway-provider") for reply in replies] == ["openai", "deepseek"]
        assert trio.current_time() == 0


async def served_in_order(it: Running, *askers: tuple[str, dict[str, str]]) -> list[str]:
    """Who of those that ask one after the other is answered when; one at a time."""
    order = []

    async def ask(name: str, headers: dict[str, str]) -> None:
        assert (await it.ask(headers=headers)).status == 200
        order.append(name)

    async with trio.open_nursery() as nursery:
        for name, headers in askers:
            nursery.start_soon(ask, name, headers)
            await trio.sleep(0.01)
    return order


def with_priority(priority: str, headers: dict[str, str]) -> dict[str, str]:
    return {**headers, "x-gateway-priority": priority}


@pytest.mark.parametrize(
    ("highest", "order"), [("high", "first slow free"), ("normal", "first free slow"), ("low", "first free slow")]
)
async def test_a_key_may_be_kept_from_going_first(autojump_clock: MockClock, highest: str, order: str) -> None:
    """What it asks for above its own highest counts as that."""
    settings: Any = f'[providers.openai]\nmax_concurrent = 1\n{KEY}max_priority = "{highest}"'
    async with running(settings, environ=ENVIRON) as it:
        it.openai.plays(answers(after_s=1))
        askers = (("first", FREE), ("free", FREE), ("slow", with_priority("high", SLOW)))
        assert " ".join(await served_in_order(it, *askers)) == order


async def test_a_key_of_low_priority_goes_last_without_asking(autojump_clock: MockClock) -> None:
    settings = f'[providers.openai]\nmax_concurrent = 1\n{KEY}max_priority = "low"'
    async with running(settings, environ=ENVIRON) as it:
        it.openai.plays(answers(after_s=1))
        order = await served_in_order(it, ("first", FREE), ("slow", SLOW), ("free", FREE))
        assert order == ["first", "free", "slow"]


@pytest.mark.parametrize("engine", ENGINES)
async def test_a_fifth_is_kept_for_high_priority_for_a_minute_after_it_has_come(
    autojump_clock: MockClock, engine: str
) -> None:
    """Of ten requests a minute two; who would have to wait too long for one more is told for how long."""
    async with running("[providers.openai]\nrequests_per_minute = 10", engine=engine) as it:

        async def told(priority: str, after_s: float = 0.0) -> tuple[int, str | None]:
            await trio.sleep(after_s)
            reply = await it.ask(headers={"x-gateway-priority": priority})
            return reply.status, reply.header("retry-after")

        assert [await told("normal") for _ in range(10)] == [(200, None)] * 10
        assert await told("high", after_s=60) == (200, None)
        assert [await told("normal") for _ in range(7)] == [(200, None)] * 7
        began_at = trio.current_time()
        assert await told("low") == (200, None), "the next unit comes within the ten seconds that it may wait"
        assert trio.current_time() == began_at + 6
        assert [await told("high") for _ in range(2)] == [(200, None)] * 2
        assert await told("normal") == (429, "18")
        assert await told("high", after_s=6) == (200, None)
        assert [await told("normal", after_s=59.9), await told("normal", after_s=0.1)] == [(200, None)] * 2
        assert [await told("normal") for _ in range(8)] == [(200, None)] * 8, "the minute is over: all ten"


async def test_a_fifth_of_the_calls_at_once_is_kept_for_high_priority_too(autojump_clock: MockClock) -> None:
    """Of ten, two: the second of high priority overtakes the two that came before it and wait."""
    async with running("[providers.openai]\nmax_concurrent = 10") as it:
        it.openai.plays(answers(after_s=5))
        served: list[tuple[str, float]] = []

        async def call(priority: str) -> None:
            assert (await it.ask(headers={"x-gateway-priority": priority})).status == 200
            served.append((priority, trio.current_time()))

        async with trio.open_nursery() as nursery:
            for priority in ("high", *["normal"] * 9, "high"):
                nursery.start_soon(call, priority)
                await trio.testing.wait_all_tasks_blocked()
        assert sorted(served) == [*[("high", 5)] * 2, *[("normal", 5)] * 7, *[("normal", 10)] * 2]
