"""The HTTP server as a supervised child: which engine serves the app, and with which limits."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict
from ssl import SSLContext
from typing import TYPE_CHECKING, Any

import trio

from gateway.config.settings import Server
from gateway.edge.kept_listener import KeptListener
from gateway.edge.limits import ServerLimits
from gateway.edge.server import EdgeServer
from gateway.errors import GatewayError
from gateway.exchange import Handler
from gateway.face.app import App
from gateway.face.asgi_exchange import Receive, Scope, Send
from gateway.world import World

if TYPE_CHECKING:
    from gateway.face.hypercorn_engine import HypercornServer

OnCrash = Callable[[BaseException, Mapping[str, Any] | None], None]
"""Takes what an engine's own code raised, and the scope of the request that it served."""


class Door:
    """The app for an engine, which outlasts it: each request is for what is settled when it comes."""

    __slots__ = ("_settled",)

    def __init__(self, settled: Callable[[], App]) -> None:
        self._settled = settled

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        return self._settled()(scope, receive, send)

    def handler_of(self, method: str, path: str) -> Handler | None:
        """Who answers a hot request past ASGI."""
        return self._settled().handler_of(method, path)

    def turned_away(self, target: bytes, fields: Mapping[bytes, bytes], refusal: GatewayError) -> bytes:
        """The id of a request that the engine itself refuses."""
        return self._settled().turned_away(target, fields, refusal)


class Front:
    """One life of the HTTP server; what it listens on outlives it."""

    def __init__(
        self, engine: EdgeServer | HypercornServer, listeners: Sequence[KeptListener], *, grace_s: float
    ) -> None:
        self._engine = engine
        self._listeners = listeners
        self._grace_s = grace_s

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serves until drained."""
        await self._engine.serve(self._listeners, task_status=task_status)

    def stop(self) -> None:
        self._engine.drain(self._grace_s)

    def view(self) -> dict[str, Any]:
        """This child's detail in /admin/actors."""
        return asdict(self._engine.statistics()) if isinstance(self._engine, EdgeServer) else {}


def tls_of(settings: Server) -> SSLContext | None:
    """What clients are served with, None where that is plain HTTP. Raises OSError, ssl.SSLError: it reads the files."""
    if not settings.tls_cert:
        return None
    from gateway.face.hypercorn_engine import tls_context

    return tls_context(settings.tls_cert, settings.tls_key)


# Who serves on the edge does not wait for Hypercorn to be imported.


def engine_of(
    settings: Server, world: World, door: Door, tls: SSLContext | None, on_crash: OnCrash
) -> EdgeServer | HypercornServer:
    """The engine that the configuration names."""
    if settings.engine == "hypercorn":
        from gateway.face.hypercorn_engine import HypercornServer, HypercornSettings

        return HypercornServer(
            door,
            settings=HypercornSettings(
                header_limit_bytes=settings.header_bytes,
                header_count=settings.header_count,
                header_s=settings.header_s,
                max_connections=settings.max_connections,
                keep_alive_s=settings.keep_alive_s,
                write_stall_s=settings.write_stall_s,
                tls=tls,
            ),
            clock=world.clock,
            wall_clock=world.wall_clock,
            on_crash=on_crash,
            on_refusal=door.turned_away,
        )
    return EdgeServer(
        door,
        limits=ServerLimits(
            header_bytes=settings.header_bytes,
            header_count=settings.header_count,
            header_s=settings.header_s,
            body_bytes=settings.body_bytes,
            body_progress_s=settings.body_progress_s,
            keep_alive_s=settings.keep_alive_s,
            write_stall_s=settings.write_stall_s,
            max_connections=settings.max_connections,
        ),
        clock=world.clock,
        wall_clock=world.wall_clock,
        on_crash=on_crash,
        on_refusal=door.turned_away,
        handler_of=door.handler_of,
    )
