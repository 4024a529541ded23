"""Every setting with its type, its bounds and its default: one frozen struct a section of gateway.toml.

What actors have defaults of their own for is not said again here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec

from actors.admission import ProviderSettings
from actors.letters import DEFAULT_TIMEOUTS
from actors.policy.gradient import GradientSettings
from actors.router import RouterSettings
from gateway.config.client_keys import Auth, ClientKey
from gateway.config.platform import CMS, CODE_ORCHESTRATOR, Cms, CodeOrchestrator, Health, HttpTool, Service, Tools
from gateway.config.secrets import Secrets
from gateway.config.section import Count, OptionalVariable, Rates, Seconds, Section, Text, Tokens, Variable
from gateway.config.store_address import StoreAddress
from gateway.config.trace_headers import read_headers

KILOBYTE = 1024
MEGABYTE = 1024 * KILOBYTE

_ROUTER = RouterSettings()
_GRADIENT = GradientSettings()
_PROVIDER = ProviderSettings(name="any")

Seed = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1, description="a whole number of at most 64 bits")]
Usd = Annotated[float, msgspec.Meta(ge=0, le=1_000_000)]
Level = Literal["debug", "info", "warning", "error", "critical"]
ClientEngine = Literal["edge", "httpx"]
Kind = Literal["openai", "anthropic", "gemini", "sandbox"]


class Server(Section, frozen=True, kw_only=True):
    host: Text = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=0, le=65_535)] = 8080
    """0 takes any free port."""
    engine: Literal["edge", "hypercorn"] = "edge"
    hot_routes: bool = True
    workers: Annotated[int, msgspec.Meta(ge=1, le=256)] = 1
    tls_cert: str = ""
    tls_key: str = ""
    cors_origins: tuple[Text, ...] = ()
    """Whose pages may be clients, like "https://app.example"; "*" everybody's."""
    header_bytes: Count = 65_536
    header_count: Count = 100
    header_s: Seconds = 10.0
    body_bytes: Annotated[int, msgspec.Meta(ge=1, le=1_073_741_824)] = 33_554_432
    body_progress_s: Seconds = 30.0
    keep_alive_s: Seconds = 75.0
    write_stall_s: Seconds = 10.0
    drain_delay_s: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 0.0
    drain_grace_s: Seconds = 25.0
    max_connections: Count = 4096


class TimeoutSettings(Section, frozen=True, kw_only=True):
    """Seconds a phase may take; the `reasoning_` ones are for models known to reason before they answer."""

    connect_s: Seconds = DEFAULT_TIMEOUTS.connect_s
    first_token_s: Seconds = DEFAULT_TIMEOUTS.first_token_s
    idle_s: Seconds = DEFAULT_TIMEOUTS.idle_s
    total_s: Seconds = 600.0
    hedge_after_s: Seconds = DEFAULT_TIMEOUTS.hedge_after_s
    queue_s: Seconds = DEFAULT_TIMEOUTS.queue_s
    reasoning_first_token_s: Seconds = 300.0
    reasoning_idle_s: Seconds = 120.0
    reasoning_hedge_after_s: Seconds = 60.0


class ModelTimeouts(Section, frozen=True, kw_only=True):
    """What differs for one model; left out: the provider's, then [timeouts]."""

    connect_s: Seconds | None = None
    first_token_s: Seconds | None = None
    idle_s: Seconds | None = None
    total_s: Seconds | None = None
    hedge_after_s: Seconds | None = None
    queue_s: Seconds | None = None


class ProviderTimeouts(ModelTimeouts, frozen=True, kw_only=True):
    """What differs for one provider; left out: [timeouts]."""

    reasoning_first_token_s: Seconds | None = None
    reasoning_idle_s: Seconds | None = None
    reasoning_hedge_after_s: Seconds | None = None


