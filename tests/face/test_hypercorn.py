"""Hypercorn, contained: whatever one client does, its neighbours get their answers and nothing is left behind."""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from gateway.edge.limits import ServerLimits
from gateway.edge.server import untold
from gateway.edge.service import OnRefusal
from gateway.errors import GatewayError, describe
from gateway.face.app import create_app
from gateway.face.hypercorn_engine import HypercornServer
from gateway.world import Listener, Stream
from tests.face.engines import serving
from tests.face.house import QUESTION, House, answers
from tests.face.http_client import Client
from tests.memory_network import MemoryListener, MemoryNetwork

CHAT = "/v1/chat/completions"
POST = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n"
ASK = {**QUESTION, "stream": True}

HOSTILE = {
    "garbage": b"\x00\x01\x02\r\n\r\n",
    "no version": b"GET /\r\n\r\n",
    "no host": b"GET /health HTTP/1.1\r\n\r\n",
    "both framings": POST + b"content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": POST + b"content-length: 3\r\ncontent-length: 4\r\n\r\nabcd",
    "malformed chunk": POST + b"transfer-encoding: chunked\r\n\r\nzz\r\nabc\r\n",
    "malformed chunk behind a good one": POST + b"transfer-encoding: chunked\r\n\r\n1\r\n{\r\nzz\r\n",
    "malformed chunk racing a refusal": b"PUT" + POST[4:] + b"transfer-encoding: chunked\r\n\r\n1\r\n{\r\nzz\r\n",
    "huge header": POST + b"x: " + b"y" * 200_000 + b"\r\n\r\n",
    "unknown coding": POST + b"transfer-encoding: gzip\r\n\r\n",
    "path beyond ASCII": b"GET /\xff\xfe HTTP/1.1\r\nhost: localhost\r\n\r\n",
    "empty path": b"GET ?a=b HTTP/1.1\r\nhost: localhost\r\n\r\n",
    "asterisk": b"OPTIONS * HTTP/1.1\r\nhost: localhost\r\n\r\n",
    "connect": b"CONNECT localhost:443 HTTP/1.1\r\nhost: localhost:443\r\n\r\n",
    "prior knowledge of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
    "upgrade to HTTP/2": b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade, http2-settings\r\n"
    b"upgrade: h2c\r\nhttp2-settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n",
    "websocket": b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
    b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n",
    "bad host": b"GET /health HTTP/1.1\r\nhost: a b\r\n\r\n",
    "bytes behind the request": POST + b"content-length: 2\r\n\r\n{}garbage garbage\r\n\r\n",
    "half a head": POST,
}


@pytest.mark.parametrize("hot_routes", ["hypercorn", "hypercorn-quart-only"])
@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
async def test_a_hostile_client_hurts_nobody_but_itself(
    autojump_clock: MockClock, hot_routes: str, hostile: bytes
) -> None:
    async with serving(hot_routes) as face:
        neighbour = await face.connect()
        assert (await neighbour.request("POST", CHAT, json_body=QUESTION)).status == 200
        client = await face.connect()
        await client.send_raw(hostile[:100_000])
        await trio.testing.wait_all_tasks_blocked()

        assert (await neighbour.request("POST", CHAT, json_body=QUESTION)).status == 200

        client.leave()
        neighbour.leave()
        await trio.sleep(200)
        assert face.network.open_streams() == 0
        assert face.house.budget.used == 0


@pytest.mark.parametrize(
    ("hostile", "status"),
    [
        ("garbage", 400),
        ("two lengths", 400),
        ("both framings", 400),
        ("bad host", 400),
        ("huge header", 431),
        ("upgrade to HTTP/2", 200),
        ("websocket", 200),
    ],
)
async def test_what_hypercorn_itself_refuses_is_an_error_object_too(
    autojump_clock: MockClock, hostile: str, status: int
) -> None:
    """And an upgrade that nobody offers is simply not taken."""
    async with serving("hypercorn") as face:
        client = await face.connect()
        await client.send_raw(HOSTILE[hostile][:100_000])
        head = await client.read_raw_head()

    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"content-type: application/json" in head.lower()


