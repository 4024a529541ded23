"""The limits of each phase, everybody's, a provider's and a model's, to the virtual second."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.whole.gateways import QUESTION, STREAMED, Running, running
from tests.whole.upstream import HTTP_PORT, Script, answers, is_cut, stalls, streams

BACKED_STREAM: dict[str, Any] = {**STREAMED, "model": "backed"}

PHASES: dict[str, tuple[str, Script, dict[str, Any], int]] = {
    "first token": ("first_token_s = 5.0", streams(then=stalls), STREAMED, 5),
    "idle": ("idle_s = 5.0", streams("Hel", then=stalls), STREAMED, 6),
    "total": ("total_s = 5.0", stalls, QUESTION, 5),
    "total of a stream": ("total_s = 5.0", streams(*"abcdefgh"), STREAMED, 5),
}
"""A limit, a provider that passes it, and when the client hears of it."""


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("whose", ["timeouts", "providers.openai.timeouts", 'models."gpt-4o".timeouts'])
async def test_a_limit_holds_wherever_it_is_set(autojump_clock: MockClock, whose: str, phase: str) -> None:
    setting, script, question, at = PHASES[phase]
    async with running(f"[{whose}]\n{setting}") as it:
        it.openai.plays(script)

        reply = await it.ask(question)

        assert trio.current_time() == at
        assert b"upstream_timeout" in reply.body
        assert b"[DONE]" not in reply.body
        assert len(it.openai.asked) == 1
        await check_closed(it, at=at)


@pytest.mark.parametrize("phase", PHASES)
async def test_a_models_limit_goes_before_its_providers_and_that_before_everybodys(
    autojump_clock: MockClock, phase: str
) -> None:
    setting, script, question, at = PHASES[phase]
    longer = setting.replace("5.0", "50.0")
    shorter = setting.replace("5.0", "1.0")
    settings = f'[timeouts]\n{shorter}\n[providers.openai.timeouts]\n{longer}\n[models."gpt-4o".timeouts]\n{setting}'
    async with running(settings) as it:
        it.openai.plays(script)

        await it.ask(question)

        assert trio.current_time() == at


@pytest.mark.parametrize("whose", ["timeouts", "providers.openai.timeouts", 'models."backed".timeouts'])
async def test_a_hedge_waits_as_long_as_it_is_told(autojump_clock: MockClock, whose: str) -> None:
    async with running(f"[{whose}]\nhedge_after_s = 3.0") as it:
        it.openai.plays(streams("too late", every_s=50))
        it.deepseek.plays(streams("Hello."))

        reply = await it.ask(BACKED_STREAM)

        assert trio.current_time() == 4
        assert reply.header("x-gateway-provider") == "deepseek"
        assert it.deepseek.asked[0].at == 3


@pytest.mark.parametrize("whose", ["timeouts", "providers.openai.timeouts", 'models."gpt-4o".timeouts'])
async def test_a_queue_is_left_after_as_long_as_it_is_told(autojump_clock: MockClock, whose: str) -> None:
    """One at a time, and the one is at it for a minute."""
    async with (
        running(f"[providers.openai]\nmax_concurrent = 1\n[{whose}]\nqueue_s = 3.0") as it,
        trio.open_nursery() as others,
    ):
        it.openai.plays(answers(after_s=60))
        others.start_soon(it.ask)
        await trio.sleep(1)

        reply = await it.ask()

        assert trio.current_time() == 4
        assert (reply.status, reply.error["code"]) == (503, "overloaded")
        assert len(it.openai.asked) == 1
        others.cancel_scope.cancel()


@pytest.mark.parametrize("whose", ["timeouts", "providers.openai.timeouts", 'models."gpt-4o".timeouts'])
async def test_a_connection_is_waited_for_as_long_as_it_is_told(autojump_clock: MockClock, whose: str) -> None:
    """Nobody answers there: three attempts of three seconds, and the pauses between them."""
    async with running(f"[{whose}]\nconnect_s = 3.0") as it:
        it.network.silence("openai.test", HTTP_PORT)

        reply = await it.ask()

        pauses_s = sum(line["delay_s"] for line in it.logged("attempt repeated"))
        assert trio.current_time() == pytest.approx(9 + pauses_s, abs=1e-5)
        assert (reply.status, reply.error["code"]) == (504, "upstream_timeout")
        assert reply.header("x-gateway-attempts") == "3"
        await trio.testing.wait_all_tasks_blocked()
        it.assert_at_rest()


async def test_an_upload_that_the_provider_does_not_take_counts_as_its_silence(autojump_clock: MockClock) -> None:
    """More than the network holds, and nobody reads it: a stream has to begin all the same."""
    long = {**STREAMED, "messages": [{"role": "user", "content": "x" * 4_000_000}]}
    environ = {"OPENAI_BASE_URL": "http://deaf.test/v1"}
    async with running("[timeouts]\nfirst_token_s = 5.0", environ=environ) as it:
        await it.network.listen("deaf.test", HTTP_PORT)

        reply = await it.ask(long)

        assert trio.current_time() == 5
        assert (reply.status, reply.error["code"]) == (504, "upstream_timeout")
        assert it.network.connects.count(("deaf.test", HTTP_PORT)) == 1
        await trio.testing.wait_all_tasks_blocked()
        it.assert_at_rest()


# What the client says of its own patience.


@pytest.mark.parametrize(
    ("question", "script", "at"),
    [
        (QUESTION, stalls, 7),
        (STREAMED, streams(then=stalls), 7),
        (STREAMED, streams("Hel", then=stalls), 8),
        (STREAMED, streams("Hel", every_s=9.0, then=stalls), 7),
    ],
    ids=["a whole answer", "the first token", "between two", "a late first token"],
)
async def test_the_sdks_read_timeout_bounds_each_gap(
    autojump_clock: MockClock, question: dict[str, Any], script: Script, at: int
) -> None:
    async with running() as it:
        it.openai.plays(script)

        reply = await it.ask(question, headers={"x-stainless-read-timeout": "7"})

        assert trio.current_time() == at
        assert b"upstream_timeout" in reply.body
        assert len(it.openai.asked) == 1
        await check_closed(it, at=at)


async def test_the_sdks_read_timeout_does_not_end_a_stream_that_goes_on(autojump_clock: MockClock) -> None:
    async with running() as it:
        it.openai.plays(streams(*"abcdef", every_s=6))

        reply = await it.ask(STREAMED, headers={"x-stainless-read-timeout": "7"})

        assert trio.current_time() == 36
        assert reply.body.endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize("header", ["x-gateway-timeout", "x-stainless-read-timeout"])
async def test_a_client_can_only_shorten_its_time(autojump_clock: MockClock, header: str) -> None:
    async with running("[timeouts]\ntotal_s = 5.0") as it:
        it.openai.plays(stalls)

        reply = await it.ask(headers={header: "50"})

        assert trio.current_time() == 5
        assert reply.status == 504


async def test_a_recovery_ends_at_the_clients_own_deadline(autojump_clock: MockClock) -> None:
    """One deadline for the broken stream and whoever goes on with it."""
    async with running() as it:
        it.openai.plays(streams("Hel", then=is_cut))
        it.deepseek.plays(stalls)

        reply = await it.ask(BACKED_STREAM, headers={"x-gateway-timeout": "7"})

        assert trio.current_time() == 7
        assert b"[DONE]" not in reply.body
        assert it.deepseek.asked[0].closed_at == 7


async def check_closed(it: Running, *, at: float) -> None:
    await trio.testing.wait_all_tasks_blocked()
    (asked,) = it.openai.asked
    assert asked.closed_at == at
    it.assert_at_rest()
