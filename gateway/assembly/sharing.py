"""What workers and hosts share, put together: the store's actor and those who use it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from actors.events import Observe
from actors.policy.bucket import NewBucket
from actors.supervisor import ChildSpec
from gateway.config import Config
from gateway.config.settings import MEGABYTE
from gateway.store.actor import StoreActor, StoreReports
from gateway.store.hints import Deliver, HintBoard
from gateway.store.leases import LeaseDesk
from gateway.store.line import StoreLine
from gateway.store.memory import MemoryResponseStore
from gateway.store.ownership import Ownership
from gateway.store.responses import ResponseStore
from gateway.store.search import StoreSearch
from gateway.store.shared_answers import SharedAnswers
from gateway.store.shared_responses import ChosenResponseStore, SharedResponseStore
from gateway.telemetry.observer import Observer
from gateway.world import World

STORE, LEASES, HINTS = "store", "leases", "hints"
OWN = "it is the gateway's own, for its workers: nobody named another"
LEAVING_S = 0.5
"""What the store gets to take leases back at the end."""


class Sharing:
    """Everything of one gateway's that goes through the store; it outlives the actors that `children` names."""

    def __init__(
        self,
        config: Config,
        world: World,
        *,
        workers: int,
        observe: Callable[[], Observe],
        heed: Deliver,
        owns_store: bool = False,
    ) -> None:
        """`workers` is how many share each limit: a worker without the store keeps to that share of it.

        With `owns_store` the address is one of the gateway's own making, and no operator's. `heed` is told of breakers
        that have opened elsewhere.
        """
        settings, responses = config.store, config.responses
        self._world = world
        self._observe = observe
        self._ca_file = settings.ca_file
        self._probe_key = f"{settings.prefix}:probe"
        self._search = StoreSearch(
            config.store_address, world.connect, variable=settings.url_env, named_by=OWN if owns_store else ""
        )
        self.line = StoreLine(world.clock)
        self.leases = LeaseDesk(
            self.line, prefix=settings.prefix, workers=workers, clock=world.clock, new_id=world.new_id
        )
        self.hints = HintBoard(self.line, heed, prefix=settings.prefix, clock=world.clock, new_id=world.new_id)
        self.ownership = Ownership(self.line, prefix=settings.prefix, clock=world.clock)
        max_bytes = responses.max_mb * MEGABYTE
        self.responses: ResponseStore = ChosenResponseStore(
            self.line,
            shared=SharedResponseStore(self.line, prefix=settings.prefix, max_bytes=max_bytes),
            memory=MemoryResponseStore(clock=world.clock, max_count=responses.max_count, max_bytes=max_bytes),
        )
        self.cache = self._cache(config)

    def _cache(self, config: Config) -> ResponseStore:
        settings, max_bytes = config.cache, config.cache.max_mb * MEGABYTE
        memory = MemoryResponseStore(clock=self._world.clock, max_count=settings.max_count, max_bytes=max_bytes)
        if settings.store == "memory":
            return memory
        shared = SharedAnswers(self.line, prefix=config.store.prefix, max_count=settings.max_count, max_bytes=max_bytes)
        return ChosenResponseStore(self.line, shared=shared, memory=memory)

    @property
    def new_bucket(self) -> NewBucket:
        return self.leases.new_bucket

    def children(self, observer: Observer, on_moved: Callable[[str, str, str], None]) -> list[ChildSpec]:
        """The store's actor and those who have a rhythm of their own, in the order in which they start."""
        reports = StoreReports(
            on_moved=on_moved,
            on_answered=observer.store_answered,
            on_refused=observer.store_refused,
            on_unanswered=observer.store_unanswered,
        )
        return [
            ChildSpec(STORE, partial(self._store, reports), kind="store", grace_s=LEAVING_S),
            ChildSpec(LEASES, lambda: self.leases, kind="limits"),
            ChildSpec(HINTS, lambda: self.hints, kind="breakers"),
        ]

    def _store(self, reports: StoreReports) -> StoreActor:
        world = self._world
        return StoreActor(
            self.line,
            self._search,
            lambda address: world.open_redis(address, self._ca_file),
            probe_key=self._probe_key,
            clock=world.clock,
            random=world.random,
            observe=self._observe(),
            reports=reports,
        )
