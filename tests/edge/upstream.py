"""A scripted upstream on a memory network, and the client that asks it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import trio

from gateway.edge.client import ClientLimits, UpstreamClient
from gateway.edge.pool import PoolStatistics
from gateway.edge.response import UpstreamResponse
from gateway.httpx_client.client import HttpxClient
from gateway.httpx_client.endings import Endings
from gateway.providers.profile import Origin
from tests.memory_network import MemoryListener, MemoryNetwork, MemoryStream

ORIGIN = Origin("http", "upstream.test", 80)
LIMIT_BYTES = 1024 * 1024
LONGEST_STORY_S = 3600
"""Virtual seconds: a story in which everybody waits for somebody fails instead of hanging."""

ENGINE = "edge"
"""Which client is asked: "edge" or "httpx"; the fixture `engine` sets it."""

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


class Wire:
    """The upstream's side of one connection."""

    def __init__(self, stream: MemoryStream) -> None:
        self.stream = stream
        self._received = b""

    async def request(self) -> bytes:
        """The next request, head and body; b"" when the client has closed instead."""
        while b"\r\n\r\n" not in self._received:
            if not await self._receive():
                return b""
        head = self._received.partition(b"\r\n\r\n")[0]
        size = len(head) + 4 + _content_length(head)
        while len(self._received) < size:
            if not await self._receive():
                return b""
        request, self._received = self._received[:size], self._received[size:]
        return request

    async def send(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[self.stream.send_nowait(rest) :]
            except trio.WouldBlock:
                await self.stream.wait_writable()

    async def closed_by_client(self) -> bool:
        """Waits for the client's end; True when it came as a reset."""
        try:
            while await self._receive():
                pass
        except ConnectionResetError:
            return True
        return False

    async def _receive(self) -> bool:
        while True:
            await self.stream.wait_readable()
            try:
                data = self.stream.receive_nowait(65536)
            except trio.WouldBlock:
                continue
            self._received += data
            return bool(data)


Script = Callable[[Wire], Awaitable[None]]


def _content_length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        name, _, value = line.partition(b": ")
        if name == b"content-length":
            return int(value)
    return 0


def answering(*answers: bytes, close: bool = False) -> Script:
    """One answer to each request; then silence, or with `close` the end."""

    async def script(wire: Wire) -> None:
        for answer in answers:
            if not await wire.request():
                return
            await wire.send(answer)
        if close:
            wire.stream.close()

    return script


async def answer_for_ever(wire: Wire) -> None:
    while await wire.request():
        await wire.send(OK)


class Upstream:
    """Accepts connections at ORIGIN and runs a script on each: the first script on the first, the last on the rest."""

    def __init__(self, network: MemoryNetwork, listener: MemoryListener, scripts: tuple[Script, ...]) -> None:
        self.network = network
        self.wires: list[Wire] = []
        self._listener = listener
        self._scripts = scripts

    async def run(self) -> None:
        async with trio.open_nursery() as nursery:
            while True:
                wire = Wire(await self._listener.accept())
                script = self._scripts[min(len(self.wires), len(self._scripts) - 1)]
                self.wires.append(wire)
                nursery.start_soon(self._serve, script, wire)

    async def _serve(self, script: Script, wire: Wire) -> None:
        try:
            await script(wire)
        except OSError:
            wire.stream.close()  # the client broke it off; its side of the story is what is tested


@asynccontextmanager
async def upstream(
    *scripts: Script, network: MemoryNetwork | None = None, limits: ClientLimits | None = None
) -> AsyncIterator[tuple[UpstreamClient, Upstream]]:
    """A client, and an upstream that follows `scripts`; afterwards no connection may be busy or half made."""
    network = network or MemoryNetwork()
    listener = await network.listen(ORIGIN.host, ORIGIN.port)
    endings = Endings()
    made_from = {"connect": network.connect, "clock": trio.current_time, "limits": limits or ClientLimits()}
    client: Any = UpstreamClient(**made_from) if ENGINE == "edge" else HttpxClient(endings=endings, **made_from)
    server = Upstream(network, listener, scripts)
    with trio.fail_after(LONGEST_STORY_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.run)
            await nursery.start(endings.run)
            yield client, server
            nursery.cancel_scope.cancel()
    connections = counted(client)
    assert connections.busy == connections.connecting == 0
    client.close()
    assert all(stream.closed for stream in network.streams[::2])


def counted(client: UpstreamClient) -> PoolStatistics:
    """The connections to ORIGIN."""
    return client.statistics().get(ORIGIN, PoolStatistics(busy=0, connecting=0, idle=0))


async def ask(client: UpstreamClient, method: bytes = b"POST", body: bytes = b"{}") -> UpstreamResponse:
    return await client.request(ORIGIN, method, b"/v1/things", [(b"accept", b"*/*")], body)


async def read_answer(client: UpstreamClient, method: bytes = b"POST", body: bytes = b"{}") -> bytes:
    """Asks, reads the whole body piece by piece, and closes."""
    response = await ask(client, method, body)
    try:
        return await response.read(LIMIT_BYTES)
    finally:
        response.close()
