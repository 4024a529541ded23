"""The world's network in memory, for virtual time: same protocols as real sockets, no thread, no system call.

It is as unkind as TCP may be: a reset destroys what the other side has not read yet, closing with unread bytes resets,
sending to a side that has closed is noticed only by the second try.
"""

from __future__ import annotations

import errno
import random
import socket
from collections import deque
from collections.abc import Callable
from typing import Final

import trio

from gateway.world import Stream

WINDOW_BYTES: Final = 64 * 1024
BACKLOG: Final = 1024
FIRST_FREE_PORT: Final = 49152
CLIENT_HOST: Final = "192.0.2.1"
"""Where connecting sides seem to come from (RFC 5737), unless they say otherwise."""


class MemoryNetwork:
    """Hosts and ports inside one test.

    With `rng`, every receive delivers a random part of what it could; `max_receive_bytes` bounds it for new streams.
    """

    def __init__(
        self,
        rng: random.Random | None = None,
        *,
        window_bytes: int = WINDOW_BYTES,
        max_receive_bytes: int | None = None,
    ) -> None:
        self.rng = rng
        self.window_bytes = window_bytes
        self.max_receive_bytes = max_receive_bytes
        self.connects: list[tuple[str, int]] = []
        """Every attempt to connect, failed ones too."""
        self.streams: list[MemoryStream] = []
        """Both ends of every connection ever made, connecting ends at even places."""
        self._listeners: dict[tuple[str, int], MemoryListener] = {}
        self._failures: dict[tuple[str, int], OSError] = {}
        self._silent: set[tuple[str, int]] = set()
        self._next_port = FIRST_FREE_PORT

    async def connect(self, host: str, port: int, *, source: str = CLIENT_HOST) -> MemoryStream:
        """Comes from `source`. Where nobody listens, ConnectionRefusedError."""
        self.connects.append((host, port))
        await trio.lowlevel.checkpoint()
        if (host, port) in self._silent:
            await trio.sleep_forever()
        if failure := self._failures.get((host, port)):
            raise failure
        listener = self._listeners.get((host, port))
        if listener is None or len(listener.waiting) >= BACKLOG:
            raise ConnectionRefusedError(errno.ECONNREFUSED, f"nobody listens at {host}:{port}")
        ours, theirs = self.pair((source, self._take_port()), (host, port))
        listener.deliver(theirs)
        return ours

    async def listen(self, host: str, port: int) -> MemoryListener:
        """Port 0 takes a free one; a taken one is EADDRINUSE."""
        await trio.lowlevel.checkpoint()
        address = (host, port or self._take_port())
        if address in self._listeners:
            raise OSError(errno.EADDRINUSE, f"{host}:{port} is taken")
        listener = self._listeners[address] = MemoryListener(self, address)
        return listener

    def pair(self, here: tuple[str, int], there: tuple[str, int]) -> tuple[MemoryStream, MemoryStream]:
        """Two connected ends: the one at `here`, the one at `there`."""
        forth, back = Pipe(self.window_bytes), Pipe(self.window_bytes)
        ends = MemoryStream(self, here, there, back, forth), MemoryStream(self, there, here, forth, back)
        self.streams.extend(ends)
        return ends

    def fail(self, host: str, port: int, failure: OSError | None) -> None:
        """From now on connecting there raises `failure` (socket.gaierror, for instance); None ends that."""
        if failure is None:
            self._failures.pop((host, port), None)
        else:
            self._failures[host, port] = failure

    def silence(self, host: str, port: int, silent: bool = True) -> None:
        """From now on connecting there never comes to an end, as behind a firewall that drops packets."""
        (self._silent.add if silent else self._silent.discard)((host, port))

    def open_streams(self) -> int:
        """How many ends are not closed."""
        return sum(not stream.closed for stream in self.streams)

    def forget(self, listener: MemoryListener) -> None:
        """Its address is free again."""
        del self._listeners[listener.address]

    def _take_port(self) -> int:
        self._next_port += 1
        return self._next_port - 1