class Retry(Section, frozen=True, kw_only=True):
    attempts: Annotated[int, msgspec.Meta(ge=1, le=20)] = _ROUTER.retry.attempts
    budget_deposit: Annotated[float, msgspec.Meta(ge=0, le=10)] = _ROUTER.budget.deposit
    budget_start: Annotated[float, msgspec.Meta(ge=0, le=10_000)] = _ROUTER.budget.start
    budget_cap: Annotated[float, msgspec.Meta(ge=0, le=10_000)] = _ROUTER.budget.cap
    backoff_base_s: Seconds = _ROUTER.retry.backoff_base_s
    backoff_max_s: Seconds = _ROUTER.retry.backoff_max_s
    cooldown_max_s: Seconds = _PROVIDER.key_pauses.cooldown_max_s
    request_fallbacks: bool = False


class Midstream(Section, frozen=True, kw_only=True):
    policy: Literal["resume", "error"] = "resume"


class Memory(Section, frozen=True, kw_only=True):
    threshold_mb: Annotated[int, msgspec.Meta(ge=64, le=1_048_576)] = 1024
    ingress_mb: Annotated[int, msgspec.Meta(ge=1, le=1_048_576)] = 256


class Responses(Section, frozen=True, kw_only=True):
    """What is kept of answers to /v1/responses, and how many of them may run in the background."""

    max_count: Count = 10_000
    max_mb: Annotated[int, msgspec.Meta(ge=1, le=1_048_576)] = 64
    ttl_s: Annotated[float, msgspec.Meta(gt=0, le=31_536_000)] = 86_400.0
    max_background: Count = 256


class Cache(Section, frozen=True, kw_only=True):
    """Answers that are given again where exactly the same is asked by the same client."""

    enabled: bool = False
    store: Literal["memory", "shared"] = "memory"
    """`shared`: what [store] names, for all workers and hosts; without one, memory."""
    ttl_s: Annotated[float, msgspec.Meta(gt=0, le=31_536_000)] = 300.0
    max_count: Count = 10_000
    max_mb: Annotated[int, msgspec.Meta(ge=1, le=1_048_576)] = 64
    max_entry_kb: Annotated[int, msgspec.Meta(ge=1, le=1_048_576)] = 1024
    models: list[Text] = msgspec.field(default_factory=lambda: ["*"])
    """Those whose answers are kept, by the names that clients use; `*` stands for any text."""
    join: bool = False
    """Whether what is asked while the same is under way is answered with it."""


class Store(Section, frozen=True, kw_only=True):
    """What workers and hosts share; without a store each process has its own."""

    url_env: Variable = "REDIS_URL"
    prefix: Annotated[
        str, msgspec.Meta(pattern=r"^[A-Za-z0-9._:-]{1,64}$", description="at most 64 letters, digits and . _ : -")
    ] = "llm-gateway"
    ca_file: str = ""


class Catalogue(Section, frozen=True, kw_only=True):
    refresh_s: Annotated[float, msgspec.Meta(ge=0, le=604_800)] = 3600.0
    """How often providers are asked for their lists of models; 0 never."""


class Upstream(Section, frozen=True, kw_only=True):
    """How providers are reached, but for those that say otherwise."""

    engine: ClientEngine = "edge"
    ca_file: str = ""
    proxy: str = ""
    proxy_env: OptionalVariable = ""
    """The variable with a proxy's address that has a user and a password in it."""
    http2: bool = False


class ProviderUpstream(Section, frozen=True, kw_only=True):
    """What differs for one provider; left out: [upstream]."""

    engine: Literal["", "edge", "httpx"] = ""
    proxy: str = ""
    proxy_env: OptionalVariable = ""
    http2: bool = False


class Log(Section, frozen=True, kw_only=True):
    level: Level = "info"
    levels: dict[str, Level] = msgspec.field(default_factory=dict)
    """Per module, the longest dotted prefix wins."""


class Metrics(Section, frozen=True, kw_only=True):
    token_env: OptionalVariable = ""
    exemplars: bool = False
    """Whether histograms name traces, for servers that ask for OpenMetrics."""


