"""What one configuration comes to: routing table, call tasks' work, and the app. A reload makes another and swaps it.

Nothing in here lives or keeps state of its own; what does is the Ground, which outlasts every configuration. A request
that has begun keeps the app, and with it the Settled, that it began with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

from actors.admission import ProviderSettings
from actors.attempt import Work
from actors.policy.memory_budget import MemoryBudget
from gateway import __version__
from gateway.assembly.accounting import Accounting
from gateway.assembly.actor_settings import provider_settings
from gateway.assembly.console import Console
from gateway.assembly.degradation import Degradation, PressedBudget
from gateway.assembly.platform import Platform
from gateway.assembly.tree import ActorTree
from gateway.assembly.upstream_clients import UpstreamClients
from gateway.calls.embedding_batches import EmbeddingBatches
from gateway.calls.http_calls import HttpCalls
from gateway.calls.large_bodies import LargeBodies
from gateway.calls.passage import Way
from gateway.calls.sandbox import SandboxClient, SandboxSettings
from gateway.calls.ways import RESUMING, resumptions_of, ways_of
from gateway.config import Config, SandboxProvider
from gateway.config.routing import Glob
from gateway.config.settings import KILOBYTE, Provider
from gateway.errors import GatewayError
from gateway.face.admin_door import AdminDoor
from gateway.face.api import Reporting
from gateway.face.app import create_app
from gateway.face.auth import ClientKeys, TokenDoor
from gateway.face.background import BackgroundResponses
from gateway.face.cache_rules import CacheRules
from gateway.face.caching import Caching
from gateway.face.flights import Flights
from gateway.face.health import Vitals
from gateway.face.ingress import Ingress
from gateway.face.kept_answers import KeptAnswers
from gateway.face.model_calls import ModelServices
from gateway.face.models import ListedProvider
from gateway.face.response_life import ResponseLife
from gateway.face.services import Services
from gateway.face.tool_services import ToolServices
from gateway.providers import sandbox
from gateway.providers.catalog import Catalog
from gateway.providers.directory import profile_of
from gateway.providers.known_models import KnownModels
from gateway.siblings import FIGURES, Siblings
from gateway.store.responses import ResponseStore
from gateway.telemetry.exposition import Form, expose, parts_of
from gateway.telemetry.merge import merge
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.observer import Observer
from gateway.telemetry.trace_context import Traces
from gateway.world import World

USER_AGENT = f"llm-gateway/{__version__}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What outlasts a configuration, and all that is settled stands on."""

    world: World
    worker: str
    actors: ActorTree
    known: KnownModels
    metrics: Metrics
    observer: Observer
    ingress: MemoryBudget
    upstream: UpstreamClients
    response_life: ResponseLife
    background: BackgroundResponses
    cache: ResponseStore
    flights: Flights
    vitals: Vitals
    accounting: Accounting
    siblings: Siblings | None
    traces: Traces | None
    console: Console
    large_bodies: LargeBodies = field(default_factory=LargeBodies)