class MemoryListener:
    """A `gateway.world.Listener`."""

    def __init__(self, network: MemoryNetwork, address: tuple[str, int]) -> None:
        self.waiting: deque[MemoryStream] = deque()
        self._network = network
        self._address = address
        self._arrived = Signal()
        self._closed = False

    @property
    def address(self) -> tuple[str, int]:
        return self._address

    def deliver(self, stream: MemoryStream) -> None:
        """A connection has come in."""
        self.waiting.append(stream)
        self._arrived.wake()

    async def accept(self) -> MemoryStream:
        await trio.lowlevel.checkpoint()
        while True:
            try:
                return self.accept_nowait()
            except trio.WouldBlock:
                await self._arrived.wait()

    def accept_nowait(self) -> MemoryStream:
        if self._closed:
            raise trio.ClosedResourceError("this listener is closed")
        if not self.waiting:
            raise trio.WouldBlock
        return self.waiting.popleft()

    def close(self) -> None:
        """Resets the connections that nobody has accepted."""
        if self._closed:
            return
        self._closed = True
        self._network.forget(self)
        while self.waiting:
            self.waiting.popleft().close(abort=True)
        self._arrived.wake()


class MemoryStream:
    """A `gateway.world.Stream`: one end of a connection."""

    def __init__(
        self, network: MemoryNetwork, here: tuple[str, int], there: tuple[str, int], inward: Pipe, outward: Pipe
    ) -> None:
        self.address = here
        self.closed = False
        self.max_receive_bytes = network.max_receive_bytes
        """At most so many bytes come out of one receive, whatever was asked for."""
        self.received_bytes = 0
        self.sent_bytes = 0
        self._rng = network.rng
        self._peer = there
        self._inward = inward
        self._outward = outward

    @property
    def peer(self) -> tuple[str, int]:
        return self._peer

    def receive_nowait(self, max_bytes: int) -> bytes:
        self._check_open()
        size = min(max_bytes, self.max_receive_bytes or max_bytes)
        if self._rng is not None:
            size = self._rng.randint(1, max(1, min(size, len(self._inward.buffer))))
        data = self._inward.take(size)
        self.received_bytes += len(data)
        return data

    def send_nowait(self, data: bytes | bytearray | memoryview) -> int:
        self._check_open()
        taken = self._outward.put(data)
        self.sent_bytes += taken
        return taken

    async def wait_readable(self) -> None:
        await trio.lowlevel.checkpoint()
        while not self.closed and not self._inward.is_readable():
            await self._inward.readable.wait()
        self._check_not_closed_while_waiting()

    async def watch_readable(self, on_readable: Callable[[], bool]) -> None:
        await self.wait_readable()
        while on_readable():
            await self.wait_readable()

    def is_quiet(self) -> bool:
        return not self.closed and not self._inward.is_readable()

    async def wait_writable(self) -> None:
        await trio.lowlevel.checkpoint()
        while not self.closed and not self._outward.is_writable():
            await self._outward.writable.wait()
        self._check_not_closed_while_waiting()

    def send_eof(self) -> None:
        self._check_open()
        self._outward.end()

    def close(self, *, abort: bool = False) -> None:
        if self.closed:
            return
        self.closed = True
        if abort or self._inward.buffer:
            self._outward.reset()
        else:
            self._outward.end()
        self._inward.abandon(reset=abort)

    def _check_open(self) -> None:
        if self.closed:
            raise OSError(errno.EBADF, "this stream is closed")

    def _check_not_closed_while_waiting(self) -> None:
        if self.closed:
            raise trio.ClosedResourceError("this stream is closed")


