"""A client that hangs up: the upstream call ends in the same virtual second, and everything it held is back."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from actors.attempt import Outcome
from tests.face.http_client import Client
from tests.whole.gateways import CHAT, ENGINES, QUESTION, STREAMED, Running, running
from tests.whole.upstream import answers, resets, stalls, streams

on_every_engine = pytest.mark.parametrize("engine", ENGINES)
on_the_edge = pytest.mark.parametrize("engine", [engine for engine in ENGINES if engine.startswith("edge")])
"""Hypercorn does not see a client go behind bytes that it has not read."""
in_both_ways = pytest.mark.parametrize("question", [QUESTION, STREAMED], ids=["plain", "streamed"])


@on_every_engine
@in_both_ways
async def test_before_any_answer(autojump_clock: MockClock, engine: str, question: Any) -> None:
    async with running(engine=engine) as it:
        it.openai.plays(stalls)
        client = await asking(it, question)
        await trio.sleep(3)

        client.leave()

        await check_all_is_over(it, at=3)
        assert it.openai.asked[0].closed_at == 3


@on_every_engine
async def test_in_the_middle_of_a_stream(autojump_clock: MockClock, engine: str) -> None:
    async with running(engine=engine) as it:
        it.openai.plays(streams("a", "b", "c", "d"))
        client = await asking(it, STREAMED)
        await trio.sleep(2.5)

        client.leave()

        await check_all_is_over(it, at=2.5)
        assert it.openai.asked[0].closed_at == 2.5


@on_every_engine
async def test_in_the_middle_of_a_silent_stream(autojump_clock: MockClock, engine: str) -> None:
    """Nothing is being written, so only a reader can notice."""
    async with running(engine=engine) as it:
        it.openai.plays(streams("a", then=stalls))
        client = await asking(it, STREAMED)
        await trio.sleep(20)

        client.leave()

        await check_all_is_over(it, at=20)
        assert it.openai.asked[0].closed_at == 20


@on_every_engine
async def test_by_the_end_of_its_stream_rather_than_a_reset(autojump_clock: MockClock, engine: str) -> None:
    async with running(engine=engine) as it:
        it.openai.plays(stalls)
        client = await asking(it, QUESTION)
        await trio.sleep(3)

        client.stream.close()

        await check_all_is_over(it, at=3)
        assert it.openai.asked[0].closed_at == 3


@on_the_edge
@in_both_ways
async def test_behind_pipelined_bytes(autojump_clock: MockClock, engine: str, question: Any) -> None:
    """The next request stands in the way of the end, and is not served any more."""
    async with running(engine=engine) as it:
        it.openai.plays(streams("a", then=stalls) if "stream" in question else stalls)
        client = await asking(it, question)
        await trio.sleep(2)
        await client.send_raw(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n")
        await trio.sleep(1)

        client.leave()

        await check_all_is_over(it, at=3)
        assert it.openai.asked[0].closed_at == 3


@on_every_engine
@in_both_ways
async def test_while_waiting_for_a_permit(autojump_clock: MockClock, engine: str, question: Any) -> None:
    """The one that leaves the queue is never sent, and the one behind it is not held up."""
    async with running("[providers.openai]\nmax_concurrent = 1", engine=engine) as it:
        it.openai.plays(answers(after_s=5), *[streams("a")] * 2 if "stream" in question else [answers()])
        first = await asking(it, QUESTION)
        leaving = await asking(it, question)
        third = await asking(it, question)
        await trio.sleep(2)
        assert len(it.provider("openai").waiters) == 2

        leaving.leave()

        await trio.testing.wait_all_tasks_blocked()
        assert len(it.provider("openai").waiters) == 1
        assert it.logged("request")[0]["outcome"] == "disconnected"
        assert it.provider("openai").in_flight == 1
        for client in (first, third):
            assert (await client.read()).status == 200
            client.leave()
        assert [asked.at for asked in it.openai.asked] == [0, 5]
        await trio.testing.wait_all_tasks_blocked()
        it.assert_at_rest()
        it.assert_nobody_is_connected()


@on_every_engine
async def test_while_a_retry_is_due(autojump_clock: MockClock, engine: str) -> None:
    """Between two attempts nothing but a timer of the router's stands for the call."""
    async with running("[retry]\nbackoff_base_s = 8.0", engine=engine, seed=3) as it:
        it.openai.plays(resets(), answers())
        client = await asking(it, QUESTION)
        await trio.testing.wait_all_tasks_blocked()
        router = it.gateway.actors.router()
        assert router is not None
        assert (router.view()["in_flight"], router.view()["timers"]) == (1, 1)

        client.leave()

        await check_all_is_over(it, at=0)
        await trio.sleep(20)
        assert len(it.openai.asked) == 1


@on_every_engine
async def test_while_its_body_is_on_its_way(autojump_clock: MockClock, engine: str) -> None:
    """The ingress budget holds what was announced until then."""
    async with running(engine=engine) as it:
        client = await it.connect()
        await client.send_raw(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000000\r\n\r\n" + b"{" * 100_000
        )
        await trio.sleep(3)
        assert it.gateway.ingress.used == 1_000_000

        client.leave()

        await check_all_is_over(it, at=3)
        assert it.openai.asked == []


@on_every_engine
async def test_while_the_provider_cannot_be_reached(autojump_clock: MockClock, engine: str) -> None:
    async with running(engine=engine) as it:
        it.network.silence("openai.test", 80)
        client = await asking(it, QUESTION)
        await trio.sleep(3)

        client.leave()

        await check_all_is_over(it, at=3)


@on_every_engine
async def test_a_reader_that_does_not_read_is_cut_and_frees_everything(autojump_clock: MockClock, engine: str) -> None:
    """It takes nothing from 0 s on; when all buffers on the way are full, it has 10 s left."""
    async with running(engine=engine) as it:
        it.openai.plays(streams(*["x" * 30_000] * 100, every_s=0.1))
        client = await asking(it, STREAMED)

        await trio.sleep(60)

        (line,) = it.logged("request")
        assert line["outcome"] == "disconnected"
        assert it.openai.asked[0].closed_at == line["total_s"]
        assert 10 < line["total_s"] < 20
        client.leave()
        await trio.testing.wait_all_tasks_blocked()
        it.assert_at_rest()
        it.assert_nobody_is_connected()


async def asking(it: Running, question: Any) -> Client:
    """A client whose question has come as far as it can without any time."""
    client = await it.connect()
    await client.send("POST", CHAT, json_body=question)
    await trio.testing.wait_all_tasks_blocked()
    return client


async def check_all_is_over(it: Running, *, at: float) -> None:
    """Without any more time, nothing is left, and all who look at it are told that the client has gone."""
    await trio.testing.wait_all_tasks_blocked()
    assert trio.current_time() == at
    it.assert_at_rest()
    it.assert_nobody_is_connected()
    (line,) = it.logged("request")
    assert (line["status"], line["outcome"], line["total_s"]) == (499, "disconnected", at)
    attempts = it.attempts()
    assert all(attempt.outcome in (Outcome.LEFT, Outcome.FAILED) for attempt in attempts)
    figures = await it.figures()
    left = [attempt for attempt in attempts if attempt.outcome is Outcome.LEFT]
    assert figures("gateway_disconnect_to_upstream_closed_seconds_count") == len(left)
    assert figures("gateway_disconnect_to_upstream_closed_seconds_sum") == 0
