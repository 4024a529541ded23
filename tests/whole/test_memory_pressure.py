"""What the process holds comes near its threshold: new work is refused, clearly and in time, until there is room."""

from __future__ import annotations

import errno
import json

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from tests.whole.gateways import ENGINES, MEGABYTE, QUESTION, STREAMED, Running, running
from tests.whole.upstream import answers

THRESHOLD = "[memory]\nthreshold_mb = 1000"
ONE_SAMPLE_S = 0.25


async def holds(it: Running, percent: float) -> None:
    """The process grows or shrinks to this share of the threshold, and the monitor sees it."""
    it.memory.bytes = int(percent * 10 * MEGABYTE)
    await trio.sleep(ONE_SAMPLE_S)
    await trio.testing.wait_all_tasks_blocked()


@pytest.mark.parametrize("engine", ENGINES)
async def test_new_work_is_refused_at_95_percent_and_taken_again_below(autojump_clock: MockClock, engine: str) -> None:
    """What is under way is finished; looking is always allowed; the end lies 5 % lower, so that it does not flap."""
    async with running(THRESHOLD, engine=engine) as it, trio.open_nursery() as clients:
        it.openai.plays(answers(after_s=20), answers())
        statuses = []

        async def ask_before() -> None:
            statuses.append((await it.ask()).status)

        clients.start_soon(ask_before)
        await holds(it, 96)

        for question in (QUESTION, STREAMED):
            refused = await it.ask(question)
            assert (refused.status, refused.error["code"]) == (503, "memory_pressure")
            assert refused.header("retry-after") == "1"
        assert (await it.request("GET", "/health")).status == 200
        figures = await it.figures()
        assert figures("gateway_memory_pressure") == 2
        assert figures("gateway_memory_bytes", actor="memory") == 960 * MEGABYTE
        detail = (await it.actors())["memory"]["detail"]
        assert detail == {
            "pressure": "refuse",
            "used_bytes": 960 * MEGABYTE,
            "threshold_bytes": 1000 * MEGABYTE,
            "missed": 0,
        }

        await holds(it, 91)
        assert (await it.ask()).status == 503
        await holds(it, 89)
        assert (await it.ask()).status == 200
        assert len(it.openai.asked) == 2
        assert statuses == []
        await trio.sleep(20)
        assert statuses == [200]
        assert [line["pressure"] for line in it.logged("memory pressure")] == ["refuse", "degrade"]
        assert it.gateway.ingress.used == 0


async def test_pressure_that_passes_between_two_samples_is_nobodys_concern(autojump_clock: MockClock) -> None:
    async with running(THRESHOLD) as it:
        await trio.sleep(0.3)
        it.memory.bytes = 990 * MEGABYTE
        assert (await it.ask()).status == 200
        it.memory.bytes = 100 * MEGABYTE
        await trio.sleep(1)
        assert (await it.ask()).status == 200
        assert it.logged("memory pressure") == []


async def test_no_flood_of_clients_can_blind_the_gateway_to_death(autojump_clock: MockClock) -> None:
    """They hold every file descriptor, so that no sample can be taken: the last one stands, and nobody crashes."""
    async with running(THRESHOLD) as it:
        await holds(it, 96)
        it.memory.failure = OSError(errno.EMFILE, "Too many open files")
        await trio.sleep(60)

        memory = (await it.actors())["memory"]

        assert (memory["state"], memory["restarts"]) == ("running", 0)
        # Four a second, and one after each attempt, every 2 s, to give memory back.
        assert (memory["detail"]["pressure"], memory["detail"]["missed"]) == ("refuse", 240 + 30)
        it.memory.failure = None
        await holds(it, 10)
        assert (await it.ask()).status == 200


async def test_what_a_burst_left_unused_is_given_back_so_that_refusal_ends(autojump_clock: MockClock) -> None:
    """The process holds 96 %, of which nobody uses half: no balancer is told to send elsewhere for long."""
    async with running(THRESHOLD) as it:
        it.openai.plays(answers())
        it.memory.unused = 480 * MEGABYTE
        await holds(it, 96)
        await trio.sleep(ONE_SAMPLE_S)
        assert (await it.request("GET", "/health/ready")).status == 200
        assert (await it.ask()).status == 200
        assert [line["pressure"] for line in it.logged("memory pressure")] == ["refuse", "none"]


async def test_a_gateway_that_refuses_is_not_ready(autojump_clock: MockClock) -> None:
    async with running(THRESHOLD) as it:
        await holds(it, 96)
        ready = await it.request("GET", "/health/ready")
        assert (ready.status, ready.json) == (503, {"status": "refusing"})
        await holds(it, 50)
        assert (await it.request("GET", "/health/ready")).status == 200


async def test_a_large_body_is_taken_only_where_three_of_it_have_room(autojump_clock: MockClock) -> None:
    """So much it may be until it is sent; nobody waits for the pressure to say what is certain."""
    large = {"model": "gpt-4o", "messages": [{"role": "user", "content": "x" * 2 * MEGABYTE}]}
    async with running("[memory]\nthreshold_mb = 100") as it:
        it.memory.bytes = 95 * MEGABYTE - 1
        await trio.sleep(ONE_SAMPLE_S)
        refused = await it.ask(large)
        assert (refused.status, refused.error["code"]) == (503, "memory_pressure")
        assert (await it.ask()).status == 200
        it.memory.bytes -= 2 * MEGABYTE
        await trio.sleep(ONE_SAMPLE_S)
        assert (await it.ask(large)).status == 200


async def test_what_never_fits_is_the_clients_to_change_and_not_to_repeat(autojump_clock: MockClock) -> None:
    """A request larger than all that the provider's calls may hold: 413, and what it would have taken."""
    async with running("[providers.openai]\nmemory_mb = 1") as it:
        large = {"model": "gpt-4o", "messages": [{"role": "user", "content": "x" * 2 * MEGABYTE}]}
        refused = await it.ask(large)
        assert (refused.status, refused.error["code"]) == (413, "request_too_large")
        assert f"calls of openai may hold {MEGABYTE} together" in refused.error["message"]
        assert refused.header("retry-after") is None
        assert it.openai.asked == []
        it.assert_at_rest()


async def test_what_calls_hold_is_in_use_from_the_first_byte_of_the_body_to_the_answers_end(
    autojump_clock: MockClock,
) -> None:
    """One is at the provider for 8 s, one waits for its place, of one half the body has come: a megabyte each."""
    large = {"model": "gpt-4o", "messages": [{"role": "user", "content": "x" * MEGABYTE}]}
    async with running("[providers.openai]\nmax_concurrent = 1") as it:
        it.openai.plays(answers(after_s=8), answers(), answers())

        def in_use_mb() -> int:
            return (it.gateway.ingress.used + it.gateway.actors.held_bytes()) // MEGABYTE

        body = json.dumps(large).encode()
        head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: %d\r\n\r\n" % len(body)
        slow = await it.connect()
        async with trio.open_nursery() as clients:
            for _ in range(2):
                clients.start_soon(it.ask, large)
            await slow.send_raw(head + body[: MEGABYTE // 2])
            await trio.sleep(5)
            assert in_use_mb() == 3
            await slow.send_raw(body[MEGABYTE // 2 :])
            await trio.sleep(1)
            assert (it.gateway.ingress.used, in_use_mb()) == (0, 3)
        assert (await slow.read()).status == 200
        assert in_use_mb() == 0
        it.assert_at_rest()
