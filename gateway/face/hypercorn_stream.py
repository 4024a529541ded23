"""A connection of the World as Hypercorn wants one: a Trio stream with a `socket` that knows both ends' names."""

from __future__ import annotations

import socket

import trio

from gateway.world import Stream

RECEIVE_BYTES = 64 * 1024


class SocketNames:
    """All that Hypercorn asks of a stream's socket."""

    def __init__(self, peer: tuple[str, int], local: tuple[str, int]) -> None:
        self._peer = peer
        self._local = local

    @property
    def family(self) -> socket.AddressFamily:
        host = self._peer[0]
        if host == "unix":
            return socket.AF_UNIX
        return socket.AF_INET6 if ":" in host else socket.AF_INET

    def getpeername(self) -> tuple[str, int]:
        return self._peer

    def getsockname(self) -> tuple[str, int]:
        return self._local


class TrioStream(trio.abc.HalfCloseableStream):
    """A Stream by readiness as a Trio stream."""

    def __init__(self, stream: Stream, local: tuple[str, int]) -> None:
        self._stream = stream
        self._closed = False
        self.socket = SocketNames(stream.peer, local)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await trio.lowlevel.checkpoint_if_cancelled()
        rest = memoryview(data)
        while rest:
            self._check_open()
            try:
                rest = rest[self._stream.send_nowait(rest) :]
            except trio.WouldBlock:
                await self._stream.wait_writable()
            except OSError as error:
                raise trio.BrokenResourceError from error
        await trio.lowlevel.cancel_shielded_checkpoint()

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint_if_cancelled()
        await self._stream.wait_writable()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        await trio.lowlevel.checkpoint_if_cancelled()
        while True:
            self._check_open()
            try:
                data = self._stream.receive_nowait(max_bytes or RECEIVE_BYTES)
            except trio.WouldBlock:
                await self._stream.wait_readable()
            except OSError as error:
                raise trio.BrokenResourceError from error
            else:
                await trio.lowlevel.cancel_shielded_checkpoint()
                return data

    async def send_eof(self) -> None:
        await trio.lowlevel.checkpoint()
        self._check_open()
        try:
            self._stream.send_eof()
        except OSError as error:
            raise trio.BrokenResourceError from error

    async def aclose(self) -> None:
        self._closed = True
        self._stream.close()
        await trio.lowlevel.checkpoint()

    def _check_open(self) -> None:
        if self._closed:
            raise trio.ClosedResourceError
