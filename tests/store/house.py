"""A store's actor and its leases under a supervisor, in virtual time, over a FakeServer."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

import trio

from actors.events import ignore
from actors.policy.leased_bucket import LeasedBucket
from actors.supervisor import ChildSpec, Supervisor
from gateway.assembly.sharing import LEASES, LEAVING_S, STORE
from gateway.config.store_address import StoreAddress, read_store_address
from gateway.store.actor import StoreActor, StorePlace, StoreReports
from gateway.store.leases import LeaseDesk
from gateway.store.line import StoreLine
from tests.store.fake_redis import FakeServer

ADDRESS = read_store_address("redis://store.test")


class House:
    """One worker's end of the store."""

    def __init__(self, server: FakeServer, *, workers: int = 2, address: StoreAddress | None = ADDRESS) -> None:
        ids = count(1)
        self.server = server
        self.moves: list[tuple[float, str, str, str]] = []
        """(when, before, after, because)"""
        self.answered: list[tuple[str, float]] = []
        self.refused: list[tuple[str, str, str]] = []
        self.unanswered: list[tuple[str, bool]] = []
        self.line = StoreLine(trio.current_time)
        self.desk = LeaseDesk(
            self.line, prefix="p", workers=workers, clock=trio.current_time, new_id=lambda: f"{id(self)}-{next(ids)}"
        )
        self._address = address
        self.supervisor = Supervisor(
            "root",
            [
                ChildSpec(STORE, self._actor, grace_s=LEAVING_S),
                ChildSpec(LEASES, lambda: self.desk),
            ],
            random=random.Random(0),
            observe=ignore,
        )

    def _actor(self) -> StoreActor:
        return StoreActor(
            self.line,
            self._find,
            lambda address: self.server.open(address, ""),
            probe_key="p:probe",
            clock=trio.current_time,
            random=random.Random(0),
            observe=ignore,
            reports=StoreReports(
                on_moved=lambda *move: self.moves.append((trio.current_time(), *move)),
                on_answered=lambda *answer: self.answered.append(answer),
                on_refused=lambda *refusal: self.refused.append(refusal),
                on_unanswered=lambda *question: self.unanswered.append(question),
            ),
        )

    async def _find(self) -> StorePlace:
        return StorePlace(self._address, "the test says so")

    @property
    def actor(self) -> StoreActor:
        actor = self.supervisor.current(STORE)
        assert isinstance(actor, StoreActor)
        return actor

    def bucket(self, name: str = "limit", per_minute: float = 600.0) -> LeasedBucket:
        bucket = self.desk.new_bucket(name, per_minute, trio.current_time())
        assert isinstance(bucket, LeasedBucket)
        return bucket


@asynccontextmanager
async def living(server: FakeServer, **options: object) -> AsyncIterator[House]:
    """A worker that is ready; stopped in order afterwards."""
    house = House(server, **options)  # type: ignore[arg-type]
    async with trio.open_nursery() as nursery:
        await nursery.start(house.supervisor.run)
        yield house
        house.supervisor.stop()
