"""The server on real sockets: what only a kernel can show."""

from __future__ import annotations

import os
import resource
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio

from gateway.edge.limits import ServerLimits
from gateway.edge.read_poll import open_read_poll
from gateway.edge.server import EdgeServer
from gateway.edge.sockets import SocketStream, connect, listen
from tests.edge.hostile import BROKEN
from tests.edge.serving import GET, NEIGHBOURS, Client, Paths, beside_neighbour, get, post

SOON_S = 0.5  # ten times what is promised


class Street:
    """A server on loopback, and a neighbour who is connected before anybody else."""

    neighbour: Client

    def __init__(self, server: EdgeServer, app: Any, address: tuple[str, int]) -> None:
        self.server = server
        self.app = app
        self.address = address
        self.drains = False

    def drain(self, grace_s: float) -> None:
        self.drains = True
        self.server.drain(grace_s)

    async def ask_neighbour(self) -> None:
        """The neighbour gets its answer soon; a server that drains has none."""
        if not self.drains:
            with trio.fail_after(SOON_S):
                assert (await self.neighbour.ask(get(NEIGHBOURS))).body == b"hello"
        self.neighbour.close()

    async def client(self) -> Client:
        return Client(await connect(*self.address))

    async def hello(self, client: Client) -> None:
        assert (await client.ask(GET)).body == b"hello"

    async def soon(self, condition: Callable[[], bool]) -> None:
        """Returns when `condition` holds; fails where that takes long."""
        with trio.fail_after(SOON_S):
            while not condition():  # noqa: ASYNC110 - real time has no event for this
                await trio.sleep(0.001)


@asynccontextmanager
async def street(limits: ServerLimits | None = None) -> AsyncIterator[Street]:
    """Its connections are watched by a poll, as in production; the neighbour asks when the story is over."""
    crashes: list[BaseException] = []
    app = Paths()
    server = EdgeServer(
        beside_neighbour(app),
        limits=limits or ServerLimits(),
        clock=trio.current_time,
        wall_clock=time.time,
        on_crash=lambda crash, scope: crashes.append(crash),
    )
    poll = open_read_poll()
    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            if poll is not None:
                nursery.start_soon(poll.run)
            listener = await listen("127.0.0.1", 0, poll=poll)
            async with trio.open_nursery() as serving:
                await serving.start(server.serve, [listener])
                here = Street(server, app, listener.address)
                here.neighbour = await here.client()
                yield here
                await here.ask_neighbour()
                here.drain(0)
            nursery.cancel_scope.cancel()
    assert crashes == []


async def together(times: int, task: Callable[[], Awaitable[None]]) -> None:
    async with trio.open_nursery() as nursery:
        for _ in range(times):
            nursery.start_soon(task)


async def test_broken_requests_are_refused_and_hurt_nobody():
    """Each of them, forty at once; every client reads its refusal and no neighbour waits."""
    async with street() as here:
        for wire, status in BROKEN.values():

            async def refused(wire: bytes = wire, status: int = status) -> None:
                client = await here.client()
                assert (await client.ask(wire)).status == status
                client.close()

            await together(40, refused)
            await here.hello(here.neighbour)


async def test_a_reset_after_every_byte_hurts_nobody():
    wire = post("/echo", b"hello")
    async with street() as here:
        for size in range(len(wire) + 1):
            client = await here.client()
            await client.send(wire[:size])
            client.abort()
            await here.hello(here.neighbour)
        await here.soon(lambda: here.server.statistics().connections == 1)


@pytest.mark.parametrize("behind", [b"", GET * 20], ids=["nothing behind", "pipelined bytes behind"])
@pytest.mark.parametrize("abort", [True, False], ids=["reset", "close"])
async def test_a_disconnect_cancels_the_call_at_once(behind, abort):
    async with street() as here:
        for path in ("/forever", "/endless", "/stream"):
            client = await here.client()
            await client.send(get(path) + behind)
            await here.soon(lambda: here.app.running == 1)
            client.stream.close(abort=abort)
            await here.soon(lambda: here.app.running == 0)
        assert len(here.app.cancelled_at) == 3


