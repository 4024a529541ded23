"""The app on Hypercorn, contained (see hypercorn_connection.py): for TLS and HTTP/2, which the edge does not speak.

What Hypercorn cannot do is the edge's alone: to see a client go behind pipelined bytes, and to let a newcomer have the
place of who has been idle for longest.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from email.utils import formatdate
from typing import Any

import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.trio.worker_context import WorkerContext

from gateway.edge.limits import ServerLimits
from gateway.edge.server import untold
from gateway.edge.service import OnRefusal
from gateway.face.asgi_exchange import AsgiApp
from gateway.face.hypercorn_connection import ContainedServer, OnCrash
from gateway.face.hypercorn_farewell import FarewellApp
from gateway.face.hypercorn_heads import BoundedHeads
from gateway.face.hypercorn_stream import TrioStream
from gateway.world import Listener, Stream

ACCEPT_PAUSE_S = 0.1
"""Wait after a failed accept (out of file descriptors, for instance)."""
NEWCOMERS_S = 0.25
"""So long a drain waits for the requests of those who had connected before it and were not let in yet."""


def tls_context(certfile: str, keyfile: str) -> ssl.SSLContext:
    """For HTTP/2 and HTTP/1.1 over TLS 1.2 or later. Reads both files. Raises OSError, ssl.SSLError."""
    config = Config()
    config.certfile = certfile
    config.keyfile = keyfile
    context = config.create_ssl_context()
    assert context is not None, "both files are given"
    return context


class HypercornServer:
    """Serves `app` as the edge's server does: the same life, and of its `limits` those of heads, of stalled writes, of
    idle connections and of their number, at which the next one waits. `tls`: see `tls_context`.

    `on_crash` gets what escapes the app or a connection; it ends that request or connection alone. `on_refusal` is told
    of what is no HTTP.
    """

    def __init__(
        self,
        app: AsgiApp,
        *,
        limits: ServerLimits,
        tls: ssl.SSLContext | None = None,
        clock: Callable[[], float],
        wall_clock: Callable[[], float],
        on_crash: OnCrash,
        on_refusal: OnRefusal = untold,
    ) -> None:
        framework: Any = FarewellApp(BoundedHeads(app, limits.header_count, on_refusal), on_refusal)
        self._app = ASGIWrapper(framework)
        self._limits = limits
        self._tls = tls
        self._clock = clock
        self._config = _Config(limits, wall_clock)
        self._on_crash = on_crash
        self._on_refusal = on_refusal
        self._context = WorkerContext(None)
        self._draining = trio.Event()
        self._places = trio.Semaphore(limits.max_connections)
        """For connections; who waits for the next one holds its place already."""
        self._parting: dict[ContainedServer, None] = {}
        self._listeners: Sequence[Listener] = ()
        self._nursery: trio.Nursery | None = None
        self._newcomers = 0
        """How many were let in when the drain began."""
        self._lives = trio.CancelScope()
        """Around every connection; its deadline is the end of the grace."""

    async def serve(
        self, listeners: Sequence[Listener], *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Serves until `drain` has been called and the last connection has ended; closes the listeners."""
        with self._lives:
            async with trio.open_nursery() as connections:
                self._listeners, self._nursery = listeners, connections
                try:
                    async with trio.open_nursery() as acceptors:
                        for listener in listeners:
                            acceptors.start_soon(self._accept, listener, connections)
                        task_status.started()
                        await self._draining.wait()
                        acceptors.cancel_scope.cancel()
                finally:
                    for listener in listeners:
                        listener.close()
                if self._newcomers:
                    await trio.sleep(NEWCOMERS_S)  # Hypercorn closes what is idle then, whatever has come of a request
                await self._context.terminated.set()

    def drain(self, grace_s: float) -> None:
        """Stops accepting; closes idle connections now, others after their answer or when the grace is over.

        Who has connected by now is still let in.
        """
        self._lives.deadline = self._clock() + grace_s
        if self._nursery is not None and not self._draining.is_set():
            self._accept_those_waiting(self._nursery)
        self._draining.set()

    def view(self) -> dict[str, Any]:
        """Hypercorn counts nothing."""
        return {}

    async def _accept(self, listener: Listener, connections: trio.Nursery) -> None:
        while True:
            await self._places.acquire()
            try:
                stream = await listener.accept()
            except OSError:
                self._places.release()
                await trio.sleep(ACCEPT_PAUSE_S)
            except trio.ClosedResourceError:
                return
            else:
                connections.start_soon(self._serve, stream, listener.address)

    def _accept_those_waiting(self, connections: trio.Nursery) -> None:
        for listener in self._listeners:
            with suppress(trio.WouldBlock, trio.ClosedResourceError, OSError):
                while True:
                    stream = listener.accept_nowait()
                    self._newcomers += 1
                    connections.start_soon(self._serve, stream, listener.address)

    async def _serve(self, stream: Stream, local: tuple[str, int]) -> None:
        plain = TrioStream(stream, local)
        tls = self._tls
        try:
            await ContainedServer(
                self._app,
                self._config,
                self._context,
                plain if tls is None else trio.SSLStream(plain, tls, server_side=True, https_compatible=True),
                limits=self._limits,
                parting=self._parting,
                on_crash=self._on_crash,
                on_refusal=self._on_refusal,
            ).run()
        finally:
            self._places.release()


class _Config(Config):
    """Hypercorn's settings as ours; its Date comes from the world's clock."""

    errorlog = None  # what is worth a line goes to on_crash
    keep_alive_max_requests = 2**31
    read_timeout = None  # any other value cuts long streams

    def __init__(self, limits: ServerLimits, wall_clock: Callable[[], float]) -> None:
        self.h11_max_incomplete_size = limits.header_bytes
        self.h2_max_header_list_size = limits.header_bytes
        self.keep_alive_timeout = limits.keep_alive_s
        self._wall_clock = wall_clock

    def response_headers(self, protocol: str) -> list[tuple[bytes, bytes]]:
        return [(b"date", formatdate(self._wall_clock(), usegmt=True).encode("ascii"))]
