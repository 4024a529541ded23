"""Answers after which a connection is not kept, on real sockets: they are whole, whoever hears of their bytes first."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest
import trio

from gateway.edge import sockets
from gateway.edge.client import ClientLimits, UpstreamClient
from gateway.edge.read_poll import open_read_poll
from gateway.errors import UpstreamBroken, UpstreamTooLarge
from gateway.providers.profile import Origin

LIMIT_BYTES = 1_000_000
BODY = b'{"said": "all"}'
LENGTH = b"content-length: %d\r\n" % len(BODY)
CHUNKS = b"8\r\n" + BODY[:8] + b"\r\n%x\r\n" % (len(BODY) - 8) + BODY[8:] + b"\r\n0\r\n\r\n"
WHOLE = {
    "closing": [b"HTTP/1.1 200 OK\r\nconnection: close\r\n" + LENGTH + b"\r\n" + BODY],
    "closing, the body later": [b"HTTP/1.1 200 OK\r\nconnection: close\r\n" + LENGTH + b"\r\n", BODY],
    "closing, in chunks": [b"HTTP/1.1 200 OK\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n" + CHUNKS],
    "closing, in chunks that come later": [
        b"HTTP/1.1 200 OK\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n",
        CHUNKS[:13],
        CHUNKS[13:],
    ],
    "closing, as far as it goes": [b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n", BODY],
    "of HTTP/1.0": [b"HTTP/1.0 200 OK\r\n" + LENGTH + b"\r\n" + BODY],
    "with more behind it": [b"HTTP/1.1 200 OK\r\n" + LENGTH + b"\r\n" + BODY + b"HTTP/1.1 200 OK\r\n"],
    "a refusal that closes": [
        b"HTTP/1.1 429 Too Many\r\nretry-after: 7\r\nconnection: close\r\n" + LENGTH + b"\r\n" + BODY
    ],
    "chunked, and a space": [b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked \r\n\r\n" + CHUNKS],
}
BROKEN = {
    "no HTTP": ([b"HTTP/1.1 200 OK\r\nno field\r\n\r\n"], UpstreamBroken, "is not valid HTTP"),
    "chunks that are none": (
        [b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", b"wrong\r\n"],
        UpstreamBroken,
        "is not valid HTTP",
    ),
    "a coding nobody asked for": (
        [b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n"],
        UpstreamBroken,
        "transfer coding",
    ),
    "fields without end": ([b"HTTP/1.1 200 OK\r\nx: " + b"x" * 200_000], UpstreamTooLarge, "headers beyond the bound"),
    "cut": (
        [b"HTTP/1.1 200 OK\r\nconnection: close\r\n" + LENGTH + b"\r\n" + BODY[:5]],
        UpstreamBroken,
        "in the middle",
    ),
}


@pytest.fixture(params=[True, False], ids=["watched by a poll", "waited for through Trio"])
async def client(request: pytest.FixtureRequest, nursery: trio.Nursery) -> UpstreamClient:
    poll = open_read_poll() if request.param else None
    if poll is not None:
        nursery.start_soon(poll.run)
    connect = partial(sockets.connect, poll=poll)
    return UpstreamClient(connect=connect, clock=time.monotonic, limits=ClientLimits(), ca_file=None)


@asynccontextmanager
async def provider(pieces: list[bytes]) -> AsyncIterator[Origin]:
    """Answers with these pieces, one after the other, to one who has waited for each; then it closes."""

    async def serve(stream: trio.SocketStream) -> None:
        async with stream:
            asked = b""
            while not asked.endswith(b"{}"):
                asked += await stream.receive_some()
            for piece in pieces:
                await trio.testing.wait_all_tasks_blocked(0.005)
                await stream.send_all(piece)

    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, serve, listeners)
        yield Origin("http", "127.0.0.1", listeners[0].socket.getsockname()[1])
        nursery.cancel_scope.cancel()


async def read_answer(client: UpstreamClient, origin: Origin) -> bytes:
    response = await client.request(origin, b"POST", b"/", [], b"{}")
    try:
        return await response.read(LIMIT_BYTES)
    finally:
        response.close()


@pytest.mark.parametrize("pieces", WHOLE.values(), ids=WHOLE.keys())
async def test_a_whole_answer_is_whole_though_its_connection_ends_with_it(
    client: UpstreamClient, pieces: list[bytes]
) -> None:
    async with provider(pieces) as origin:
        assert await read_answer(client, origin) == BODY
        client.close()


@pytest.mark.parametrize(("pieces", "failure", "why"), BROKEN.values(), ids=BROKEN.keys())
async def test_a_broken_one_says_what_is_wrong_with_it(
    client: UpstreamClient, pieces: list[bytes], failure: type[Exception], why: str
) -> None:
    async with provider(pieces) as origin:
        with pytest.raises(failure, match=why):
            await read_answer(client, origin)
        client.close()
