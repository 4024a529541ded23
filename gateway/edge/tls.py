"""TLS over a world.Stream, with the same readiness interface: OpenSSL works on memory, this moves the bytes.

Sending follows OpenSSL's own contract: after WouldBlock the next call must offer the same bytes again. They are
already encrypted, and count as taken once the transport has them all; so nothing is ever left to be flushed.
"""

from __future__ import annotations

import errno
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import trio

from gateway.world import Stream

_TRANSPORT_BYTES: Final = 64 * 1024
_ENCRYPT_BYTES: Final = 64 * 1024
"""How much is encrypted ahead of what the transport has taken."""


def client_context(ca_file: str | None = None, *, http2: bool = False) -> ssl.SSLContext:
    """Verifies names and chains against the system's authorities, or those in `ca_file`; costs about 20 ms.

    Raises OSError, ssl.SSLError for a file that holds none.
    """
    context = ssl.create_default_context(cafile=ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Python before 3.11.4 (Debian 12 has one) sets it: a body that ends with its connection could be cut by anybody.
    context.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
    context.set_alpn_protocols(["h2", "http/1.1"] if http2 else ["http/1.1"])
    return context


async def open_tls(transport: Stream, context: ssl.SSLContext, host: str) -> TlsStream:
    """Shakes hands as a client of `host`; takes the transport over. Raises OSError (ssl.SSLError among them)."""
    stream = TlsStream(transport, context, host)
    try:
        await stream.shake_hands()
    except BaseException:
        transport.close(abort=True)
        raise
    return stream


class TlsStream:
    """A `gateway.world.Stream`; made by `open_tls`."""

    __slots__ = ("_encrypted", "_failure", "_held", "_incoming", "_outgoing", "_starved", "_tls", "_transport")

    def __init__(self, transport: Stream, context: ssl.SSLContext, host: str) -> None:
        self._transport = transport
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self._encrypted = b""
        """What the transport has not taken yet."""
        self._held = 0
        """How many of the caller's bytes stand encrypted in there."""
        self._starved = False
        """Whether OpenSSL has nothing more to give until the transport brings something."""
        self._failure: OSError | None = None

    async def shake_hands(self) -> None:
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush()
                await self._transport.wait_readable()
                with suppress(trio.WouldBlock):
                    self._pull()
            except ssl.SSLError:
                # The other side is owed the alert that says why.
                with suppress(trio.WouldBlock, OSError):
                    self._flush_nowait()
                raise
            else:
                await self._flush()
                return

    @property
    def ssl_object(self) -> ssl.SSLObject:
        """What was agreed on, protocol and certificates."""
        return self._tls

    @property
    def peer(self) -> tuple[str, int]:
        return self._transport.peer

    def receive_nowait(self, max_bytes: int) -> bytes:
        if self._failure is not None:
            raise self._failure
        pieces: list[bytes] = []
        while max_bytes > 0:
            try:
                piece = self._tls.read(max_bytes)
            except ssl.SSLWantReadError:
                self._starved = True
                if pieces:
                    break
                self._pull()
                continue
            except ssl.SSLZeroReturnError:
                break
            except OSError as failure:
                self._failure = failure
                if pieces:
                    break
                raise
            if not piece:
                break
            pieces.append(piece)
            max_bytes -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def send_nowait(self, data: bytes | bytearray | memoryview) -> int:
        if not self._held:
            self._flush_nowait()
            self._held = self._tls.write(memoryview(data)[:_ENCRYPT_BYTES])
        self._flush_nowait()
        taken, self._held = self._held, 0
        return taken

    async def wait_readable(self) -> None:
        if self._starved:
            await self._transport.wait_readable()
        else:
            await trio.lowlevel.checkpoint()

    async def watch_readable(self, on_readable: Callable[[], bool]) -> None:
        goes_on = True

        def look() -> bool:
            nonlocal goes_on
            goes_on = on_readable()
            # What OpenSSL still has is not seen by whoever watches the transport.
            return goes_on and self._starved

        while goes_on:
            if self._starved:
                await self._transport.watch_readable(look)
            else:
                await trio.lowlevel.checkpoint()
                look()

    def is_quiet(self) -> bool:
        return self._starved and self._transport.is_quiet()

    async def wait_writable(self) -> None:
        await self._transport.wait_writable()

    def send_eof(self) -> None:
        raise OSError(errno.EOPNOTSUPP, "TLS connections are not closed by halves here")

    def close(self, *, abort: bool = False) -> None:
        if not abort:
            # The notice of closing is a courtesy: a peer that cannot take it now does without.
            with suppress(trio.WouldBlock, OSError):
                self._say_goodbye()
        self._transport.close(abort=abort)

    def _say_goodbye(self) -> None:
        with suppress(ssl.SSLWantReadError):
            self._tls.unwrap()
        self._flush_nowait()

    def _pull(self) -> None:
        """Brings what the transport has to OpenSSL. Raises trio.WouldBlock, OSError."""
        data = self._transport.receive_nowait(_TRANSPORT_BYTES)
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()
        self._starved = False

    def _flush_nowait(self) -> None:
        """Hands the transport all that is encrypted. Raises trio.WouldBlock when it does not take it all."""
        if self._outgoing.pending:
            self._encrypted += self._outgoing.read()
        while self._encrypted:
            self._encrypted = self._encrypted[self._transport.send_nowait(self._encrypted) :]

    async def _flush(self) -> None:
        while True:
            try:
                self._flush_nowait()
            except trio.WouldBlock:
                await self._transport.wait_writable()
            else:
                return
