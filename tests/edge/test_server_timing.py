"""Clients that take their time, to the second."""

from __future__ import annotations

import json

import pytest
import trio
import trio.testing

from tests.edge.hostile import CHUNKED
from tests.edge.serving import GET, get, last, piece, post, serving, start, whole
from tests.memory_network import MemoryNetwork


async def test_slow_headers_time_out_after_ten_seconds(autojump_clock):
    """However it dribbles; the clock starts with the first byte of a request."""
    async with serving() as house:
        client = await house.client()
        await house.hello(client)
        await trio.sleep(20)

        async def dribble() -> None:
            for byte in GET:
                await client.send(bytes([byte]))
                await trio.sleep(1)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(dribble)
            answer = await client.answer()
            assert (answer.status, answer.at) == (408, 30)
            assert json.loads(answer.body)["error"]["code"] == "request_timeout"
            nursery.cancel_scope.cancel()
        await client.end()
        await house.hello()


async def test_a_silent_connection_is_closed_after_ten_seconds(autojump_clock):
    """Without a word, as nothing was asked; empty lines are not a request."""
    async with serving() as house:
        silent, empty = await house.client(), await house.client()
        await trio.sleep(5)
        await empty.send(b"\r\n\r\n")
        assert await silent.end() == 10
        assert await empty.end() == 10


async def test_an_idle_connection_is_closed_after_75_seconds(autojump_clock):
    """Counted from the last answer."""
    async with serving() as house:
        client = await house.client()
        await house.hello(client)
        await trio.sleep(70)
        await house.hello(client)
        assert await client.end() == 145


async def test_a_short_body_that_stops_is_refused_before_the_app_is_called(autojump_clock):
    """Thirty seconds after its last byte."""
    async with serving() as house:
        client = await house.client()
        await client.send(post("/echo", b"0123456789")[:-5])
        await trio.sleep(29)
        await client.send(b"5")
        answer = await client.answer()
        assert (answer.status, answer.at) == (408, 59)
        await client.end()
        assert house.app.calls == []


@pytest.mark.parametrize("framing", ["length", "chunked"])
async def test_a_long_body_that_stops_cancels_the_app(autojump_clock, framing):
    """A chunk extension that goes on and on is no progress."""
    async with serving() as house:
        client = await house.client()
        fields = "Transfer-Encoding: chunked" if framing == "chunked" else "Content-Length: 100000"
        await client.send(get("/echo", fields, method="POST"))
        await trio.sleep(29)
        await client.send(b"1\r\nx\r\n1;")
        await trio.sleep(20)
        if framing == "chunked":
            await client.send(b"extension")
        answer = await client.answer()
        assert (answer.status, answer.at) == (408, 59)
        assert house.app.cancelled_at == [59]
        await client.end()
        await house.hello()


async def test_a_body_that_comes_slowly_but_surely_is_read(autojump_clock):
    async with serving() as house:
        client = await house.client()
        await client.send(post("/echo", b"0123456789")[:-10])
        for digit in b"0123456789":
            await trio.sleep(29.5)
            await client.send(bytes([digit]))
        answer = await client.answer()
        assert (answer.body, answer.at) == (b"0123456789", 295)


async def test_head_and_body_have_each_their_own_time(autojump_clock):
    """Nine seconds for the head, twenty-nine for the body."""
    async with serving() as house:
        client = await house.client()
        head, body = post("/echo", b"hello")[:-5], b"hello"
        await client.send(head[:10])
        await trio.sleep(9)
        await client.send(head[10:])
        await trio.sleep(29)
        answer = await client.ask(body)
        assert (answer.body, answer.at) == (b"hello", 38)


async def test_no_limit_of_the_request_outlives_the_request(autojump_clock):
    """Once a streamed body is complete the app may take its time."""

    async def app(scope, receive, send):
        while (await receive())["more_body"]:
            pass
        await trio.sleep(1000)
        await whole(send, b"at last")

    async with serving(app) as house:
        client = await house.client()
        await client.send(CHUNKED)
        await trio.sleep(1)
        answer = await client.ask(b"5\r\nhello\r\n0\r\n\r\n")
        assert (answer.body, answer.at) == (b"at last", 1001)


async def test_a_go_ahead_that_nobody_follows_times_out(autojump_clock):
    """The thirty seconds begin with the go-ahead, not before."""

    async def app(scope, receive, send):
        await trio.sleep(100)
        await receive()
        await whole(send, b"never")

    async with serving(app) as house:
        client = await house.client()
        head = get("/", "Expect: 100-continue", "Content-Length: 5", method="POST")
        interim = await client.ask(head)
        assert (interim.status, interim.at) == (100, 100)
        answer = await client.answer()
        assert (answer.status, answer.at) == (408, 130)


async def test_a_client_that_does_not_read_is_cut_after_ten_seconds(autojump_clock):
    """The app is cancelled at the same moment; no more than the network's window has been sent."""
    async with serving() as house:
        client = await house.client()
        await client.send(get("/endless"))
        await trio.sleep(60)
        assert house.app.cancelled_at == [10]
        assert house.connections() == 0
        assert house.network.streams[3].sent_bytes <= 65 * 1024
        assert await client.reset() == 60
        await house.hello()


async def test_a_client_that_reads_slowly_is_not_cut(autojump_clock):
    """As long as it takes some bytes every ten seconds."""
    async with serving(network=MemoryNetwork(max_receive_bytes=10_000)) as house:
        client = await house.client()
        await client.send(get("/endless"))
        for _ in range(10):
            await trio.sleep(9)
            await client.read(10_000)
        assert house.app.cancelled_at == []
        client.abort()
        await trio.testing.wait_all_tasks_blocked()
        assert house.app.cancelled_at == [90]


async def test_a_client_that_caught_up_is_not_cut_for_earlier_slowness(autojump_clock):
    """It stalls for nine seconds, then takes everything; the app is silent for longer than the limit."""

    async def app(scope, receive, send):
        await start(send)
        await piece(send, b"x" * 100_000)
        await trio.sleep(20)
        await last(send)

    async with serving(app) as house:
        client = await house.client()
        await client.send(GET)
        await trio.sleep(9)
        answer = await client.answer()
        assert (len(answer.body), answer.at) == (100_000, 29)
