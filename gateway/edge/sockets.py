"""The world's network on real sockets: raw and non-blocking, waited for through Trio's poller.

Trio's own socket objects add a checkpoint and several frames to every call; here a piece that has already arrived
costs one system call.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

import trio

from gateway.edge.read_poll import OnReadable, ReadPoll

BACKLOG = 1024
"""Connections that may wait to be accepted."""
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""SO_LINGER with a linger time of 0: close() sends RST and drops what is unsent."""


class SocketStream:
    """A connected stream socket as a `gateway.world.Stream`; takes the socket over."""

    __slots__ = ("_closed", "_fd", "_peer", "_poll", "_socket")

    def __init__(self, connected: socket.socket, address: object, poll: ReadPoll | None = None) -> None:
        """With a `poll`, which has to run, `watch_readable` costs no task switch for each piece."""
        connected.setblocking(False)
        if connected.family != socket.AF_UNIX:
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = connected
        self._fd = connected.fileno()
        self._peer = _host_and_port(address)
        self._poll = poll
        self._closed = False

    @property
    def peer(self) -> tuple[str, int]:
        return self._peer

    def receive_nowait(self, max_bytes: int) -> bytes:
        try:
            return self._socket.recv(max_bytes)
        except BlockingIOError:
            raise trio.WouldBlock from None

    def send_nowait(self, data: bytes | bytearray | memoryview) -> int:
        try:
            return self._socket.send(data)
        except BlockingIOError:
            raise trio.WouldBlock from None

    def wait_readable(self) -> Coroutine[Any, Any, None]:
        # The descriptor's number may already belong to somebody else after close.
        if self._closed:
            raise trio.ClosedResourceError("this stream is closed")
        # For the caller to await: a coroutine of our own around it would be one more frame for every piece.
        return trio.lowlevel.wait_readable(self._fd)  # noqa: ASYNC105

    def watch_readable(self, on_readable: OnReadable) -> Coroutine[Any, Any, None]:
        if self._closed:
            raise trio.ClosedResourceError("this stream is closed")
        return self._watch_alone(on_readable) if self._poll is None else self._poll.watch(self._fd, on_readable)

    async def _watch_alone(self, on_readable: OnReadable) -> None:
        await self.wait_readable()
        while on_readable():
            await self.wait_readable()

    def is_quiet(self) -> bool:
        return self._poll is not None and self._poll.is_quiet(self._fd)

    async def wait_writable(self) -> None:
        if self._closed:
            raise trio.ClosedResourceError("this stream is closed")
        await trio.lowlevel.wait_writable(self._fd)

    def send_eof(self) -> None:
        self._socket.shutdown(socket.SHUT_WR)

    def close(self, *, abort: bool = False) -> None:
        if self._closed:
            return
        self._closed = True
        trio.lowlevel.notify_closing(self._fd)
        if self._poll is not None:
            self._poll.closing(self._fd)
        if abort and self._socket.family != socket.AF_UNIX:
            # Some systems refuse this for a connection that the peer has reset; it is as good as closed then.
            with suppress(OSError):
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._socket.close()


class SocketListener:
    """A bound and listening socket as a `gateway.world.Listener`; takes the socket over, inherited ones too."""

    __slots__ = ("_address", "_closed", "_fd", "_poll", "_socket")

    def __init__(self, listening: socket.socket, poll: ReadPoll | None = None) -> None:
        """The streams that come in are watched by `poll`, where there is one."""
        listening.setblocking(False)
        self._socket = listening
        self._fd = listening.fileno()
        self._address = _host_and_port(listening.getsockname())
        self._poll = poll
        self._closed = False

    @property
    def address(self) -> tuple[str, int]:
        return self._address

    async def accept(self) -> SocketStream:
        while True:
            if self._closed:
                raise trio.ClosedResourceError("this listener is closed")
            # Waiting first makes every accept a checkpoint: a flood of connections cannot hold up the rest.
            await trio.lowlevel.wait_readable(self._fd)
            try:
                return self.accept_nowait()
            except trio.WouldBlock:
                continue  # another process that shares the socket was faster

    def accept_nowait(self) -> SocketStream:
        if self._closed:
            raise trio.ClosedResourceError("this listener is closed")
        try:
            connected, address = self._socket.accept()
        except BlockingIOError:
            raise trio.WouldBlock from None
        return _adopt(connected, address, self._poll)

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        trio.lowlevel.notify_closing(self._fd)
        self._socket.close()


async def connect(host: str, port: int, *, poll: ReadPoll | None = None) -> SocketStream:
    """Resolves `host` in a thread and connects, happy eyeballs (RFC 8305). Raises OSError, gaierror for names.

    The stream is watched by `poll`, where there is one.
    """
    try:
        stream = await trio.open_tcp_stream(host, port)
    except OSError as failure:
        # Trio says that all attempts failed; what happened to the first says more (refused, no route, ...).
        match failure.__cause__:
            case BaseExceptionGroup(exceptions=(OSError() as first, *_)):
                raise first from failure
        raise
    family, kind, protocol = stream.socket.family, stream.socket.type, stream.socket.proto
    connected = socket.socket(family, kind, protocol, fileno=stream.socket.detach())
    try:
        address = connected.getpeername()
    except OSError:
        connected.close()
        raise
    return _adopt(connected, address, poll)


async def listen(
    host: str, port: int, *, reuse_port: bool = False, backlog: int = BACKLOG, poll: ReadPoll | None = None
) -> SocketListener:
    """Binds `host` and `port` (0 for any free one) and listens; see `bind`.

    The streams that come in are watched by `poll`, where there is one. Raises OSError, gaierror for names.
    """
    listening = await bind(host, port, reuse_port=reuse_port)
    try:
        listening.listen(backlog)
        return SocketListener(listening, poll)
    except OSError:
        listening.close()
        raise


async def bind(host: str, port: int, *, reuse_port: bool = False) -> socket.socket:
    """A socket that is bound and does not listen yet; a name with several addresses prefers IPv4.

    "::" takes IPv4 connections too. Raises OSError, gaierror for names.
    """
    found = await trio.socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, kind, protocol, _, address = min(found, key=lambda entry: entry[0] != socket.AF_INET)
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        bound.bind(address)
    except OSError:
        bound.close()
        raise
    return bound


def _adopt(connected: socket.socket, address: object, poll: ReadPoll | None = None) -> SocketStream:
    """A stream of `connected`, which is closed if that fails (the peer may be gone by now)."""
    try:
        return SocketStream(connected, address, poll)
    except OSError:
        connected.close()
        raise


def _host_and_port(address: object) -> tuple[str, int]:
    """The first two members of an Internet address; Unix sockets have none."""
    match address:
        case (str(host), int(port), *_):
            return host, port
        case _:
            return "unix", 0