class Traces(Section, frozen=True, kw_only=True):
    """OpenTelemetry, over OTLP/HTTP; none without an endpoint."""

    endpoint: str = ""
    """The collector's base URL, as OTEL_EXPORTER_OTLP_ENDPOINT has it: `/v1/traces` is added."""
    headers_env: OptionalVariable = "OTEL_EXPORTER_OTLP_HEADERS"
    """The variable with headers for it: `name=value,name=value`, values percent-encoded."""
    service_name: Text = "llm-gateway"
    ratio: Annotated[float, msgspec.Meta(ge=0, le=1)] = 1.0
    """The share that is sampled of requests whose client does not say."""
    content: bool = False
    """Whether messages and answers stand in spans."""
    attributes: dict[str, Text] = msgspec.field(default_factory=dict)
    """What else is known of this service, by the names of OpenTelemetry's resources."""


class ProviderBase(Rates, frozen=True, kw_only=True):
    """What every provider has."""

    kind: Kind
    max_concurrent: Count = _PROVIDER.max_concurrent
    adaptive_concurrency: bool = False
    """Whether the limit follows what the provider can take, between the two."""
    min_concurrent: Count = _GRADIENT.least
    kept_for_high: Annotated[float, msgspec.Meta(ge=0, le=0.9)] = _PROVIDER.kept_for_high
    """The share of its permits and its queue that is kept for high priority."""
    memory_mb: Annotated[int, msgspec.Meta(ge=1, le=1_048_576)] = _PROVIDER.memory_bytes // MEGABYTE
    timeouts: ProviderTimeouts = ProviderTimeouts()


class CloudProvider(ProviderBase, frozen=True, kw_only=True):
    """A provider behind HTTP; `base_url` is in the form of that provider's official client."""

    base_url: Text
    api_key_env: tuple[Variable, ...] = ()
    """The variables that may hold its keys, in order; none where it asks for no key."""
    auth: Literal["key", "passthrough"] = "key"
    """Whether it sees our key or the client's own."""
    responses: bool = False
    """Whether it has OpenAI's /responses beside chat completions; the kind openai alone can have them."""
    upstream: ProviderUpstream = ProviderUpstream()


class SandboxProvider(ProviderBase, frozen=True, kw_only=True):
    """A provider within the gateway, for trying out and for tests."""

    latency_ms: Annotated[float, msgspec.Meta(ge=0, le=600_000)] = 0.0
    tokens_per_s: Annotated[float, msgspec.Meta(ge=0, le=1_000_000)] = 0.0
    """0 is as fast as it goes."""
    fail: Literal["", "429", "500", "reset", "stall", "cut"] = ""


Provider = CloudProvider | SandboxProvider


class Route(Section, frozen=True, kw_only=True):
    """Models whose name matches go to this provider; `*` stands for any text."""

    match: Text
    provider: Text


class ModelPrices(Section, frozen=True, kw_only=True):
    """USD per million tokens; once one is given, they take the place of all that is known of the model's prices."""

    input: Usd | None = None
    output: Usd | None = None
    cached_input: Usd | None = None
    cache_write: Usd | None = None
    cache_write_1h: Usd | None = None
    audio_input: Usd | None = None
    audio_output: Usd | None = None
    reasoning_output: Usd | None = None


class Parameters(Section, frozen=True, kw_only=True, omit_defaults=True):
    """What a request gets where its client has not set it, by the names of chat completions."""

    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    top_k: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] | None = None
    max_tokens: Tokens | None = None
    max_completion_tokens: Tokens | None = None
    frequency_penalty: Annotated[float, msgspec.Meta(ge=-2, le=2)] | None = None
    presence_penalty: Annotated[float, msgspec.Meta(ge=-2, le=2)] | None = None
    seed: Seed | None = None
    stop: Text | tuple[Text, ...] | None = None
    reasoning_effort: Text | None = None
    verbosity: Literal["low", "medium", "high"] | None = None
    parallel_tool_calls: bool | None = None
    service_tier: Text | None = None


class Model(Rates, frozen=True, kw_only=True):
    """An exact model or an alias; its rates hold for all its callers together."""

    target: Text | None = None
    """Another name; left out: this one, resolved by the routes."""
    fallbacks: tuple[Text, ...] = ()
    fallback_on_content_filter: bool = False
    context_window: Tokens | None = None
    prices: ModelPrices = ModelPrices()
    parameters: Parameters = Parameters()
    timeouts: ModelTimeouts = ModelTimeouts()


