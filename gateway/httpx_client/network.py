"""httpcore's network is the World's: `world.connect` below, the edge's TLS above it, and a close that never waits."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable
from typing import Any, Final

import httpcore
import trio

from gateway.edge.tls import TlsStream, open_tls
from gateway.world import Connect, Stream

_RST_STREAM: Final = b"\x00\x00\x04\x03\x00"
"""Length, type and flags of the frame (RFC 9113 section 6.4)."""
_CANCEL: Final = (8).to_bytes(4, "big")


class Wire(httpcore.AsyncNetworkStream):
    """One connection as httpcore reads and writes it; `on_secured` is told of the wire that TLS lays over it.

    What a cancelled write has not sent goes out before what is written next: HTTP/2's frames are never cut short.
    """

    def __init__(self, stream: Stream, on_secured: Callable[[Wire], None]) -> None:
        self.received_bytes = 0
        self.is_closed = False
        self._stream = stream
        self._on_secured = on_secured
        self._unsent = bytearray()

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """What has arrived. Raises httpcore.ReadError."""
        while True:
            try:
                await self._stream.wait_readable()
                data = self._stream.receive_nowait(max_bytes)
            except trio.WouldBlock:
                continue
            except (OSError, trio.ClosedResourceError) as loss:
                raise httpcore.ReadError("the connection was lost") from loss
            self.received_bytes += len(data)
            return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Sends all of it. Raises httpcore.WriteError."""
        self._unsent += buffer
        try:
            while not self._flush():
                await self._stream.wait_writable()
        except (OSError, trio.ClosedResourceError) as loss:
            raise httpcore.WriteError("the connection was lost") from loss

    async def aclose(self) -> None:
        self.close()

    def close(self, *, abort: bool = False) -> None:
        """At once; what has not been sent is dropped with `abort`. Twice is harmless."""
        self.is_closed = True
        self._stream.close(abort=abort)

    def reset_stream(self, stream_id: int) -> None:
        """Tells the provider that nobody wants one answer of several any more; httpcore does not. Never blocks."""
        self._unsent += _RST_STREAM + stream_id.to_bytes(4, "big") + _CANCEL
        try:
            self._flush()
        except OSError:
            self.close(abort=True)

    def is_silent(self) -> bool:
        """Whether nothing has come that nobody asked for, nor the end. Only between two answers of HTTP/1.1."""
        try:
            self._stream.receive_nowait(1)
        except trio.WouldBlock:
            return True
        except OSError:
            return False
        return False

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> Wire:
        """Raises OSError (ssl.SSLError among them)."""
        secured = Wire(await open_tls(self._stream, ssl_context, server_hostname or ""), self._on_secured)
        self._on_secured(secured)
        return secured

    def get_extra_info(self, info: str) -> Any:
        if info == "ssl_object" and isinstance(self._stream, TlsStream):
            return self._stream.ssl_object
        return None

    def _flush(self) -> bool:
        """Whether all is sent. Raises OSError."""
        while self._unsent:
            try:
                with memoryview(self._unsent) as unsent:
                    taken = self._stream.send_nowait(unsent)
            except trio.WouldBlock:
                return False
            del self._unsent[:taken]
        return True


class Network(httpcore.AsyncNetworkBackend):
    """Opens connections for one lane; `on_wire` is told of each, and again once TLS lies over it."""

    def __init__(self, connect: Connect, on_wire: Callable[[Wire], None]) -> None:
        self._connect = connect
        self._on_wire = on_wire

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> Wire:
        """Raises OSError (socket.gaierror for names)."""
        wire = Wire(await self._connect(host, port), self._on_wire)
        self._on_wire(wire)
        return wire

    async def sleep(self, seconds: float) -> None:
        await trio.sleep(seconds)
