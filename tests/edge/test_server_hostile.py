"""Hostile clients: each gets what it deserves, and the neighbour its answer."""

from __future__ import annotations

import json

import pytest
import trio
import trio.testing

from gateway.edge.limits import ServerLimits
from tests.edge.hostile import BROKEN, CHUNKED
from tests.edge.serving import GET, Client, House, get, post, serving
from tests.memory_network import MemoryNetwork

TIMES = 40


async def refused(house: House, wire: bytes, status: int) -> None:
    """One client sends `wire` and reads an OpenAI error object, then the end."""
    client = await house.client()
    answer = await client.ask(wire)
    assert answer.status == status
    assert answer.headers["connection"] == "close"
    assert answer.headers["content-type"] == "application/json"
    error = json.loads(answer.body)["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error"
    await client.end()
    client.close()


@pytest.mark.parametrize("name", BROKEN)
async def test_a_broken_request_is_refused_and_hurts_nobody(autojump_clock, name):
    """Forty clients at once send it, the neighbour keeps asking, and nobody waits."""
    wire, status = BROKEN[name]
    async with serving() as house:
        async with trio.open_nursery() as nursery:
            for _ in range(TIMES):
                nursery.start_soon(refused, house, wire, status)
            for _ in range(TIMES):
                await house.hello()
        await house.hello()
        assert trio.current_time() == 0
        assert set(house.app.calls) <= {"/"}


@pytest.mark.parametrize("name", ["two lengths", "chunk longer than its size", "bare LF after a field"])
async def test_what_follows_a_broken_request_is_never_read_as_one(autojump_clock, name):
    """The smuggled request behind it does not reach the app."""
    wire, status = BROKEN[name]
    async with serving() as house:
        await refused(house, wire + get("/smuggled"), status)
        assert "/smuggled" not in house.app.calls


async def test_garbage_behind_a_request_comes_after_its_answer(autojump_clock):
    """In one piece or while the answer is being made: first the answer, then the refusal."""
    async with serving() as house:
        for early in (True, False):
            client = await house.client()
            await client.send(get("/second") + (b"\0garbage" if early else b""))
            await trio.sleep(0.5)
            await client.send(b"\0garbage")
            assert (await client.answer()).body == b"after a second"
            assert (await client.answer()).status == 400
            await client.end()
        await house.hello()


@pytest.mark.parametrize("wire", [post("/echo", b"hello"), get("/stream"), CHUNKED + b"5\r\nhello\r\n0\r\n\r\n"])
@pytest.mark.parametrize("abort", [True, False], ids=["reset", "close"])
async def test_a_client_that_leaves_after_any_byte_hurts_nobody(autojump_clock, wire, abort):
    """Forty neighbours' requests, and a departure at every byte of a request."""
    async with serving() as house:
        for size in range(len(wire) + 1):
            client = await house.client()
            await client.send(wire[:size])
            await trio.testing.wait_all_tasks_blocked()
            client.stream.close(abort=abort)
            await house.hello()
            await trio.testing.wait_all_tasks_blocked()
            assert house.connections() == 0
        assert trio.current_time() == 0


async def test_a_request_split_at_any_byte_is_answered_alike(autojump_clock):
    """With a pause at every place where one may be."""
    wire = post("/echo", b"hello", "Expect: 100-continue")
    async with serving() as house:
        client = await house.client()
        for cut in range(1, len(wire)):
            await client.send(wire[:cut])
            await trio.testing.wait_all_tasks_blocked()
            await client.send(wire[cut:])
            answer = await client.answer()
            if answer.status == 100:
                answer = await client.answer()
            assert answer.body == b"hello"


async def test_a_refusal_that_nobody_reads_does_not_hold_the_connection(autojump_clock):
    """The client sends garbage, reads nothing and closes its side: all ends."""
    async with serving(network=MemoryNetwork(window_bytes=10)) as house:
        stalled, gone = await house.client(), await house.client()
        await stalled.send(b"\0")
        await gone.send(b"\0")
        await trio.sleep(5)
        gone.stream.send_eof()
        await trio.testing.wait_all_tasks_blocked()
        assert house.connections() == 1
        await trio.sleep(5.5)
        assert house.connections() == 0


async def test_a_flood_behind_a_refusal_that_nobody_reads_is_bounded(autojump_clock):
    """Until the refusal is out nothing is dropped, and no more than a read beyond the bound is kept."""
    async with serving(network=MemoryNetwork(window_bytes=100, max_receive_bytes=100)) as house:
        client = await house.client()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.send, b"\0" * 1_000_000)
            await trio.sleep(9)
            assert house.network.streams[3].received_bytes <= 64 * 1024 + 200
            nursery.cancel_scope.cancel()
        await trio.sleep(1.5)
        assert house.connections() == 0


async def test_a_malformed_chunk_behind_a_full_buffer_is_still_refused(autojump_clock):
    """The read that fills the buffer also holds the mistake."""
    limits = ServerLimits(body_buffer_bytes=1000)
    async with serving(limits=limits) as house:
        client = await house.client()
        await client.send(get("/deaf", "Transfer-Encoding: chunked", method="POST"))
        await trio.sleep(1)
        await client.send(b"7d0\r\n%b\r\nzz\r\n" % (b"x" * 2000))
        answer = await client.answer()
        assert (answer.status, answer.at) == (400, 1)


