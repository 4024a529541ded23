"""The gateway is asked to stop: what is under way may end, within a grace, and nothing new comes in."""

from __future__ import annotations

import json
from typing import Any

import h11
import pytest
import trio
import trio.testing
from trio.testing import MockClock

from tests.face.http_client import Client
from tests.whole.gateways import CHAT, ENGINES, QUESTION, STREAMED, Running, data_of, running
from tests.whole.upstream import answers, stalls, streams, texts_of

on_every_engine = pytest.mark.parametrize("engine", ENGINES)


async def drained_at(it: Running, when: float) -> None:
    await trio.sleep_until(when)
    it.gateway.drain()


async def read_to_end(client: Client) -> None:
    while await client.read_piece() is not None:
        pass


@on_every_engine
async def test_calls_under_way_end_and_then_the_gateway_does(autojump_clock: MockClock, engine: str) -> None:
    """A plain one ends at 4 s, a stream at 6 s; new connections are refused from 2 s on."""
    async with running(engine=engine) as it, trio.open_nursery() as clients:
        it.openai.plays(answers("Hello.", after_s=4), streams("Hel", "lo.", every_s=3))
        replies: list[Any] = []

        async def ask(question: object) -> None:
            replies.append((await it.ask(question), trio.current_time()))

        clients.start_soon(ask, QUESTION)
        await trio.testing.wait_all_tasks_blocked()
        clients.start_soon(ask, STREAMED)
        idle = await it.connect()
        assert (await idle.request("GET", "/health")).status == 200
        await trio.sleep(2)

        it.gateway.drain()

        assert it.gateway.phase == "draining"
        with pytest.raises(ConnectionRefusedError):
            await it.connect()
        assert await idle.read_raw() == b""
        assert trio.current_time() == 2
        idle.leave()
        await trio.sleep(10)
        (plain, plain_at), (streamed, streamed_at) = replies
        assert (plain.status, plain_at) == (200, 4)
        assert (texts_of(list(data_of(streamed.body))[:-1]), streamed_at) == ("Hello.", 6)
        assert streamed.body.endswith(b"data: [DONE]\n\n")
        assert it.ended_at == 6
        assert [line["outcome"] for line in it.logged("request")] == ["ok", "ok"]
        assert it.network.open_streams() == 0


@on_every_engine
async def test_who_had_connected_before_is_answered(autojump_clock: MockClock, engine: str) -> None:
    """Its request had come, and stood where only the system knew of it; there is no other on that connection."""
    async with running(engine=engine) as it:
        it.openai.plays(answers("Hello.", after_s=4))
        body = json.dumps(QUESTION).encode()
        here, there = it.network.pair(("127.0.0.1", 50_000), it.address)
        here.send_nowait(
            b"POST %b HTTP/1.1\r\nhost: localhost\r\ncontent-length: %d\r\n\r\n" % (CHAT.encode(), len(body))
        )
        here.send_nowait(body)
        it.listener.deliver(there)

        it.gateway.drain()

        client = Client(here)
        assert (await client.read()).status == 200
        assert await client.read_raw() == b""
        client.leave()
        await trio.sleep(10)
        assert it.ended_at == 4


@on_every_engine
@pytest.mark.parametrize("settings", ["", "[cache]\nenabled = true\njoin = true\n"], ids=["alone", "joinable"])
async def test_what_outlasts_the_grace_is_cut(autojump_clock: MockClock, engine: str, settings: str) -> None:
    """25 s after the drain at 2 s: nobody takes a cut answer for a whole one, and the providers are let go."""
    async with running(settings, engine=engine) as it:
        it.openai.plays(stalls, streams("a", then=stalls))
        plain, streamed = await it.connect(), await it.connect()
        await plain.send("POST", CHAT, json_body=QUESTION)
        await trio.testing.wait_all_tasks_blocked()
        await streamed.send("POST", CHAT, json_body=STREAMED)
        assert (await streamed.read_head()).status == 200
        async with trio.open_nursery() as nursery:
            nursery.start_soon(drained_at, it, 2)

            with pytest.raises(h11.RemoteProtocolError):
                await read_to_end(streamed)

        assert trio.current_time() == 27
        told = await plain.read_raw()
        assert told.startswith(b"HTTP/1.1 503 ")
        assert trio.current_time() == 27
        await trio.testing.wait_all_tasks_blocked()
        assert [asked.closed_at for asked in it.openai.asked] == [27, 27]
        plain.leave()
        streamed.leave()
        await trio.testing.wait_all_tasks_blocked()
        assert it.ended_at == 27
        lines = sorted(it.logged("request"), key=lambda line: line["status"])
        outcomes = [(line["outcome"], line["status"], line["error"]) for line in lines]
        assert outcomes == [("error", 200, "shutting_down"), ("error", 503, "shutting_down")]
        assert f"\r\nx-request-id: {lines[1]['correlation_id']}\r\n".encode() in told
        assert it.network.open_streams() == 0


async def test_what_runs_in_the_background_has_no_grace_of_its_own(autojump_clock: MockClock) -> None:
    """A client's call uses the grace up; what the model is asked in the background ends with it."""
    settings = "[server]\ndrain_grace_s = 5\n"
    async with running(settings) as it, trio.open_nursery() as clients:
        it.openai.plays(stalls)
        asked = {"model": "gpt-4o", "input": "Think.", "background": True}
        assert (await it.request("POST", "/v1/responses", json_body=asked)).status == 200
        clients.start_soon(it.ask, QUESTION)
        await drained_at(it, 1)
        await trio.sleep(10)
        assert it.ended_at == 6


@on_every_engine
async def test_a_gateway_with_nothing_to_do_stops_at_once(autojump_clock: MockClock, engine: str) -> None:
    async with running(engine=engine) as it:
        silent = await it.connect()
        assert (await it.ask()).status == 200

        it.gateway.drain()
        await trio.testing.wait_all_tasks_blocked()

        assert (trio.current_time(), it.ended_at) == (0, 0)
        assert await silent.read_raw() == b""
        silent.leave()
        await trio.testing.wait_all_tasks_blocked()
        assert it.network.open_streams() == 0


@on_every_engine
async def test_a_reader_that_stalls_holds_the_end_up_no_longer_than_its_limit(
    autojump_clock: MockClock, engine: str
) -> None:
    """Grace, write stall and a second: 36 s after the drain at the latest."""
    async with running(engine=engine) as it:
        it.openai.plays(streams(*["x" * 30_000] * 100, every_s=1))
        client = await it.connect()
        await client.send("POST", CHAT, json_body=STREAMED)
        await trio.sleep(2)

        it.gateway.drain()
        await trio.sleep(40)

        assert it.ended_at is not None
        assert it.ended_at <= 2 + 36
        client.leave()


@on_every_engine
async def test_a_load_balancer_hears_of_the_end_before_anybody_is_refused(
    autojump_clock: MockClock, engine: str
) -> None:
    """For `drain_delay_s` it is not ready, and serves all the same."""
    async with running("[server]\ndrain_delay_s = 7\n", engine=engine) as it:
        it.openai.plays(answers())
        it.nursery.start_soon(it.gateway.leave)
        await trio.sleep(6)
        ready = await it.request("GET", "/health/ready")
        assert (ready.status, ready.json) == (503, {"status": "draining"})
        assert (await it.ask()).status == 200
        await trio.sleep(1.5)
        with pytest.raises(ConnectionRefusedError):
            await it.connect()
        assert it.ended_at == 7
