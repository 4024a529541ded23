"""Builds the object graph of one gateway from its configuration and its world: the only file that knows everybody.

Nothing here lives yet: `Gateway.run` starts the supervision tree in the caller's nursery, and several gateways may
run in one process.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import trio

from actors.letters import Work
from actors.look import ActorLook
from actors.memory_monitor import MemoryMonitor, Pressure
from actors.policy.memory_budget import MemoryBudget
from actors.provider import ProviderActor
from actors.relay import Relay
from actors.router import RouterActor
from actors.supervisor import ChildSpec, Supervisor
from gateway import __version__
from gateway.actor_settings import provider_settings, router_settings
from gateway.admin.actors import ActorsPage
from gateway.calls.catalogue_keeper import CatalogueKeeper, list_sources
from gateway.calls.http_calls import HttpCalls
from gateway.calls.sandbox import SandboxClient, SandboxSettings
from gateway.calls.upstream import UpstreamClient as AnyClient
from gateway.calls.ways import RESUMING, resumptions_of, ways_of
from gateway.config import Config, SandboxProvider
from gateway.config.settings import MEGABYTE, Provider
from gateway.edge.client import ClientLimits as UpstreamLimits
from gateway.edge.client import UpstreamClient
from gateway.edge.kept_listener import KeptListener
from gateway.edge.tls import client_context
from gateway.edge.upstream_keeper import UpstreamKeeper
from gateway.face.api import Reporting
from gateway.face.app import create_app
from gateway.face.auth import AdminDoor, ClientKeys, TokenDoor
from gateway.face.background import BackgroundResponses
from gateway.face.health import Phase
from gateway.face.hypercorn_engine import tls_context
from gateway.face.ingress import Ingress
from gateway.face.model_calls import ModelServices
from gateway.face.models import ListedProvider
from gateway.face.response_life import ResponseLife
from gateway.face.services import Services
from gateway.front import Front, engine_of
from gateway.providers import sandbox
from gateway.providers.catalog import Catalog
from gateway.providers.directory import profile_of
from gateway.sharing import Sharing
from gateway.store.actor import StoreReports
from gateway.telemetry.logs import Logs
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.observer import Observer
from gateway.tree import CATALOGUE, FACE, MEMORY, PROVIDERS, RESPONSES, ROOT, ROUTER, UPSTREAM, ActorTree
from gateway.world import Listener, World

USER_AGENT = f"llm-gateway/{__version__}"


class Gateway:
    """One gateway: an ASGI app, and the actors behind it. Raises OSError, ssl.SSLError for TLS files it cannot read."""

    def __init__(self, config: Config, world: World, worker: str = "0") -> None:
        self.config = config
        self.world = world
        self.worker = worker
        self.actors = ActorTree()
        self.catalog = Catalog(config, resuming=RESUMING, wall_clock=world.wall_clock)
        self.logs = Logs(
            world.write_log,
            world.wall_clock,
            level=config.log.level,
            levels=config.log.levels,
            worker=worker if config.server.workers > 1 else None,
        )
        self.metrics = Metrics(self.catalog.known, self.actors.figures)
        self.observer = Observer(self.logs, self.metrics)
        self.ingress = MemoryBudget(config.memory.ingress_mb * MEGABYTE)
        # Files are read now, so that one that is not there is told at once and not to the first client.
        self._tls = tls_context(config.server.tls_cert, config.server.tls_key) if config.server.tls_cert else None
        authorities = client_context(config.upstream.ca_file or None) if self._asks_over_tls() else None
        self.upstream = UpstreamClient(
            connect=world.connect,
            clock=world.clock,
            limits=UpstreamLimits(),
            ssl_context=None if authorities is None else lambda: authorities,
        )
        self.sharing = Sharing(config, world, workers=config.server.workers, observe=lambda: self.observer)
        self._response_life = ResponseLife(self.sharing.responses, ttl_s=config.responses.ttl_s)
        self._background = BackgroundResponses(
            self._response_life, limit=config.responses.max_background, on_crash=self.observer.request_crashed
        )
        self._works = {name: self._work(name, provider) for name, provider in config.providers.items()}
        self._listeners: Sequence[Listener] = ()
        self._draining = False
        self._started_at = world.clock()
        self.app = create_app(self._services())

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
            observe=self.observer,
        )
        self.actors.plant(root)
        self._listeners = listeners
        try:
            if self._draining:  # asked to stop before it began
                task_status.started()
                return
            await root.run(task_status=task_status)
        finally:
            self.upstream.close()
            for listener in listeners:
                listener.close()

    def drain(self) -> None:
        """No new connections; `run` returns when the last request is over or the grace is."""
        self._draining = True
        root = self.actors.root
        front = None if root is None else root.current(FACE)
        if isinstance(front, Front):
            front.stop()  # before its listeners are closed: who waits there is still let in
        for listener in self._listeners:
            listener.close()
        if root is not None:
            root.stop()

    # Vitals, for /health.

    version = __version__

    @property
    def phase(self) -> Phase:
        if self._draining:
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

    def tree(self) -> Sequence[ActorLook]:
        """The root and every supervised actor as they look now."""
        return self.actors.looks()

    # The actors.

    def _children(self, listeners: Sequence[Listener]) -> list[ChildSpec]:
        grace_s = self.config.server.drain_grace_s + self.config.server.write_stall_s + 1.0
        return [
            ChildSpec(MEMORY, self._memory_monitor, kind="monitor"),
            *self.sharing.children(
                StoreReports(on_moved=self.observer.store_moved, on_answered=self.observer.store_answered)
            ),
            ChildSpec(UPSTREAM, lambda: UpstreamKeeper(self.upstream), kind="client"),
            ChildSpec(PROVIDERS, self._providers, kind="supervisor"),
            ChildSpec(ROUTER, self._router, kind="router"),
            *([ChildSpec(CATALOGUE, self._catalogue_keeper, kind="client")] if list_sources(self.config) else []),
            ChildSpec(RESPONSES, lambda: self._background, grace_s=grace_s, kind="background"),
            ChildSpec(FACE, lambda: self._front(listeners), grace_s=grace_s, kind="server"),
        ]

    def _memory_monitor(self) -> MemoryMonitor:
        threshold = self.config.memory.threshold_mb * MEGABYTE
        world = self.world
        return MemoryMonitor(
            world.memory_bytes, threshold, relieve=world.free_memory, clock=world.clock, observe=self.observer
        )

    def _providers(self) -> Supervisor:
        return Supervisor(
            PROVIDERS,
            [
                ChildSpec(name, lambda name=name: self._provider(name), kind="provider")  # type: ignore[misc]
                for name in self.config.providers
            ],
            clock=self.world.clock,
            random=self.world.random,
            observe=self.observer,
        )

    def _provider(self, name: str) -> ProviderActor:
        return ProviderActor(
            provider_settings(self.config, self.catalog, name),
            work=self._works[name],
            report=self.actors.report,
            clock=self.world.clock,
            random=self.world.random,
            observe=self.observer,
            new_bucket=self.sharing.new_bucket,
        )

    def _router(self) -> RouterActor:
        return RouterActor(
            router_settings(self.config),
            resolve=lambda call: self.catalog.resolve(call.model, call.payload.fallbacks),
            provider=self.actors.provider,
            clock=self.world.clock,
            random=self.world.random,
            observe=self.observer,
            new_bucket=self.sharing.new_bucket,
        )

    def _catalogue_keeper(self) -> CatalogueKeeper:
        return CatalogueKeeper(
            list_sources(self.config),
            self.upstream,
            self.catalog.learn,
            refresh_s=self.config.catalogue.refresh_s,
            user_agent=USER_AGENT,
            clock=self.world.clock,
            random=self.world.random,
            observe=self.observer,
        )

    def _front(self, listeners: Sequence[Listener]) -> Front:
        server = self.config.server
        engine = engine_of(server, self.world, self.app, self._tls, self._engine_crashed)
        return Front(engine, [KeptListener(listener) for listener in listeners], grace_s=server.drain_grace_s)

    def _engine_crashed(self, bug: BaseException, scope: Mapping[str, Any] | None) -> None:
        if isinstance(bug, Exception):
            self.observer.request_crashed(bug, "")

    # What they are made from.

    def _asks_over_tls(self) -> bool:
        return any(
            not isinstance(provider, SandboxProvider)
            and provider.base_url.startswith("https:")
            and not self.config.missing_keys(name)
            for name, provider in self.config.providers.items()
        )

    def _work(self, name: str, provider: Provider) -> Work:
        world, asks_with_clients_key = self.world, False
        client: AnyClient = self.upstream
        if isinstance(provider, SandboxProvider):
            profile, client = sandbox.profile(name), self._sandbox(name, provider)
        else:
            profile = profile_of(provider.kind, name, provider.base_url)
            asks_with_clients_key = provider.auth == "passthrough"
        output_limit = partial(self.catalog.output_limit, name)
        return HttpCalls(
            profile,
            client,
            ways_of(provider.kind, profile, output_limit),
            resumptions=resumptions_of(provider.kind, profile, output_limit),
            secrets={key.label: key.value for key in self.config.provider_keys(name)},
            user_agent=USER_AGENT,
            clock=world.clock,
            wall_clock=world.wall_clock,
            passthrough=asks_with_clients_key,
        )

    def _sandbox(self, name: str, provider: SandboxProvider) -> SandboxClient:
        settings = SandboxSettings(
            latency_s=provider.latency_ms / 1000.0, tokens_per_s=provider.tokens_per_s, fail=provider.fail
        )
        return SandboxClient(name, settings, new_id=self.world.new_id, wall_clock=self.world.wall_clock)

    def _services(self) -> Services:
        config, world = self.config, self.world
        reporting = Reporting(
            clock=world.clock,
            new_id=world.new_id,
            on_finished=self.observer.request_ended,
            on_crash=self.observer.request_crashed,
        )
        client_keys = ClientKeys(config.client_keys if config.auth_required else None)
        actors_page = ActorsPage(self.actors.looks, worker=self.worker, version=__version__)
        return Services(
            models=ModelServices(
                router=self.actors,
                new_relay=Relay,
                client_keys=client_keys,
                ingress=Ingress(PressedBudget(self.ingress, self.actors), config.server.body_bytes),
                terms=self.catalog.resolution,
                request_fallbacks=config.retry.request_fallbacks,
                reporting=reporting,
            ),
            kind_of=self._kind_of,
            response_life=self._response_life,
            background=self._background,
            catalogue=self.catalog,
            providers=self._listed_providers,
            vitals=self,
            scrape=self.metrics.scrape,
            run_in_thread=world.run_in_thread,
            wall_clock=world.wall_clock,
            metrics_door=TokenDoor(config.metrics_token),
            admin_door=AdminDoor(config.admin_token),
            admin={"/admin/actors": actors_page},
            body_limit_bytes=config.server.body_bytes,
            body_progress_s=config.server.body_progress_s,
            hot_routes=config.server.hot_routes,
        )

    def _kind_of(self, model: str) -> str:
        return self.config.providers[self.catalog.places(model)[0].provider].kind

    def _listed_providers(self) -> list[ListedProvider]:
        return [
            ListedProvider(name, provider.kind, self.config.missing_keys(name))
            for name, provider in self.config.providers.items()
        ]


class PressedBudget:
    """The ingress budget, shut while the memory monitor says that there is no room at all."""

    def __init__(self, budget: MemoryBudget, tree: ActorTree) -> None:
        self._budget = budget
        self._tree = tree
        self.release = budget.release

    def reserve(self, size_bytes: int) -> bool:
        """Takes `size_bytes` if they fit, and if the process has room."""
        return self._tree.pressure() is not Pressure.REFUSE and self._budget.reserve(size_bytes)


def build(config: Config, world: World, *, worker: str = "0") -> Gateway:
    """The object graph of one gateway; `worker` is its name among those that share its port."""
    return Gateway(config, world, worker)
