"""Tracing put together: who begins traces, who makes spans of them, who sends them. Only where there is a collector."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from opentelemetry.sdk.version import __version__ as sdk_version

from actors.events import Observe
from actors.supervisor import ChildSpec
from gateway import __version__
from gateway.config import CloudProvider, Config
from gateway.config.settings import Provider
from gateway.config.traces import SUFFIX
from gateway.edge.client import ClientLimits, UpstreamClient
from gateway.providers.profile import parse_base_url
from gateway.span_exporter import FLUSH_S, Collector, SpanExporter
from gateway.telemetry.content import contents
from gateway.telemetry.span_queue import MAX_SPANS, SpanQueue
from gateway.telemetry.spans import Peer, SpanMaker, nothing_said
from gateway.telemetry.trace_context import Traces
from gateway.telemetry.tracer import Tracer
from gateway.world import World

TRACES = "traces"


class Tracing:
    """One gateway's; it outlives the exporter that `child` names."""

    def __init__(
        self, config: Config, world: World, *, worker: str, current: Callable[[], Config], observe: Observe
    ) -> None:
        """`current` is the configuration as it is when a provider is to be named."""
        settings = config.traces
        self._world = world
        self._observe = observe
        self._ca_file = config.upstream.ca_file or None
        origin, path = parse_base_url(settings.endpoint)
        headers = tuple((name.encode(), value.encode()) for name, value in config.trace_headers)
        self._collector = Collector(origin, path + SUFFIX.encode(), headers)
        self._queue = SpanQueue(MAX_SPANS)
        self.traces = Traces(world.random, ratio=settings.ratio, content=settings.content)
        maker = SpanMaker(
            {
                "service.name": settings.service_name,
                "service.version": __version__,
                "service.instance.id": world.new_id(),
                "gateway.worker": worker,
                "telemetry.sdk.language": "python",
                "telemetry.sdk.name": "opentelemetry",
                "telemetry.sdk.version": sdk_version,
                **settings.attributes,
            },
            __version__,
            peer=lambda name: _peer(name, current().providers.get(name)),
            contents=contents if settings.content else nothing_said,
            scheme="https" if config.server.tls_cert else "http",
        )
        self.tracer = Tracer(maker, self._queue, clock=world.clock, wall_clock=world.wall_clock, observe=observe)

    def child(self) -> ChildSpec:
        """The exporter."""
        return ChildSpec(TRACES, self._exporter, kind="client", grace_s=FLUSH_S + 1.0)

    def _exporter(self) -> SpanExporter:
        world = self._world
        client = UpstreamClient(
            connect=world.connect, clock=world.clock, limits=ClientLimits(max_connections=2), ca_file=self._ca_file
        )
        return SpanExporter(
            self._queue, self._collector, client, clock=world.clock, random=world.random, observe=self._observe
        )


_SYSTEMS = {"anthropic": "anthropic", "gemini": "gcp.gemini"}
"""`gen_ai.provider.name` by kind. Many speak OpenAI's dialect: those go by their own names."""


@lru_cache(maxsize=256)
def _peer(name: str, provider: Provider | None) -> Peer:
    if not isinstance(provider, CloudProvider):
        return Peer(name)
    origin, _ = parse_base_url(provider.base_url)
    return Peer(_SYSTEMS.get(provider.kind, name), origin.host, origin.port)
