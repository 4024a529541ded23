"""An HTTP proxy, in memory or on sockets: it opens tunnels, forwards plain requests, and notes what it was asked."""

from __future__ import annotations

import base64
from typing import Protocol
from urllib.parse import urlsplit

import trio

from gateway.world import Listener, Stream

HOST, PORT = "proxy.test", 3128
USER, PASSWORD = "user", "a-password"
ADDRESS = f"http://{HOST}:{PORT}"
ADDRESS_WITH_PASSWORD = f"http://{USER}:{PASSWORD}@{HOST}:{PORT}"


class Network(Protocol):
    """In memory, or real."""

    async def listen(self, host: str, port: int) -> Listener: ...

    async def connect(self, host: str, port: int) -> Stream: ...


class Proxy:
    """With `wants_password` it lets nobody else pass."""

    def __init__(self, network: Network, *, wants_password: bool = False) -> None:
        self.asked: list[bytes] = []
        """The first line of each request."""
        self._network = network
        self._wants_password = wants_password

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        listener = await self._network.listen(HOST, PORT)
        task_status.started()
        try:
            async with trio.open_nursery() as nursery:
                while True:
                    nursery.start_soon(self._serve, await listener.accept())
        finally:
            listener.close()

    async def _serve(self, client: Stream) -> None:
        head, rest = await _read_head(client)
        line, _, fields = head.partition(b"\r\n")
        self.asked.append(line)
        if self._wants_password and _credentials() not in fields:
            await _send(client, b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n")
            client.close()
            return
        method, target, version = line.split(b" ")
        if method == b"CONNECT":
            host, _, port = target.decode().rpartition(":")
            provider = await self._network.connect(host, int(port))
            await _send(client, b"HTTP/1.1 200 Connected\r\n\r\n")
        else:
            url = urlsplit(target.decode())
            provider = await self._network.connect(url.hostname or "", url.port or 80)
            await _send(provider, b"%b %b %b\r\n%b\r\n\r\n" % (method, url.path.encode(), version, fields) + rest)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_pump, client, provider)
            nursery.start_soon(_pump, provider, client)


async def _pump(source: Stream, sink: Stream) -> None:
    """Until either ends, and then both do."""
    try:
        while data := await _receive(source):
            await _send(sink, data)
    except (OSError, trio.ClosedResourceError):
        sink.close(abort=True)
    finally:
        sink.close()
        source.close()


async def _read_head(stream: Stream) -> tuple[bytes, bytes]:
    received = b""
    while b"\r\n\r\n" not in received:
        received += await _receive(stream)
    head, _, rest = received.partition(b"\r\n\r\n")
    return head, rest


async def _receive(stream: Stream) -> bytes:
    while True:
        await stream.wait_readable()
        try:
            return stream.receive_nowait(65_536)
        except trio.WouldBlock:
            continue


async def _send(stream: Stream, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[stream.send_nowait(rest) :]
        except trio.WouldBlock:
            await stream.wait_writable()


def _credentials() -> bytes:
    return b"Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode())