async def test_many_header_fields_are_refused_as_the_edge_does(autojump_clock: MockClock) -> None:
    """A hundred are taken, one more is a 431 in the client's dialect; it has its id and its line all the same."""
    told: list[tuple[bytes, str]] = []

    def on_refusal(target: bytes, fields: Mapping[bytes, bytes], refusal: GatewayError) -> bytes:
        told.append((target, fields[b"x-0"].decode() + refusal.message))
        return b"its-id"

    async with bounded(ServerLimits(), on_refusal) as (_, network, _):
        client = Client(await network.connect("127.0.0.1", 80))
        fields = {f"x-{number}": "v" for number in range(99)}  # beside host
        assert (await client.request("GET", "/health", headers=fields)).status == 200
        reply = await client.request("GET", "/v1/messages", headers={**fields, "one-more": "v"})
        assert (reply.status, reply.json["type"], reply.header("x-request-id")) == (431, "error", "its-id")
        client.leave()
    assert told == [(b"/v1/messages", "vThe request has more than 100 header fields.")]


async def test_what_it_refuses_itself_is_told_as_it_is_answered(autojump_clock: MockClock) -> None:
    """With as much of the request as had been read."""
    told: list[tuple[bytes, bytes | None, int]] = []

    def on_refusal(target: bytes, fields: Mapping[bytes, bytes], refusal: GatewayError) -> bytes:
        told.append((target, fields.get(b"host"), describe(refusal).status))
        return b"its-id"

    async with bounded(ServerLimits(), on_refusal) as (_, network, _):
        for_messages = HOSTILE["both framings"].replace(b"chat/completions", b"messages")
        for hostile, target, host, status in (
            (HOSTILE["both framings"], b"/v1/chat/completions", b"localhost", 400),
            (for_messages, b"/v1/messages", b"localhost", 400),
            (HOSTILE["huge header"], b"", None, 431),
            (HOSTILE["unknown coding"], b"", None, 501),
        ):
            client = Client(await network.connect("127.0.0.1", 80))
            await client.send_raw(hostile[:100_000])
            head, _, body = (await client.read_raw()).partition(b"\r\n\r\n")
            assert body.startswith(b'{"type":"error",') == (hostile is for_messages), "in the dialect of who asks"
            assert (int(head[9:12]), b"\r\nx-request-id: its-id\r\n" in head + b"\r\n") == (status, True)
            assert told.pop() == (target, host, status)
            client.leave()
    assert told == []


async def test_a_slow_upload_that_is_refused_is_read_to_its_end(autojump_clock: MockClock) -> None:
    """Three seconds between pieces, twenty-seven in all; one that never stops is left after thirty."""
    async with bounded(ServerLimits()) as (_, network, _):
        for pieces, status in ((10, b"413"), (20, None)):
            client = Client(await network.connect("127.0.0.1", 80))
            await client.send_raw(POST + b"content-length: 1000000000\r\n\r\n")
            try:
                for piece in range(pieces):
                    await trio.sleep(3 if piece > 1 else 0.5)
                    await client.send_raw(b"x" * 10_000)
            except OSError:
                assert (status, piece) == (None, 12)
            else:
                assert (await client.read_raw_head())[9:12] == status
            client.leave()


async def test_those_who_part_are_bounded_in_number(autojump_clock: MockClock) -> None:
    """The third takes the first one's place, long before it has been silent for too long."""
    async with bounded(ServerLimits(max_parting=2)) as (_, network, _):
        clients = [Client(await network.connect("127.0.0.1", 80)) for _ in range(3)]
        for client in clients:
            await client.send_raw(POST + b"content-length: 1000000000\r\n\r\n")
            await trio.testing.wait_all_tasks_blocked()
        assert [network.streams[1 + 2 * number].closed for number in range(3)] == [True, False, False]
        assert trio.current_time() == 0
        for client in clients:
            client.leave()


async def test_a_client_that_stops_reading_does_not_hold_up_the_drain(autojump_clock: MockClock) -> None:
    """A large plain answer that nobody reads: the grace ends, then the write stall, then it is over."""
    async with serving("hypercorn") as face:
        face.house.router.play = answers(b"x" * 1_000_000)
        client = await face.connect()
        await client.send("POST", CHAT, json_body=QUESTION)
        await trio.testing.wait_all_tasks_blocked()

        face.server.drain(5)
        await trio.testing.wait_all_tasks_blocked()
        await trio.sleep(10.5)

        assert face.network.streams[1].closed