async def test_a_malformed_chunk_cancels_the_app_and_is_refused(autojump_clock):
    """The app was waiting for the body, or for something else."""
    async with serving() as house:
        for path in ("/echo", "/deaf"):
            client = await house.client()
            await client.send(get(path, "Transfer-Encoding: chunked", method="POST") + b"5\r\nhello\r\n")
            await trio.sleep(1)
            await client.send(b"zz\r\n")
            assert (await client.answer()).status == 400
            await client.end()
        assert house.app.cancelled_at == [1, 2]
        await house.hello()


async def test_a_malformed_chunk_after_the_answer_has_begun_cuts_it(autojump_clock):
    """There is no way left to say so."""
    async with serving() as house:
        client = await house.client()
        await client.send(get("/stream", "Transfer-Encoding: chunked", method="POST"))
        await trio.sleep(1.5)
        await client.send(b"zz\r\n")
        assert await client.reset() == 1.5
        assert house.app.cancelled_at == [1.5]


async def test_a_malformed_chunk_racing_an_early_answer_hurts_nobody(autojump_clock):
    """At every distance between the two the client reads the early answer or the refusal, then the end."""
    async with serving() as house:
        for distance in range(12):
            client = await house.client()
            await client.send(get("/early", "Transfer-Encoding: chunked", method="POST"))
            for _ in range(distance):
                await trio.lowlevel.checkpoint()
            await client.send(b"zz\r\n")
            assert (await client.answer()).status in (400, 401)
            await client.end()
            await house.hello()


async def test_a_chunked_body_beyond_the_limit_is_refused_while_the_app_runs(autojump_clock):
    """413, readable although the client went on sending."""
    async with serving(limits=ServerLimits(body_bytes=100_000)) as house, trio.open_nursery() as nursery:
        client = await house.client()
        wire = get("/echo", "Transfer-Encoding: chunked", method="POST") + b"2710\r\n%b\r\n" % (b"x" * 10_000) * 20
        nursery.start_soon(client.send, wire)
        assert (await client.answer()).status == 413
        await client.end()
        await house.hello()


async def test_a_huge_body_is_refused_from_its_head_and_the_client_can_read_that(autojump_clock):
    """It is still sending when the answer comes; no reset destroys it."""
    async with serving(limits=ServerLimits(body_bytes=100_000)) as house, trio.open_nursery() as nursery:
        client = await house.client()
        nursery.start_soon(client.send, post("/echo", b"x" * 1_000_000))
        await trio.sleep(0.5)
        assert (await client.answer()).status == 413
        assert house.app.calls == []


async def test_huge_and_many_headers_are_refused(autojump_clock):
    """64 KiB and 100 fields, in one piece or in many."""
    huge = b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 70_000 + b"\r\n\r\n"
    many = get("/", *(f"X-{number}: y" for number in range(100)))
    endless = b"GET /" + b"a" * 200_000
    async with serving() as house:
        for wire in (huge, many, endless):
            async with trio.open_nursery() as nursery:
                for _ in range(TIMES):
                    nursery.start_soon(refused_while_sending, house, wire)
            await house.hello()


async def refused_while_sending(house: House, wire: bytes) -> None:
    client = await house.client()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(client.send, wire)
        assert (await client.answer()).status == 431
        await client.end()
    client.close()


async def test_a_flood_of_pipelined_requests_does_not_keep_the_neighbour_waiting(autojump_clock):
    """Two thousand requests in one read: the neighbour is answered among them."""
    async with serving() as house, trio.open_nursery() as nursery:
        client = await house.client()
        nursery.start_soon(client.send, GET * 2000)
        await client.answer()
        await house.hello()
        assert house.server.statistics().requests < 500
        for _ in range(1999):
            assert (await client.answer()).body == b"hello"


async def test_forty_of_each_at_once(autojump_clock):
    """Everything together: slow heads, slow bodies, readers that stall, floods, resets, garbage."""

    async def hostile(client: Client, wire: bytes) -> None:
        try:
            await client.send(wire)
            await trio.sleep(20)
            await client.rest()
        except OSError:
            pass
        client.abort()

    wires = [
        GET[:-2],
        post("/echo", b"hello")[:-1],
        get("/echo", "Content-Length: 100000", method="POST") + b"x",
        get("/endless"),
        get("/forever") + GET * 100,
        get("/deaf", "Content-Length: 300000", method="POST") + b"x" * 299_999,
        *(wire for wire, _ in BROKEN.values()),
    ]
    async with serving() as house:
        async with trio.open_nursery() as nursery:
            for wire in wires * TIMES:
                nursery.start_soon(hostile, await house.client(), wire)
            for _ in range(60):
                await house.hello()
                await trio.sleep(1)
            nursery.cancel_scope.cancel()
        await house.hello()
