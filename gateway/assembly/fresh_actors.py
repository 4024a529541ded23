"""Makes actors: with every start anew, from what is settled at that moment."""

from __future__ import annotations

from collections.abc import Callable

from actors.memory_monitor import MemoryMonitor
from actors.provider import ProviderActor
from actors.router import RouterActor
from actors.supervisor import ChildSpec, Supervisor
from gateway.assembly.actor_settings import provider_settings, router_settings
from gateway.assembly.settled import USER_AGENT, Ground, Settled
from gateway.assembly.sharing import Sharing
from gateway.assembly.tree import CATALOGUE, PROVIDERS
from gateway.calls.catalogue_keeper import CatalogueKeeper, list_sources
from gateway.config import Config
from gateway.config.settings import MEGABYTE
from gateway.telemetry.observer import Observer


class FreshActors:
    """Those that a restart or a reload replaces: nothing of the ones before them is in them."""

    def __init__(
        self, ground: Ground, sharing: Sharing, settled: Callable[[], Settled], observer: Callable[[], Observer]
    ) -> None:
        """`settled` is as requests that come now find it."""
        self._ground = ground
        self._world = ground.world
        self._sharing = sharing
        self._settled = settled
        self._observer = observer

    @property
    def _config(self) -> Config:
        return self._settled().config

    def memory_monitor(self) -> MemoryMonitor:
        ground, threshold = self._ground, self._config.memory.threshold_mb * MEGABYTE
        return MemoryMonitor(
            ground.world.memory_bytes,
            threshold,
            in_use=lambda: ground.ingress.used + ground.actors.held_bytes(),
            relieve=ground.world.free_memory,
            clock=ground.world.clock,
            observe=self._observer().take,
        )

    def providers(self) -> Supervisor:
        return Supervisor(
            PROVIDERS,
            [self.provider_spec(name, self._settled()) for name in self._config.providers],
            clock=self._world.clock,
            random=self._world.random,
            observe=self._observer().take,
        )

    def provider_spec(self, name: str, coming: Settled) -> ChildSpec:
        """A provider of what is settled when it starts; of `coming` where that does not know it yet."""
        # Ended by its supervisor it is cancelled, as nobody can be waiting for it then; who leaves may take its time.
        return ChildSpec(
            name,
            lambda: self._provider(name, self._settled() if name in self._settled().works else coming),
            grace_s=0.0,
            kind="provider",
        )

    def _provider(self, name: str, settled: Settled) -> ProviderActor:
        steward = self._ground.console.steward
        actor = ProviderActor(
            steward.settings_of(provider_settings(settled.config, settled.catalog, name)),
            work=settled.works[name],
            report=self._ground.actors.report,
            clock=self._world.clock,
            random=self._world.random,
            observe=self._observer().take,
            new_bucket=self._sharing.new_bucket,
            warn=self._sharing.hints.warn,
        )
        return steward.prepare(actor)

    def router(self) -> RouterActor:
        return RouterActor(
            router_settings(self._config),
            resolve=lambda call: self._settled().catalog.resolve(call.model, call.payload.fallbacks),
            provider=self._ground.actors.provider,
            clock=self._world.clock,
            random=self._world.random,
            observe=self._observer().take,
            new_bucket=self._sharing.new_bucket,
            forget_client=self._sharing.leases.forget_client,
        )

    def catalogue_spec(self) -> ChildSpec:
        return ChildSpec(CATALOGUE, self._catalogue_keeper, kind="client")

    def _catalogue_keeper(self) -> CatalogueKeeper:
        return CatalogueKeeper(
            list_sources(self._config),
            lambda provider: self._ground.upstream.of(self._config.transport(provider)),
            lambda provider, models: self._settled().catalog.learn(provider, models),
            refresh_s=self._config.catalogue.refresh_s,
            user_agent=USER_AGENT,
            clock=self._world.clock,
            random=self._world.random,
            observe=self._observer().take,
        )