class ProviderKey(msgspec.Struct, frozen=True):
    """One of a provider's keys; `label` is its variable. Its repr leaves the value out."""

    label: str
    value: str

    def __repr__(self) -> str:
        return f"ProviderKey({self.label!r})"


class Transport(msgspec.Struct, frozen=True, kw_only=True):
    """How one provider is reached."""

    engine: ClientEngine = "edge"
    proxy: str | None = None
    http2: bool = False

    def __repr__(self) -> str:
        return f"Transport({self.engine!r})"


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """All settings of one gateway, checked against each other."""

    server: Server
    auth: Auth
    timeouts: TimeoutSettings
    retry: Retry
    midstream: Midstream
    memory: Memory
    responses: Responses
    cache: Cache
    store: Store
    catalogue: Catalogue
    health: Health
    cms: Cms
    code_orchestrator: CodeOrchestrator
    upstream: Upstream
    log: Log
    metrics: Metrics
    traces: Traces
    providers: Mapping[str, Provider]
    routes: tuple[Route, ...]
    models: Mapping[str, Model]
    tools: Tools
    http_tools: Mapping[str, HttpTool]
    """By name; the gateway's own are not among them."""
    auth_required: bool
    """Whether clients must show a key, as `auth.mode` and the host come out."""
    client_keys: tuple[ClientKey, ...]
    secrets: Secrets
    """What the variables hold that settings name."""
    store_address: StoreAddress | None = None
    """None: nobody said; one at the usual place on this machine is looked for."""

    def check_every_s(self, name: str) -> float | None:
        """How often the health of a service is looked at; None where nobody said where it is, or needs it, and where
        it is switched off.
        """
        service: Service = {CMS: self.cms, CODE_ORCHESTRATOR: self.code_orchestrator}[name]
        watched = not self.is_off(name) and (bool(service.url) or name in self.health.required)
        return service.check_s if watched and service.check_s > 0 else None

    def is_off(self, name: str) -> bool:
        """Whether a service is never asked, whoever wants something of it."""
        return name == CMS and self.cms.enabled == "off"

    def provider_keys(self, name: str) -> tuple[ProviderKey, ...]:
        """The keys that the environment has for a provider."""
        provider = self.providers[name]
        if isinstance(provider, SandboxProvider):
            return ()
        present = (variable for variable in provider.api_key_env if variable in self.secrets)
        return tuple(ProviderKey(variable, self.secrets[variable]) for variable in present)

    def missing_keys(self, name: str) -> tuple[str, ...]:
        """The variables of which one must be set before this provider can be asked; empty where it can be."""
        provider = self.providers[name]
        if isinstance(provider, SandboxProvider) or provider.auth == "passthrough" or self.provider_keys(name):
            return ()
        return provider.api_key_env

    def transport(self, name: str) -> Transport:
        """How a provider is reached: as it says itself, else as [upstream] does."""
        provider, usual = self.providers[name], self.upstream
        if isinstance(provider, SandboxProvider) or (provider.upstream.engine or usual.engine) == "edge":
            return Transport()
        places = (provider.upstream, usual) if usual.engine == "httpx" else (provider.upstream,)
        proxies = (place.proxy or self.secrets.get(place.proxy_env) for place in places)
        return Transport(
            engine="httpx", proxy=next(filter(None, proxies), None), http2=any(place.http2 for place in places)
        )

    @property
    def trace_headers(self) -> tuple[tuple[str, str], ...]:
        """What the collector of traces is sent with every batch."""
        return read_headers(self.secrets.get(self.traces.headers_env, ""))

    @property
    def admin_token(self) -> str | None:
        return self.secrets.get(ADMIN_TOKEN)

    @property
    def metrics_token(self) -> str | None:
        return self.secrets.get(self.metrics.token_env)


ADMIN_TOKEN = "LLM_GATEWAY_ADMIN_TOKEN"  # noqa: S105  # a variable's name
"""The variable that holds the admin API's token."""
