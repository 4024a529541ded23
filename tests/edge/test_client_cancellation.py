"""A request may be cancelled at any checkpoint: nothing stays open, and the next request works."""

from __future__ import annotations

import random
from functools import partial

import pytest
import trio

from tests.actors.sweep import DisturbAt, sweep
from tests.edge.conftest import on_both_clients
from tests.edge.upstream import OK, Script, Wire, answering, counted, read_answer, upstream
from tests.memory_network import MemoryNetwork


async def stream_events(wire: Wire) -> None:
    while await wire.request():
        await wire.send(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        for _ in range(5):
            await trio.sleep(1)
            await wire.send(b"6\r\nevent\n\r\n")
        await wire.send(b"0\r\n\r\n")


async def close_every_second_time(wire: Wire) -> None:
    await answering(OK)(wire)
    await wire.request()
    wire.stream.close()


async def answer_late(wire: Wire) -> None:
    """Answers when it has read half of a large request."""
    while wire.stream.received_bytes < 150_000:
        await wire.stream.wait_readable()
        wire.stream.receive_nowait(20_000)
        await trio.sleep(1)
    await wire.send(OK)


PLAIN = answering(OK, OK, OK)


@on_both_clients
@pytest.mark.parametrize(
    ("script", "body_bytes"),
    [(PLAIN, 10), (PLAIN, 300_000), (stream_events, 10), (close_every_second_time, 10)],
    ids=["plain", "large", "streamed", "replaced"],
)
def test_a_cancel_at_any_checkpoint_leaves_nothing_behind(script: Script, body_bytes: int) -> None:
    assert sweep(partial(story_of_two_requests, script, body_bytes)) > 5


def test_a_cancel_while_an_answer_overtakes_its_request_leaves_nothing_behind() -> None:
    """The other client does not look for an answer before it has sent all."""
    assert sweep(partial(story_of_two_requests, answer_late, 300_000)) > 5


async def story_of_two_requests(script: Script, body_bytes: int, disturb: DisturbAt) -> None:
    """`upstream` checks at its end that no connection is busy or half made, and none open once the client is closed."""
    network = MemoryNetwork(random.Random(1), window_bytes=40_000)
    async with upstream(script, script, answering(OK), network=network) as (client, _):
        with trio.CancelScope() as scope:
            disturb.arm(scope.cancel)
            for _ in range(2):
                await read_answer(client, body=b"x" * body_bytes)
        connections = counted(client)
        assert connections.busy == connections.connecting == 0
        assert sum(not stream.closed for stream in network.streams[::2]) == connections.idle


@on_both_clients
def test_after_a_cancel_at_any_checkpoint_the_next_request_gets_its_own_answer() -> None:
    """No byte of the abandoned answer is ever taken for the next one's."""

    async def number(wire: Wire) -> None:
        while request := await wire.request():
            asked = request.rpartition(b"\r\n\r\n")[2]
            await wire.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(asked))
            await trio.sleep(1)
            await wire.send(asked)

    async def story(disturb: DisturbAt) -> None:
        async with upstream(number) as (client, _):
            with trio.CancelScope() as scope:
                disturb.arm(scope.cancel)
                assert await read_answer(client, body=b"first") == b"first"
            assert await read_answer(client, body=b"second") == b"second"

    assert sweep(story) > 5
