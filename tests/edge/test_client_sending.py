"""Requests that do not go out in one piece: slow readers, early answers, connections lost on the way."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from gateway.errors import UpstreamReset
from tests.edge.conftest import on_both_clients
from tests.edge.upstream import OK, Wire, answering, ask, counted, read_answer, upstream
from tests.memory_network import MemoryNetwork

LARGE = b"x" * 1_000_000


async def answer_early(wire: Wire) -> None:
    """Refuses a request whose body it has not read, and reads no more of it."""
    await wire.stream.wait_readable()
    await wire.send(b"HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\nno")


async def test_an_answer_before_the_request_is_sent_is_used_and_the_rest_not_sent(autojump_clock: MockClock) -> None:
    async with upstream(answer_early) as (client, server):
        response = await ask(client, body=LARGE)
        assert response.status == 413
        assert await response.read(10) == b"no"
        assert counted(client).open == 0
        assert server.wires[0].stream.received_bytes == 0
        response.close()


async def test_an_answer_before_the_request_is_sent_may_be_long(autojump_clock: MockClock) -> None:
    async def script(wire: Wire) -> None:
        await wire.stream.wait_readable()
        await wire.send(b"HTTP/1.1 413 Too Large\r\ncontent-length: 300000\r\n\r\n" + bytes(300_000))

    async with upstream(script) as (client, _):
        assert await read_answer(client, body=LARGE) == bytes(300_000)
        assert counted(client).open == 0


@on_both_clients
async def test_an_interim_answer_does_not_stop_a_request(autojump_clock: MockClock) -> None:
    async def script(wire: Wire) -> None:
        await wire.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        await trio.sleep(1)
        assert (await wire.request()).endswith(LARGE)
        await wire.send(OK)

    async with upstream(script) as (client, _):
        assert await read_answer(client, body=LARGE) == b"ok"
        assert counted(client).idle == 1


@pytest.mark.parametrize("size", [10_000, 65_536, 65_537, 1_000_000])
@on_both_clients
async def test_a_slow_reader_gets_the_whole_request(size: int, autojump_clock: MockClock) -> None:
    async def script(wire: Wire) -> None:
        wire.stream.max_receive_bytes = 5000
        await trio.sleep(1)
        assert (await wire.request()).endswith(b"\r\n\r\n" + b"x" * size)
        await wire.send(OK)

    async with upstream(script, network=MemoryNetwork(window_bytes=9000)) as (client, _):
        assert await read_answer(client, body=b"x" * size) == b"ok"
        assert counted(client).idle == 1


@on_both_clients
async def test_a_connection_lost_while_sending_is_a_reset_and_replaced_if_it_was_kept(
    autojump_clock: MockClock,
) -> None:
    async def script(wire: Wire) -> None:
        await answering(OK)(wire)
        await wire.stream.wait_readable()
        wire.stream.close(abort=True)

    async def read_whole(wire: Wire) -> None:
        assert (await wire.request()).endswith(LARGE)
        await wire.send(OK)

    async with upstream(script, read_whole) as (client, server):
        assert await read_answer(client) == b"ok"
        assert await read_answer(client, body=LARGE) == b"ok"
        assert len(server.wires) == 2
    async with upstream(lose_at_once) as (client, _):
        with pytest.raises(UpstreamReset):
            await read_answer(client, body=LARGE)


async def lose_at_once(wire: Wire) -> None:
    await wire.stream.wait_readable()
    wire.stream.close(abort=True)


@on_both_clients
async def test_an_answer_sent_before_an_orderly_close_is_found_although_sending_fails(
    autojump_clock: MockClock,
) -> None:
    """The upstream answers, reads all there is so far, and closes; our next piece breaks the pipe."""

    async def script(wire: Wire) -> None:
        await wire.stream.wait_readable()
        await wire.send(b"HTTP/1.1 429 Too Many Requests\r\ncontent-length: 2\r\n\r\nno")
        while True:
            try:
                wire.stream.receive_nowait(65536)
            except trio.WouldBlock:
                break
        wire.stream.close()

    async with upstream(script) as (client, _):
        response = await ask(client, body=LARGE)
        assert response.status == 429
        assert await response.read(10) == b"no"
        response.close()