class Settled:
    """Everything that follows from one configuration."""

    def __init__(self, config: Config, ground: Ground) -> None:
        self.config = config
        self._ground = ground
        self.catalog = Catalog(config, known=ground.known, resuming=RESUMING, wall_clock=ground.world.wall_clock)
        self._degradation = Degradation(ground.actors)
        self._ways: dict[str, Mapping[str, Way]] = {}
        self.works: Mapping[str, Work] = {
            name: self._work(name, provider) for name, provider in config.providers.items()
        }
        self.platform = Platform(
            config, ground.world, ground.actors, ground.upstream, self._degradation, user_agent=USER_AGENT
        )
        self.app = create_app(self._services())

    def settings_of(self, name: str) -> ProviderSettings | None:
        """The provider's, as its actor has them; None where there is no such provider."""
        return provider_settings(self.config, self.catalog, name) if name in self.works else None

    def _work(self, name: str, provider: Provider) -> Work:
        world, asks_with_clients_key = self._ground.world, False
        client = self._ground.upstream.of(self.config.transport(name))
        if isinstance(provider, SandboxProvider):
            profile, client = sandbox.profile(name), self._sandbox(name, provider)
        else:
            profile = profile_of(provider.kind, name, provider.base_url, responses=provider.responses)
            asks_with_clients_key = provider.auth == "passthrough"
        output_limit = partial(self.catalog.output_limit, name)
        ways = self._ways[name] = ways_of(provider.kind, profile, output_limit)
        calls = HttpCalls(
            profile,
            client,
            ways,
            resumptions=resumptions_of(provider.kind, profile, output_limit),
            secrets={key.label: key.value for key in self.config.provider_keys(name)},
            user_agent=USER_AGENT,
            clock=world.clock,
            wall_clock=world.wall_clock,
            passthrough=asks_with_clients_key,
            tells_context=self.config.cms.reaches(name),
            large=self._ground.large_bodies,
            price=partial(self._ground.accounting.pricer.nano_usd, name),
        )
        return EmbeddingBatches(calls, partial(self._degradation.inputs_at_once, provider.kind)).ask

    def _sandbox(self, name: str, provider: SandboxProvider) -> SandboxClient:
        settings = SandboxSettings(
            latency_s=provider.latency_ms / 1000.0, tokens_per_s=provider.tokens_per_s, fail=provider.fail
        )
        return SandboxClient(name, settings, new_id=self._ground.world.new_id, wall_clock=self._ground.world.wall_clock)

    def _services(self) -> Services:
        config, ground = self.config, self._ground
        world = ground.world
        reporting = Reporting(
            clock=world.clock,
            new_id=world.new_id,
            on_finished=ground.observer.request_ended,
            on_crash=ground.observer.request_crashed,
            traces=ground.traces,
        )
        client_keys = ClientKeys(
            config.client_keys if config.auth_required else None,
            config.server.cors_origins,
            book=ground.accounting.key_book,
            wall_clock=world.wall_clock,
        )
        ingress = Ingress(PressedBudget(ground.ingress, ground.actors), config.server.body_bytes)
        return Services(
            models=ModelServices(
                router=ground.actors,
                new_relay=self._degradation.new_relay,
                sheds_low=self._degradation.sheds_low,
                client_keys=client_keys,
                ingress=ingress,
                terms=self.catalog.resolution,
                windows=self.platform.windows(ground.observer.services.odd_context_mode),
                request_fallbacks=config.retry.request_fallbacks,
                reporting=reporting,
                caching=self._caching(ingress, reporting) if config.cache.enabled else None,
                purses=ground.accounting.purses(refuse_unpriced=config.auth.unpriced_models == "refuse"),
            ),
            context=self.platform.offered_context,
            tools=self._tools(),
            neighbours=self.platform.neighbours,
            counts=self._counts,
            response_life=ground.response_life,
            background=ground.background,
            catalogue=self.catalog,
            providers=self._listed_providers,
            vitals=ground.vitals,
            scrape=self._scrape,
            wall_clock=world.wall_clock,
            metrics_door=TokenDoor(config.metrics_token),
            admin_door=AdminDoor(config.admin_token, ground.console.refusals),
            admin=[*ground.console.endpoints(config), *ground.accounting.endpoints(config, ground.console.note)],
            body_limit_bytes=config.server.body_bytes,
            body_progress_s=config.server.body_progress_s,
            cors_origins=config.server.cors_origins,
            hot_routes=config.server.hot_routes,
        )

    def _caching(self, ingress: Ingress, reporting: Reporting) -> Caching:
        settings, ground = self.config.cache, self._ground
        max_entry_bytes = settings.max_entry_kb * KILOBYTE
        return Caching(
            rules=CacheRules(models=[Glob(pattern) for pattern in settings.models], joins=settings.join),
            answers=KeptAnswers(ground.cache, ttl_s=settings.ttl_s, max_entry_bytes=max_entry_bytes),
            flights=ground.flights,
            router=ground.actors,
            ingress=ingress,
            reporting=reporting,
        )

    async def _scrape(self, accept: bytes) -> tuple[bytes, str]:
        """The figures of all workers, with exemplars for who can read them."""
        metrics, siblings = self._ground.metrics, self._ground.siblings
        form = Form.OPENMETRICS if metrics.exemplars and b"application/openmetrics-text" in accept else Form.TEXT
        if siblings is None:
            parts = parts_of(metrics.now())
        else:
            told = await siblings.ask_all(FIGURES)
            own = await siblings.own_figures(metrics.now())
            parts = await merge(self._ground.worker, own, told, siblings.kept_figures)
        return await expose(parts, form), form.value

    def _tools(self) -> ToolServices:
        settings = self.config.tools
        return ToolServices(
            tools=self.platform.tools,
            on_ran=self._ground.observer.tool_ran,
            max_turns=settings.max_turns,
            max_result_bytes=settings.max_result_bytes,
        )

    def _counts(self, model: str, dialect: str) -> bool:
        """Never where a fallback stands in for a provider without a key: its tokens are others."""
        self.catalog.places(model)
        try:
            own = self.catalog.resolve(model, ())[0]
        except GatewayError:
            return False
        return dialect in self._ways[own.provider]

    def _listed_providers(self) -> list[ListedProvider]:
        return [
            ListedProvider(name, provider.kind, self.config.missing_keys(name))
            for name, provider in self.config.providers.items()
        ]
