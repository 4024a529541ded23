"""The ways in which the one app is served, so that each API test runs through all of them in virtual time.

The fixture `face` is a Face: its `house` scripts what is behind, its `connect` opens connections. The engines are the
edge and the contained Hypercorn, each with the hot routes and with Quart only. A test that uses it asks for
`autojump_clock` too: pytest-trio takes a clock only from the test itself.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import trio
import trio.testing

from gateway.edge.limits import ServerLimits
from gateway.edge.server import EdgeServer
from gateway.face.app import App, create_app
from gateway.face.hypercorn_engine import HypercornServer
from gateway.face.record import RequestRecord
from tests.face.house import BODY_LIMIT_BYTES, House
from tests.face.http_client import Client
from tests.memory_network import MemoryNetwork

ADDRESS = ("127.0.0.1", 8080)
MONDAY = 1_700_000_000.0
"""What the wall clock says throughout."""

DEADLOCK_S = 1e6
"""Virtual time that passes only when nothing else can happen any more."""

ENGINES = ("edge", "hypercorn", "edge-quart-only", "hypercorn-quart-only")


@dataclass
class Face:
    """One face that is being served."""

    engine: str
    house: House
    network: MemoryNetwork
    server: EdgeServer | HypercornServer
    crashes: list[BaseException]
    """What escaped the app, which nothing should."""

    async def connect(self, *, host: str = "localhost") -> Client:
        return Client(await self.network.connect(*ADDRESS), host=host)

    async def request(self, method: str, target: str, **options: Any) -> Any:
        """One request on a connection of its own."""
        client = await self.connect()
        reply = await client.request(method, target, **options)
        client.leave()
        return reply

    async def ask(self, question: Any, **options: Any) -> Any:
        """One chat request on a connection of its own."""
        return await self.request("POST", "/v1/chat/completions", json_body=question, **options)

    async def told(self) -> RequestRecord:
        """The only record there is, once nobody has anything left to do."""
        await trio.testing.wait_all_tasks_blocked()
        (record,) = self.house.records
        return record

    @property
    def on_edge(self) -> bool:
        return self.engine.startswith("edge")


@asynccontextmanager
async def serving(engine: str, **options: Any) -> AsyncIterator[Face]:
    """A face on `engine`; `options` are the House's."""
    house = House(hot_routes=not engine.endswith("quart-only"), **options)
    crashes: list[BaseException] = []
    server = _server(engine, create_app(house.services), lambda crash, _scope: crashes.append(crash))
    network = MemoryNetwork()
    async with trio.open_nursery() as nursery:
        nursery.cancel_scope.deadline = trio.current_time() + DEADLOCK_S
        await nursery.start(server.serve, [await network.listen(*ADDRESS)])
        yield Face(engine, house, network, server, crashes)
        nursery.cancel_scope.cancel()
    assert trio.current_time() < DEADLOCK_S, "everybody waits for everybody else"
    assert not crashes


def _server(engine: str, app: App, on_crash: Callable[[BaseException, Any], None]) -> EdgeServer | HypercornServer:
    if engine.startswith("edge"):
        limits = ServerLimits(body_bytes=BODY_LIMIT_BYTES)
        return EdgeServer(
            app,
            limits=limits,
            clock=trio.current_time,
            wall_clock=lambda: MONDAY,
            on_crash=on_crash,
            handler_of=app.handler_of,
        )
    return HypercornServer(
        app,
        limits=ServerLimits(),
        clock=trio.current_time,
        wall_clock=lambda: MONDAY,
        on_crash=on_crash,
    )