async def test_a_slow_but_steady_reader_gets_a_large_answer_whole(autojump_clock: MockClock) -> None:
    """The write stall is about standing still: 1 MB in 64 KiB windows, five seconds each, takes over a minute."""
    async with serving("hypercorn") as face:
        body = b"x" * 1_000_000
        face.house.router.play = answers(body)
        client = await face.connect()
        await client.send("POST", CHAT, json_body=QUESTION)
        assert (await client.read_head()).status == 200
        size = 0
        while (piece := await client.read_piece()) is not None:
            size += len(piece)
            await trio.sleep(5)

        assert size == len(body)
        assert trio.current_time() > 60
        assert (await face.told()).outcome == "ok"


async def test_an_idle_connection_ends_with_its_client(autojump_clock: MockClock) -> None:
    async with serving("hypercorn") as face:
        client = await face.connect()
        assert (await client.request("GET", "/health")).status == 200
        await trio.testing.wait_all_tasks_blocked()
        client.leave()
        await trio.testing.wait_all_tasks_blocked()

        assert face.network.open_streams() == 0
        assert trio.current_time() == 0


async def test_an_idle_connection_ends_after_its_time(autojump_clock: MockClock) -> None:
    """Also behind a disconnect that cancelled the app's last step: the timer runs all the same."""
    async with serving("hypercorn") as face:
        client = await face.connect()
        for _ in range(2):
            assert (await client.request("POST", CHAT, json_body=QUESTION)).status == 200
        assert await client.read_raw() == b""

    assert trio.current_time() == 75


async def test_a_drain_ends_idle_connections_at_once_and_lets_the_others_finish(autojump_clock: MockClock) -> None:
    async with serving("hypercorn") as face:
        face.house.router.play = answers(after_s=3)
        idle, busy = await face.connect(), await face.connect()
        assert (await idle.request("GET", "/health")).status == 200
        await busy.send("POST", CHAT, json_body=QUESTION)
        await trio.testing.wait_all_tasks_blocked()

        face.server.drain(25)

        assert await idle.read_raw() == b""
        assert trio.current_time() == 0
        assert (await busy.read()).status == 200
        assert trio.current_time() == 3
        with pytest.raises(ConnectionRefusedError):
            await face.connect()


async def test_disconnects_are_seen_behind_a_silent_stream(autojump_clock: MockClock) -> None:
    async with serving("hypercorn") as face:
        face.house.router.streams(after_s=100)
        client = await face.connect()
        await client.send("POST", CHAT, json_body=ASK)
        await trio.sleep(50)
        client.stream.close()

        record = await face.told()

    assert (record.status, record.ended_at) == (499, 50)


async def test_failing_to_accept_passes(autojump_clock: MockClock) -> None:
    """Out of file descriptors, for instance: a tenth of a second later the next one comes in."""
    house = House()
    server = HypercornServer(
        create_app(house.services),
        limits=ServerLimits(),
        clock=trio.current_time,
        wall_clock=lambda: 0.0,
        on_crash=lambda crash, _scope: pytest.fail(repr(crash)),
    )
    network = MemoryNetwork()
    listener = ShakyListener(await network.listen("127.0.0.1", 80), failures=3)
    async with trio.open_nursery() as nursery:
        await nursery.start(server.serve, [listener])
        client = Client(await network.connect("127.0.0.1", 80))
        assert (await client.request("GET", "/health")).status == 200
        assert trio.current_time() == pytest.approx(0.3)
        client.leave()
        server.drain(0)


@asynccontextmanager
async def bounded(
    limits: ServerLimits, on_refusal: OnRefusal = untold
) -> AsyncIterator[tuple[HypercornServer, MemoryNetwork, MemoryListener]]:
    """A server within these limits."""
    server = HypercornServer(
        create_app(House().services),
        limits=limits,
        clock=trio.current_time,
        wall_clock=lambda: 0.0,
        on_crash=lambda crash, _scope: pytest.fail(repr(crash)),
        on_refusal=on_refusal,
    )
    network = MemoryNetwork()
    listener = await network.listen("127.0.0.1", 80)
    async with trio.open_nursery() as nursery:
        await nursery.start(server.serve, [listener])
        yield server, network, listener
        server.drain(1)
    assert network.open_streams() == 0


