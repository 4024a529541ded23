"""The workers behind one port among themselves: each listens for the others on a Unix socket, and asks them on theirs.

What only one worker knows (its actors, its figures, a response that it keeps or runs) is asked for over HTTP/1.1, by
the edge's own client and server. A sibling that is dead or slow is absent: no question waits longer than `ASK_S`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import msgspec
import trio
from prometheus_client.registry import Collector

from actors.errors import Failure
from gateway.config.store_address import StoreAddress
from gateway.dialects.envelope import RawHeaders
from gateway.edge.client import ClientLimits, UpstreamClient
from gateway.ids import worker_of
from gateway.providers.profile import Origin
from gateway.store.responses import ResponseStore
from gateway.telemetry.kept_figures import FigureKeeper, Kept, nothing_kept
from gateway.telemetry.merge import tell
from gateway.world import Connect, Listener

ASK_S: Final = 1.0
CANCEL_S: Final = 5.0
"""A cancelled response has its end written into the store first."""
MAX_BYTES: Final = 64 * 1024 * 1024
FIGURES, ACTORS, SPENT = "/figures", "/actors", "/spent"
REQUESTS, ORDERS, WATCH, IN_FORCE = "/requests", "/orders", "/watch", "/in-force"
KEPT, DELETE = "/responses/kept", "/responses/delete"
RUNS, CANCEL = "/responses/runs", "/responses/cancel"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A worker's place among the others: their names, which are the hosts that `connect` takes."""

    others: Sequence[str]
    connect: Connect
    listen: Callable[[], Awaitable[Listener]]
    """Where the others find this one, from then on."""
    own_store: str = ""
    """The socket of a store that ends with this gateway, where workers share one."""
    figures: FigureKeeper | None = None
    """Where what has been counted outlasts who has counted it."""

    def owns(self, store: StoreAddress | None) -> bool:
        """Whether that is the store which ends with this gateway."""
        return store is not None and store.path == self.own_store


class ResponseQuestion(msgspec.Struct):
    """Names a response, with who may know of it."""

    id: str
    owner: str


class Siblings:
    """Asks the other workers."""

    def __init__(self, place: Place, clock: Callable[[], float]) -> None:
        self.names = tuple(place.others)
        self._figures = place.figures
        self._client = UpstreamClient(connect=place.connect, clock=clock, limits=ClientLimits(max_connections=16))

    async def ask_all(self, path: str) -> Mapping[str, bytes | None]:
        """What each says; None for who does not within the time."""
        said: dict[str, bytes | None] = dict.fromkeys(self.names)

        async def ask(name: str) -> None:
            said[name] = await self._ask(name, b"GET", path, b"", ASK_S)

        async with trio.open_nursery() as nursery:
            for name in self.names:
                nursery.start_soon(ask, name)
        return said

    async def ask_each(self, paths: Mapping[str, str]) -> Mapping[str, bytes | None]:
        """The same, with a path of its own for each."""
        said: dict[str, bytes | None] = dict.fromkeys(paths)

        async def ask(name: str, path: str) -> None:
            said[name] = await self._ask(name, b"GET", path, b"", ASK_S)

        async with trio.open_nursery() as nursery:
            for name, path in paths.items():
                nursery.start_soon(ask, name, path)
        return said

    async def tell_all(self, path: str, body: bytes, *, only: str | None, limit_s: float) -> Mapping[str, bytes | None]:
        """The same, with something to say to each, or to the one of that name where there is one."""
        told = [name for name in self.names if only in (None, name)]
        said: dict[str, bytes | None] = dict.fromkeys(told)

        async def tell(name: str) -> None:
            said[name] = await self._ask(name, b"POST", path, body, limit_s)

        async with trio.open_nursery() as nursery:
            for name in told:
                nursery.start_soon(tell, name)
        return said

    async def ask_maker(self, path: str, response_id: str, owner: str, *, limit_s: float = ASK_S) -> bytes | None:
        """What the worker says whose id this is; None where there is no such sibling, or where it knows nothing."""
        number = worker_of(response_id)
        if number is None or str(number) not in self.names:
            return None
        return await self._ask(
            str(number), b"POST", path, msgspec.json.encode(ResponseQuestion(response_id, owner)), limit_s
        )

    async def runs(self, response_id: str, owner: str) -> bool:
        """Whether a response is being made in the background at the worker that its id names."""
        return await self.ask_maker(RUNS, response_id, owner) is not None

    async def cancel(self, response_id: str, owner: str) -> bool:
        """The same; it has been stopped then."""
        return await self.ask_maker(CANCEL, response_id, owner, limit_s=CANCEL_S) is not None

    # What has been counted.

    async def own_figures(self, metrics: Collector) -> bytes:
        """What this worker tells of itself; kept before anybody hears it, so that no sum ever falls."""
        keeper = self._figures
        if keeper is None:
            return await tell(metrics)
        told = await tell(metrics, keeper.life)
        with suppress(OSError):  # a full disk: what it counts ends with it
            await keeper.keep(told)
        return told

    async def kept_figures(self, told: Collection[str]) -> Kept:
        """What there is of others, besides what these lives tell themselves."""
        if self._figures is not None:
            with suppress(OSError):  # out of descriptors
                return await self._figures.kept(told)
        return await nothing_kept()

    def close(self) -> None:
        self._client.close()

    async def _ask(self, name: str, method: bytes, path: str, body: bytes, limit_s: float) -> bytes | None:
        headers: RawHeaders = []
        with trio.move_on_after(limit_s):
            try:
                response = await self._client.request(Origin("http", name, 1), method, path.encode(), headers, body)
            except Failure:
                return None
            try:
                return await response.read(MAX_BYTES) if response.status == 200 else None
            except Failure:
                return None
            finally:
                response.close()
        return None


class ResponsesAnywhere:
    """A ResponseStore that also finds what a sibling keeps, by the worker that an id names."""

    def __init__(self, store: ResponseStore, siblings: Siblings) -> None:
        self._store = store
        self._siblings = siblings
        self.put = store.put

    async def get(self, id: str, owner: str) -> bytes | None:
        found = await self._store.get(id, owner)
        return await self._siblings.ask_maker(KEPT, id, owner) if found is None else found

    async def delete(self, id: str, owner: str) -> bool:
        if await self._store.delete(id, owner):
            return True
        return await self._siblings.ask_maker(DELETE, id, owner) is not None