async def test_a_refused_upload_can_read_its_refusal():
    """The client sends megabytes to a server that has long answered; no reset destroys the answer."""
    async with street(ServerLimits(body_bytes=100_000)) as here:

        async def upload() -> None:
            client = await here.client()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(client.send, post("/echo", b"x" * 3_000_000))
                await trio.sleep(0.1)
                assert (await client.answer()).status == 413
            client.close()

        await together(5, upload)


async def test_a_reader_that_stalls_is_cut():
    async with street(ServerLimits(write_stall_s=0.2)) as here:
        client = await here.client()
        await client.send(get("/endless"))
        await here.soon(lambda: here.server.statistics().busy == 1)
        with trio.fail_after(2):
            while here.app.running:  # noqa: ASYNC110 - real time has no event for this
                await trio.sleep(0.01)
        assert len(here.app.cancelled_at) == 1
        with pytest.raises(ConnectionResetError):
            await client.rest()
        client.close()


async def test_answers_do_not_wait_for_acknowledgements():
    """TCP_NODELAY: three small writes a stream, and no forty milliseconds between them."""

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200})
        for _ in range(20):
            await send({"type": "http.response.body", "body": b"x", "more_body": True})
        await send({"type": "http.response.body"})

    async with street() as here:
        here.server._service.app = beside_neighbour(app)
        client = await here.client()
        assert isinstance(client.stream, SocketStream)
        begun = time.monotonic()
        for _ in range(5):
            assert (await client.ask(GET)).body == b"x" * 20
        assert time.monotonic() - begun < SOON_S
        client.close()


async def test_where_descriptors_run_out_idle_connections_make_way_and_calls_go_on():
    """Five connect where there is room for none: each takes the place of who is idle, in turn, and gets its answer."""
    async with street(ServerLimits(accept_pause_s=0.01)) as here:
        asking, idle = await here.client(), await here.client()
        await here.hello(idle)
        await asking.send(get("/second"))
        await here.soon(lambda: here.app.running == 1)
        waiting = [socket.socket() for _ in range(5)]
        lowest_free = os.dup(0)
        os.close(lowest_free)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, hard))
        try:
            for client in waiting:
                client.connect(here.address)
                client.sendall(GET)
            for client in waiting:
                answer = await Client(SocketStream(client, here.address)).answer()
                assert answer.body == b"hello"
            assert here.server.statistics().failed_accepts >= 5
            assert (await asking.answer()).body == b"after a second"
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        here.neighbour.close()  # the first to make way
        here.neighbour = await here.client()
        for client in (*waiting, asking, idle):
            client.close()


async def test_what_came_while_the_process_stood_still_has_come_in_time():
    """Stopped, or starved, for longer than clients may take: nobody is cut for what the kernel had all along."""
    limits = ServerLimits(header_s=0.7, keep_alive_s=0.7)
    async with street(limits) as here:
        kept, midway, fresh = [[await here.client() for _ in range(5)] for _ in range(3)]
        for client in kept:
            await here.hello(client)
        for client in midway:
            await client.send(GET[:10])
        await here.soon(lambda: here.server.statistics().idle == 1 + len(fresh) + len(kept))
        for client in (*fresh, *kept):
            client.stream.send_nowait(GET)
        for client in midway:
            client.stream.send_nowait(GET[10:])
        time.sleep(1.3)  # noqa: ASYNC251 - the process stands still
        for client in (*fresh, *kept, *midway):
            assert (await client.answer()).body == b"hello"
            client.close()
        here.neighbour.close()  # which asked for nothing, and was parted with
        here.neighbour = await here.client()


async def test_a_drained_server_lets_its_requests_end():
    async with street() as here:
        client = await here.client()
        await client.send(get("/second"))
        await here.soon(lambda: here.app.running == 1)
        here.drain(5)
        answer = await client.answer()
        assert (answer.body, answer.headers["connection"]) == (b"after a second", "close")
        client.close()
