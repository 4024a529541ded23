"""Services beside the gateway on the network in memory: they answer as scripted, by path."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import trio

from tests.memory_network import MemoryNetwork
from tests.whole.gateways import Running, running
from tests.whole.upstream import Asked, Script, Upstream, sends

CMS = "cms.test"
ORCHESTRATOR = "orchestrator.test"


class Neighbour(Upstream):
    """Plays the script of the path that is asked for; health checks are noted apart."""

    def __init__(self, network: MemoryNetwork, host: str) -> None:
        super().__init__(network, host)
        self.by_path: dict[str, Script] = {}
        self.health: Script = sends({"status": "ok"})
        self.looked_at: list[float] = []

    def says(self, path: str, document: Any, **options: Any) -> None:
        self.by_path[path] = sends(document, **options)

    async def _play(self, asked: Asked) -> None:
        path = asked.target.decode()
        if path == "/health":
            self.looked_at.append(trio.current_time())
            await self.health(asked)
            return
        self.asked.append(asked)
        await self.by_path[path](asked)


@asynccontextmanager
async def beside(
    host: str, settings: str = "", *, environ: dict[str, str] | None = None, **options: Any
) -> AsyncIterator[tuple[Running, Neighbour]]:
    """A gateway that runs beside a service at `host`."""
    async with _beside((host,), settings, environ=environ, **options) as (it, (neighbour,)):
        yield it, neighbour


BOTH = {"CMS_URL": f"http://{CMS}", "CODE_ORCHESTRATOR_URL": f"http://{ORCHESTRATOR}"}


@asynccontextmanager
async def beside_both(
    settings: str = "", *, environ: dict[str, str] | None = None, **options: Any
) -> AsyncIterator[tuple[Running, Neighbour, Neighbour]]:
    """A gateway that runs beside the Context Management Service and the Code Orchestrator Service."""
    environ = {**BOTH, **(environ or {})}
    async with _beside((CMS, ORCHESTRATOR), settings, environ=environ, **options) as (it, (cms, orchestrator)):
        yield it, cms, orchestrator


@asynccontextmanager
async def _beside(
    hosts: Sequence[str], settings: str, **options: Any
) -> AsyncIterator[tuple[Running, list[Neighbour]]]:
    network = MemoryNetwork()
    neighbours = [Neighbour(network, host) for host in hosts]
    async with trio.open_nursery() as nursery:
        for neighbour in neighbours:
            await nursery.start(neighbour.run)
        async with running(settings, network=network, **options) as it:
            yield it, neighbours
        nursery.cancel_scope.cancel()
