"""The HTTP server as a supervised child: which engine serves the app, and with which limits."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from ssl import SSLContext
from typing import Any, Protocol

import trio

from gateway.config.settings import Server
from gateway.edge.kept_listener import KeptListener
from gateway.edge.limits import ServerLimits
from gateway.edge.server import EdgeServer
from gateway.errors import GatewayError
from gateway.exchange import Handler
from gateway.face.app import App
from gateway.face.asgi_exchange import Receive, Scope, Send
from gateway.world import Listener, World

OnCrash = Callable[[BaseException, Mapping[str, Any] | None], None]
"""Takes what an engine's own code raised, and the scope of the request that it served."""


class Door:
    """The app for an engine, which outlasts it: each request is for what is settled when it comes."""

    __slots__ = ("_settled",)

    def __init__(self, settled: Callable[[], App]) -> None:
        self._settled = settled

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        return self._settled()(scope, receive, send)

    def handler_of(self, asked: tuple[str, str]) -> Handler | None:
        """Who answers a hot request past ASGI, by its method and path."""
        return self._settled().handler_of(asked)

    def turned_away(self, target: bytes, fields: Mapping[bytes, bytes], refusal: GatewayError) -> bytes:
        """The id of a request that the engine itself refuses."""
        return self._settled().turned_away(target, fields, refusal)


class Engine(Protocol):
    """What serves HTTP: the edge's server, or Hypercorn."""

    async def serve(self, listeners: Sequence[Listener], *, task_status: trio.TaskStatus[None]) -> None:
        """Until it is drained; closes the listeners."""
        ...

    def drain(self, grace_s: float) -> None:
        """No new connections; what is under way may end within the grace."""
        ...

    def view(self) -> dict[str, Any]: ...


class Front:
    """One life of the HTTP server; what it listens on outlives it."""

    def __init__(self, engine: Engine, listeners: Sequence[KeptListener], *, grace_s: float) -> None:
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
        return self._engine.view()


def tls_of(settings: Server) -> SSLContext | None:
    """What clients are served with, None where that is plain HTTP. Raises OSError, ssl.SSLError: it reads the files."""
    if not settings.tls_cert:
        return None
    from gateway.face.hypercorn_engine import tls_context

    return tls_context(settings.tls_cert, settings.tls_key)


# Who serves on the edge does not wait for Hypercorn to be imported.


def engine_of(settings: Server, world: World, door: Door, tls: SSLContext | None, on_crash: OnCrash) -> Engine:
    """The engine that the configuration names."""
    limits = ServerLimits.of(settings)
    if settings.engine == "hypercorn":
        from gateway.face.hypercorn_engine import HypercornServer

        return HypercornServer(
            door,
            limits=limits,
            tls=tls,
            clock=world.clock,
            wall_clock=world.wall_clock,
            on_crash=on_crash,
            on_refusal=door.turned_away,
        )
    return EdgeServer(
        door,
        limits=limits,
        clock=world.clock,
        wall_clock=world.wall_clock,
        on_crash=on_crash,
        on_refusal=door.turned_away,
        handler_of=door.handler_of,
    )