async def test_a_head_has_its_time_and_a_body_or_a_pause_is_not_part_of_it(autojump_clock: MockClock) -> None:
    """10 s by default: for one that never begins, for one that goes on a byte a second, and for a second request's."""
    async with bounded(ServerLimits()) as (_, network, _):
        silent, slow, later = [Client(await network.connect("127.0.0.1", 80)) for _ in range(3)]
        assert (await later.request("GET", "/health")).status == 200
        closed_at: list[float] = []

        async def dawdle() -> None:
            with suppress(OSError):
                for byte in POST + b"x: " + b"y" * 100:
                    await slow.send_raw(bytes([byte]))
                    await trio.sleep(1)

        async def see_closed(client: Client) -> None:
            await client.read_raw()
            closed_at.append(trio.current_time())
            client.leave()

        async with trio.open_nursery() as clients:
            for client in (silent, slow, later):
                clients.start_soon(see_closed, client)
            clients.start_soon(dawdle)
            await trio.sleep(20)
            await later.send_raw(POST[:20])
        assert closed_at == [10, 10, 30]


async def test_at_most_so_many_are_connected_and_the_next_one_waits(autojump_clock: MockClock) -> None:
    async with bounded(ServerLimits(max_connections=2)) as (_, network, listener):
        first, second, third = [Client(await network.connect("127.0.0.1", 80)) for _ in range(3)]
        for client in (first, second):
            assert (await client.request("GET", "/health")).status == 200
        assert len(listener.waiting) == 1
        first.leave()
        assert (await third.request("GET", "/health")).status == 200
        assert trio.current_time() == 0
        for client in (second, third):
            client.leave()


class ShakyListener:
    """Fails a few times before it works."""

    def __init__(self, listener: Listener, *, failures: int) -> None:
        self._listener = listener
        self._failures = failures

    @property
    def address(self) -> tuple[str, int]:
        return self._listener.address

    async def accept(self) -> Stream:
        if self._failures:
            self._failures -= 1
            raise OSError(errno.EMFILE, "Too many open files")
        return await self._listener.accept()

    def accept_nowait(self) -> Stream:
        return self._listener.accept_nowait()

    def close(self) -> None:
        self._listener.close()


async def test_what_came_while_the_process_stood_still_has_come_in_time(autojump_clock: MockClock) -> None:
    """Stopped, or starved, for longer than clients may take: nobody is cut for what the kernel had all along."""
    whole = b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n"
    async with bounded(ServerLimits()) as (_, network, _):
        for stands_still_s in (20.0, 80.0):
            kept, midway, fresh = [[Client(await network.connect("127.0.0.1", 80)) for _ in range(5)] for _ in range(3)]
            for client in kept:
                assert (await client.request("GET", "/health")).status == 200
            for client in midway:
                await client.send_raw(whole[:10])
            await trio.testing.wait_all_tasks_blocked()
            for client in (*fresh, *kept):
                client.stream.send_nowait(whole)
            for client in midway:
                client.stream.send_nowait(whole[10:])
            autojump_clock.jump(stands_still_s)
            for client in (*fresh, *kept, *midway):
                assert (await client.read_raw_head()).startswith(b"HTTP/1.1 200 ")
                client.leave()
        sends = Client(await network.connect("127.0.0.1", 80))
        await sends.send_raw(POST + b"content-length: 4\r\n\r\n{")
        await trio.testing.wait_all_tasks_blocked()
        sends.stream.send_nowait(b"}!!")
        autojump_clock.jump(40)
        assert (await sends.read_raw_head()).startswith(b"HTTP/1.1 400 ")  # and not 408
        sends.leave()
        silent = Client(await network.connect("127.0.0.1", 80))
        await trio.testing.wait_all_tasks_blocked()
        autojump_clock.jump(20)
        assert await silent.read_raw() == b""
        silent.leave()