class Pipe:
    """One direction of a connection: a bounded buffer between a sender and a receiver."""

    def __init__(self, window_bytes: int) -> None:
        self.buffer = bytearray()
        self.readable = Signal()
        self.writable = Signal()
        self._window_bytes = window_bytes
        self._ended = False
        self._reset = False
        self._abandoned = False
        """The receiver has closed its end."""

    def is_readable(self) -> bool:
        return bool(self.buffer) or self._ended or self._reset

    def is_writable(self) -> bool:
        return len(self.buffer) < self._window_bytes or self._ended or self._reset or self._abandoned

    def take(self, max_bytes: int) -> bytes:
        if self._reset:
            raise ConnectionResetError(errno.ECONNRESET, "the other side has reset the connection")
        if not self.buffer and not self._ended:
            raise trio.WouldBlock
        data = bytes(self.buffer[:max_bytes])
        del self.buffer[:max_bytes]
        self.writable.wake()
        return data

    def put(self, data: bytes | bytearray | memoryview) -> int:
        if self._reset:
            raise ConnectionResetError(errno.ECONNRESET, "the other side has reset the connection")
        if self._ended:
            raise BrokenPipeError(errno.EPIPE, "this direction has ended")
        if self._abandoned:
            # These bytes get a reset for an answer, which the sender learns of when it tries again.
            self._ended = True
            return len(data)
        room = self._window_bytes - len(self.buffer)
        if room <= 0:
            raise trio.WouldBlock
        taken = bytes(data[:room])
        self.buffer += taken
        self.readable.wake()
        return len(taken)

    def end(self) -> None:
        """The sender has no more to say."""
        self._ended = True
        self._wake()

    def reset(self) -> None:
        """The sender is gone; what the receiver has not read yet is lost."""
        self._reset = True
        self.buffer.clear()
        self._wake()

    def abandon(self, *, reset: bool) -> None:
        """The receiver is gone, and the sender is told so at once only by a `reset`."""
        reset = reset or bool(self.buffer)
        self.buffer.clear()
        self._reset = self._reset or reset
        self._abandoned = True
        self._wake()

    def _wake(self) -> None:
        self.readable.wake()
        self.writable.wake()


class Signal:
    """Wakes the one task that waits; a second one gets BusyResourceError, as with a real socket."""

    def __init__(self) -> None:
        self._lot = trio.lowlevel.ParkingLot()

    async def wait(self) -> None:
        if self._lot:
            raise trio.BusyResourceError("another task is already waiting for this")
        await self._lot.park()

    def wake(self) -> None:
        if self._lot:  # mostly nobody does
            self._lot.unpark_all()


class FakeSocket:
    """What Hypercorn asks the socket of a connection for."""

    family = socket.AF_INET

    def __init__(self, here: tuple[str, int], there: tuple[str, int]) -> None:
        self._here = here
        self._there = there

    def getsockname(self) -> tuple[str, int]:
        return self._here

    def getpeername(self) -> tuple[str, int]:
        return self._there


class TrioStream(trio.abc.HalfCloseableStream):
    """A stream by readiness as one of Trio's own kind."""

    def __init__(self, stream: Stream, here: tuple[str, int]) -> None:
        self.socket = FakeSocket(here, stream.peer)
        self._stream = stream
        self._closed = False

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        await trio.lowlevel.checkpoint()
        while True:
            self._check_open()
            try:
                return self._stream.receive_nowait(max_bytes or WINDOW_BYTES)
            except trio.WouldBlock:
                await self._stream.wait_readable()
            except OSError as failure:
                raise trio.BrokenResourceError(str(failure)) from failure

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await trio.lowlevel.checkpoint()
        with memoryview(data) as rest:
            sent = 0
            while sent < len(rest):
                self._check_open()
                try:
                    sent += self._stream.send_nowait(rest[sent:])
                except trio.WouldBlock:
                    await self._stream.wait_writable()
                except OSError as failure:
                    raise trio.BrokenResourceError(str(failure)) from failure

    async def wait_send_all_might_not_block(self) -> None:
        self._check_open()
        await self._stream.wait_writable()

    async def send_eof(self) -> None:
        await trio.lowlevel.checkpoint()
        self._check_open()
        try:
            self._stream.send_eof()
        except OSError as failure:
            raise trio.BrokenResourceError(str(failure)) from failure

    async def aclose(self) -> None:
        self._closed = True
        self._stream.close()
        await trio.lowlevel.checkpoint()

    def _check_open(self) -> None:
        if self._closed:
            raise trio.ClosedResourceError("this stream is closed")


def as_trio_stream(stream: Stream, address: tuple[str, int] = ("203.0.113.1", 80)) -> TrioStream:
    """`stream` for code written against Trio's own streams; `address` is this side's, where it does not say."""
    return TrioStream(stream, getattr(stream, "address", address))
