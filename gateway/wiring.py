"""Builds the object graph of one gateway from its configuration and its world: the only file that knows everybody.

Nothing here lives yet: `Gateway.run` starts the supervision tree in the caller's nursery, and several gateways may
run in one process.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import trio

from actors.errors import ActorDied
from actors.look import ActorLook
from actors.memory_monitor import Pressure
from actors.policy.memory_budget import MemoryBudget
from actors.supervisor import ChildSpec, Supervisor
from gateway import __version__
from gateway.assembly.accounting import Accounting
from gateway.assembly.actor_settings import router_settings
from gateway.assembly.console import Console
from gateway.assembly.fresh_actors import FreshActors
from gateway.assembly.front import Door, Front, engine_of, tls_of
from gateway.assembly.platform import tool_actors
from gateway.assembly.provider_changes import provider_changes
from gateway.assembly.settled import Ground, Settled
from gateway.assembly.sharing import Sharing
from gateway.assembly.sibling_front import SiblingFront, sibling_handlers
from gateway.assembly.tree import (
    CATALOGUE,
    FACE,
    FLIGHTS,
    MEMORY,
    PROVIDERS,
    RESPONSES,
    ROOT,
    ROUTER,
    SIBLINGS,
    TOOLS,
    UPSTREAM,
    ActorTree,
)
from gateway.assembly.upstream_clients import UpstreamClients
from gateway.calls.catalogue_keeper import list_sources
from gateway.config import Config
from gateway.config.changes import fixed_changes, with_fixed_of
from gateway.config.settings import KILOBYTE, MEGABYTE
from gateway.context.client import NAME as CMS
from gateway.edge.kept_listener import KeptListener
from gateway.edge.upstream_keeper import UpstreamKeeper
from gateway.face.background import BackgroundResponses
from gateway.face.flights import Flights
from gateway.face.health import Phase
from gateway.face.response_life import ResponseLife
from gateway.providers.catalog import Catalog
from gateway.providers.known_models import KnownModels
from gateway.providers.model_data import ModelData
from gateway.siblings import Place, ResponsesAnywhere, Siblings
from gateway.telemetry.logs import Logs
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.observer import Observer
from gateway.world import Listener, World

if TYPE_CHECKING:
    from gateway.assembly.tracing import Tracing

LEAVING_S = 86_400.0
"""For a provider that is replaced: its calls have deadlines of their own, none of which is longer."""


class Gateway:
    """One gateway: an ASGI app, and the actors behind it. Raises OSError, ssl.SSLError for TLS files it cannot read."""

    def __init__(self, config: Config, world: World, worker: str = "0", place: Place | None = None) -> None:
        self.world = world
        self.worker = worker
        self._place = place
        self._siblings = None if place is None else Siblings(place, world.clock)
        self.actors = ActorTree()
        self.logs = Logs(
            world.write_log,
            world.wall_clock,
            level=config.log.level,
            levels=config.log.levels,
            worker=worker if config.server.workers > 1 else None,
        )
        owns_store = place is not None and place.owns(config.store_address)
        self.sharing = Sharing(
            config,
            world,
            workers=config.server.workers,
            owns_store=owns_store,
            observe=lambda: self.observer.take,
            heed=self.actors.heed,
        )
        self.accounting = Accounting(
            world,
            self.sharing.line,
            prefix=config.store.prefix,
            has_lasting_store=not owns_store,
            workers=config.server.workers,
            logs=self.logs,
            prices=lambda provider, model: self.catalog.prices(provider, model),
            output_limit=lambda provider, model: self.catalog.output_limit(provider, model),
            siblings=self._siblings,
        )
        ledger = self.accounting.ledger
        self.metrics = Metrics(
            lambda model: self.catalog.known(model),
            self.actors.figures,
            take_bills=ledger.take_bills,
            count_tasks=lambda: trio.lowlevel.current_statistics().tasks_living,
            exemplars=config.metrics.exemplars,
        )
        self.observer = Observer(self.logs, self.metrics, ledger.bill)
        self.ingress = MemoryBudget(config.memory.ingress_mb * MEGABYTE)
        # Files are read now, so that one that is not there is told at once and not to the first client.
        self._tls = tls_of(config.server)
        self.upstream = UpstreamClients(config, world)
        self._tracing = _tracing_of(config, world, worker, self)
        if self._tracing is not None:
            self.observer.trace_with(self._tracing.tracer)
        siblings, kept = self._siblings, self.sharing.responses
        life = ResponseLife(
            kept if siblings is None else ResponsesAnywhere(kept, siblings), ttl_s=config.responses.ttl_s
        )
        self._background = BackgroundResponses(
            life,
            self.sharing.ownership,
            limit=config.responses.max_background,
            on_crash=self.observer.request_crashed,
            siblings=siblings,
        )
        self._flights = Flights(self.observer.request_crashed, config.cache.max_entry_kb * KILOBYTE)
        self.console = Console(
            self.actors,
            self.logs,
            worker=worker,
            version=__version__,
            clock=world.clock,
            wall_clock=world.wall_clock,
            life=str(world.wall_clock()),
            vitals=self,
            metrics=self.metrics,
            siblings=siblings,
            configured=lambda name: self.settled.settings_of(name),
            on_levels=lambda: self.observer.speak_through(self.logs),
        )
        self.observer.watch = self.console.watch
        self.accounting.watch = self.console.feed.state
        self._ground = Ground(
            world=world,
            worker=worker,
            actors=self.actors,
            known=KnownModels(ModelData()),
            metrics=self.metrics,
            observer=self.observer,
            ingress=self.ingress,
            upstream=self.upstream,
            response_life=life,
            background=self._background,
            cache=self.sharing.cache,
            flights=self._flights,
            vitals=self,
            accounting=self.accounting,
            siblings=siblings,
            traces=None if self._tracing is None else self._tracing.traces,
            console=self.console,
        )
        self.settled = Settled(config, self._ground)
        """As requests that come now find it."""
        self._fresh = FreshActors(self._ground, self.sharing, lambda: self.settled, lambda: self.observer)
        self._listeners: Sequence[Listener] = ()
        self._leaving = self._draining = False
        self._reloading = trio.Lock()
        self._started_at = world.clock()

    @property
    def config(self) -> Config:
        return self.settled.config

    @property
    def catalog(self) -> Catalog:
        return self.settled.catalog

    # Life.

    async def run(
        self, listeners: Sequence[Listener], *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Serves until drained or cancelled. Raises Escalated when the tree gives up."""
        root = Supervisor(
            ROOT,
            self._children(listeners),
            intensity=3,
            period_s=60.0,
            clock=self.world.clock,
            random=self.world.random,
            observe=self.observer.take,
        )
        self.actors.plant(root)
        self._listeners = listeners
        try:
            if self._draining:  # asked to stop before it began
                task_status.started()
                return
            await self.console.catch_up(self.config)
            await root.run(task_status=task_status)
        finally:
            self.upstream.close()
            if self._siblings is not None:
                with trio.CancelScope(shield=True):
                    await self._siblings.own_figures(self.metrics.now())  # its last word
                self._siblings.close()
            for listener in listeners:
                listener.close()

    async def reload(self, config: Config) -> list[str]:
        """Goes over to `config`; what has begun ends as it began. Returns the sections that wait for a new process.

        Raises ActorDied, OrderRefused where the tree is just being restarted: then try again.
        """
        async with self._reloading:
            before, waiting = self.settled, fixed_changes(self.config, config)
            after = Settled(with_fixed_of(before.config, config), self._ground)
            changes = provider_changes(before, after)
            root, providers = self.actors.root, self.actors.providers
            if root is None or providers is None:
                raise ActorDied("the providers are not running at the moment")
            for name in changes.added:
                await providers.add(self._fresh.provider_spec(name, after))
            self._go_over_to(after)
            limits_changed = self.console.steward.forget_limits()
            for name in changes.changed:
                await providers.replace(self._fresh.provider_spec(name, after), grace_s=LEAVING_S)
                self.actors.forget(name)
            for name in changes.removed:
                await providers.retire(name, grace_s=LEAVING_S)
                self.actors.forget(name)
            for name in limits_changed:
                if name not in (*changes.changed, *changes.removed):
                    await self.console.steward.restore_limits(name)
            await self._renew_keepers(root, before.config, after.config)
            return waiting

    def _go_over_to(self, settled: Settled) -> None:
        """All that needs no other actor, at once."""
        config = settled.config
        self.metrics.count_bills()
        self.settled = settled
        self.accounting.pricer.forget()
        self.logs.set_levels(config.log.level, config.log.levels)
        self.observer.speak_through(self.logs)
        self.ingress.limit = config.memory.ingress_mb * MEGABYTE
        self.metrics.exemplars = config.metrics.exemplars
        router = self.actors.router()
        if router is not None:
            router.configure(router_settings(config))

    async def _renew_keepers(self, root: Supervisor, before: Config, after: Config) -> None:
        if before.memory != after.memory:
            await root.restart(MEMORY)
        if (before.cms, before.check_every_s(CMS)) != (after.cms, after.check_every_s(CMS)):
            await root.restart(CMS)
        if tool_actors(before) != tool_actors(after):
            await root.restart(TOOLS)
        asked, ask = list_sources(before), list_sources(after)
        if (asked, before.catalogue) == (ask, after.catalogue):
            return
        if asked:
            await root.remove(CATALOGUE)
        if ask:
            await root.add(self._fresh.catalogue_spec())

    async def leave(self) -> None:
        """Is not ready any more, for as long as load balancers need to hear of it; then it drains."""
        self._leaving = True
        await trio.sleep(self.config.server.drain_delay_s)
        self.drain()

    def drain(self) -> None:
        """No new connections; `run` returns when the last request is over or the grace is."""
        self._draining = True
        self.console.feed.close()
        root = self.actors.root
        front = None if root is None else root.current(FACE)
        if isinstance(front, Front):
            front.stop()  # before its listeners are closed: who waits there is still let in
        for listener in self._listeners:
            listener.close()
        ends_at = self.world.clock() + self.config.server.drain_grace_s
        self._background.end_by(ends_at)  # the face, which stops before them, may use all of the grace up
        self._flights.end_by(ends_at)
        if root is not None:
            root.stop()

    # Vitals, for /health.

    version = __version__

    @property
    def phase(self) -> Phase:
        if self._leaving or self._draining:
            return "draining"
        if self.actors.router() is None:
            return "starting"
        return "refusing" if self.actors.pressure() is Pressure.REFUSE else "ready"

    @property
    def uptime_s(self) -> float:
        return self.world.clock() - self._started_at

    @property
    def memory_bytes(self) -> int | None:
        return self.actors.used_bytes()

    @property
    def store_mode(self) -> str:
        return self.sharing.line.mode.value

    def tree(self) -> Sequence[ActorLook]:
        """The root and every supervised actor as they look now."""
        return self.actors.looks()

    # The actors.

    def _children(self, listeners: Sequence[Listener]) -> list[ChildSpec]:
        grace_s = self.config.server.drain_grace_s + self.config.server.write_stall_s + 1.0
        place, siblings, cache = self._place, self._siblings, self.config.cache
        flights = ChildSpec(FLIGHTS, lambda: self._flights, grace_s=grace_s, kind="cache")
        return [
            ChildSpec(MEMORY, self._fresh.memory_monitor, kind="monitor"),
            # Before those whose requests it tells of, so that it ends after them.
            *([] if self._tracing is None else [self._tracing.child()]),
            *self.sharing.children(self.observer, self._store_moved),
            *self.accounting.children(),
            ChildSpec(UPSTREAM, lambda: UpstreamKeeper(self.upstream), kind="client"),
            ChildSpec(CMS, lambda: self.settled.platform.context_actor(self.observer.take), kind="service"),
            ChildSpec(TOOLS, lambda: self.settled.platform.tools_supervisor(self.observer.take), kind="supervisor"),
            ChildSpec(PROVIDERS, self._fresh.providers, kind="supervisor"),
            ChildSpec(ROUTER, self._fresh.router, kind="router"),
            *([self._fresh.catalogue_spec()] if list_sources(self.config) else []),
            ChildSpec(RESPONSES, lambda: self._background, grace_s=grace_s, kind="background"),
            *([flights] if cache.enabled and cache.join else []),
            *([] if place is None or siblings is None else [self._sibling_spec(place, siblings)]),
            ChildSpec(FACE, lambda: self._front(listeners), grace_s=grace_s, kind="server"),
        ]

    def _store_moved(self, before: str, after: str, because: str) -> None:
        self.observer.store_moved(before, after, because)
        self.console.store_moved(before, after, because)

    def _front(self, listeners: Sequence[Listener]) -> Front:
        server = self.config.server
        engine = engine_of(server, self.world, Door(lambda: self.settled.app), self._tls, self._engine_crashed)
        return Front(engine, [KeptListener(listener) for listener in listeners], grace_s=server.drain_grace_s)

    def _sibling_spec(self, place: Place, siblings: Siblings) -> ChildSpec:
        handlers = sibling_handlers(
            figures=lambda: siblings.own_figures(self.metrics.now()),
            spend=self.accounting.show_own_spend,
            actors=self.console.own_actors,
            requests=self.console.own_requests,
            obey=self.console.desk.obey,
            watch=self.console.lookout.answer,
            in_force=lambda: self.console.tell_in_force(self.config),
            store=self.sharing.responses,
            background=self._background,
        )
        return ChildSpec(
            SIBLINGS,
            lambda: SiblingFront(handlers, place.listen, self.world, self._engine_crashed),
            grace_s=1.0,
            kind="server",
        )

    def _engine_crashed(self, bug: BaseException, scope: Mapping[str, Any] | None) -> None:
        if isinstance(bug, Exception):
            self.observer.request_crashed(bug, "")


def _tracing_of(config: Config, world: World, worker: str, gateway: Gateway) -> Tracing | None:
    """Nobody pays for OpenTelemetry, a third of a second and 12 MB, who has no collector."""
    if not config.traces.endpoint:
        return None
    from gateway.assembly.tracing import Tracing

    return Tracing(config, world, worker=worker, current=lambda: gateway.config, observe=gateway.observer.take)


def build(config: Config, world: World, *, worker: str = "0", place: Place | None = None) -> Gateway:
    """The object graph of one gateway; `worker` is its name among those that share its port, `place` where they are."""
    return Gateway(config, world, worker, place)
