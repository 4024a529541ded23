"""The gateway's metrics: names and labels are a contract with dashboards, so they stand in one table here.

Each gateway has its own registry. A request costs one dictionary look-up for its bundle of children and plain
additions after that (see `families`). What actors know of themselves is asked at the scrape.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import msgspec
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from gateway.dialects.envelope import Usage
from gateway.money import NANO
from gateway.telemetry.families import MAX_CHILDREN, OTHER, Buckets, Cell, Counters, Gauges, Histograms
from gateway.telemetry.traffic import ProviderTraffic, traffic_of

NOBODY = "none"
"""The provider and model of a request that was turned away before anybody was chosen."""

REQUESTS = ("llm_request_total", "Requests by how they ended.", ("provider", "model", "endpoint", "status"))
DURATIONS = (
    "llm_request_duration_seconds",
    "From a request's arrival to its last byte.",
    ("provider", "model", "endpoint", "stream"),
)
TOKENS = (
    "llm_tokens_total",
    "Tokens as they are billed, whoever's answer a client got; cached are part of prompt, reasoning of completion.",
    ("provider", "model", "type"),
)
COSTS = (
    "llm_cost_usd",
    "What answers have cost, by the prices that are known; whoever's answer a client got.",
    ("provider", "model"),
)
UNPRICED = ("llm_unpriced_calls", "Answers of models whose prices nobody knows.", ("provider", "model"))
TOKEN_TYPES = ("prompt", "completion", "cached", "reasoning")
ERRORS = (
    "llm_errors_total",
    "Attempts that failed, requests turned away, and events of streams that were left out.",
    ("provider", "type"),
)
BREAKER_STATES = ("circuit_breaker_state", "0 closed, 1 half-open, 2 open.", ("provider", "model"))
BREAKER_FAILURES = ("circuit_breaker_failures", "Failures that a breaker counted.", ("provider", "model"))
RETRIES = ("retry_attempts_total", "Attempts after a call's first one.", ("provider", "operation"))
FIRST_TOKENS = (
    "llm_time_to_first_token_seconds",
    "From a request's arrival to its first content.",
    ("provider", "endpoint"),
)
OVERHEADS = (
    "gateway_overhead_seconds",
    "A request's time without that in which an upstream had it.",
    ("provider", "endpoint"),
)
DISCONNECTS = (
    "gateway_disconnect_to_upstream_closed_seconds",
    "From a client's leaving to the end of the upstream call.",
    ("endpoint",),
)
IN_FLIGHT = ("gateway_in_flight", "Calls in flight.")
WAITING = ("gateway_waiting", "Calls that wait for a permit.")
CONCURRENCY = ("gateway_concurrency_limit", "Calls that may be in flight.")
MEMORY = ("gateway_memory_bytes", "Bytes charged to the budget; of the actor `memory` what the process holds.")
MAILBOX_DEPTHS = ("gateway_actor_mailbox_depth", "Letters not yet read.")
RESTARTS = ("gateway_actor_restarts_total", "Restarts by the supervisor.")
STORE_SECONDS = (
    "gateway_store_seconds",
    "From a command for the shared store to its reply, or to the knowledge that none comes.",
    ("operation",),
)
SERVICE_SECONDS = (
    "gateway_service_seconds",
    "What asking a service beside the gateway, or running a tool, took.",
    ("service", "operation", "outcome"),
)
PRESSURE = ("gateway_memory_pressure", "0 none, 1 does with less, 2 refuses new work.", ())
TOOL_SECONDS = ("gateway_tool_seconds", "What running a tool took, for a client or for a model.", ("tool", "outcome"))
CACHE = (
    "gateway_cache_total",
    "Requests that asked the cache: hit, miss, or joined to one under way.",
    ("endpoint", "result"),
)
STORE_MODE = ("gateway_store_mode", "0 none (memory), 1 connected, 2 degraded.", ())
SPANS = (
    "gateway_spans_total",
    "Spans of traces: exported, or lost as queue_full, rejected by the collector, or drained.",
    ("outcome",),
)

TOTAL_BOUNDS_S = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600)
FIRST_TOKEN_BOUNDS_S = (0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 20, 30, 60)
OVERHEAD_BOUNDS_S = (5e-5, 1e-4, 1.5e-4, 2e-4, 3e-4, 5e-4, 7.5e-4, 1e-3, 2e-3, 5e-3, 0.01, 0.025, 0.05, 0.1)
STORE_BOUNDS_S = (2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 0.01, 0.025, 0.05, 0.1)
SERVICE_BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
DISCONNECT_BOUNDS_S = (1e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1)


class RequestLabels(msgspec.Struct, frozen=True, gc=False):
    """What tells one request's series from another's; `model` as the provider knows it."""

    provider: str
    model: str
    endpoint: str
    status: int
    stream: bool


class ActorFigures(NamedTuple):
    """One actor at the moment of a scrape; None where the figure means nothing for its kind."""

    actor: str
    mailbox_depth: int
    restarts: int
    in_flight: int | None = None
    waiting: int | None = None
    memory_bytes: int | None = None
    concurrency_limit: int | None = None


Snapshot = Callable[[], Iterable[ActorFigures]]


class Cost(NamedTuple):
    """What a model of a provider has cost since the process began."""

    provider: str
    model: str
    nano_usd: int
    unpriced: int
    """Calls that nobody knows the cost of."""


Costs = Callable[[], Iterable[Cost]]


@dataclass(frozen=True, slots=True)
class RequestSeries:
    """The children that requests with the same labels count into."""

    requests: Cell
    duration: Buckets
    first_token: Buckets
    overhead: Buckets

    def exemplify(self, total_s: float, first_token_s: float | None, trace: str) -> None:
        """Names the trace in which these times were seen."""
        self.duration.exemplify(total_s, trace)
        if first_token_s is not None:
            self.first_token.exemplify(first_token_s, trace)


class TokenSeries(NamedTuple):
    """The children that one model's tokens count into, one of TOKEN_TYPES each."""

    prompt: Cell
    completion: Cell
    cached: Cell
    reasoning: Cell


class Metrics(Collector):
    """All of one gateway's metrics. Counting belongs to the event loop's thread.

    `known` says whether a model is configured or in the catalogue: all others share the label `other`. `snapshot`
    reads the actors and `costs` the ledger, on the event loop's thread too.
    """

    def __init__(
        self,
        known: Callable[[str], bool],
        snapshot: Snapshot = tuple,
        costs: Costs = tuple,
        *,
        exemplars: bool = False,
    ) -> None:
        self.exemplars = exemplars
        """Whether histograms name traces in which their values were seen."""
        self._known = known
        self._snapshot = snapshot
        self._costs = costs
        self._series: dict[RequestLabels, RequestSeries] = {}
        self._token_series: dict[tuple[str, str], TokenSeries] = {}
        self._requests = Counters(*REQUESTS)
        self._durations = Histograms(*DURATIONS, TOTAL_BOUNDS_S)
        self._tokens = Counters(*TOKENS)
        self._errors = Counters(*ERRORS)
        self._breaker_states = Gauges(*BREAKER_STATES)
        self._breaker_failures = Counters(*BREAKER_FAILURES)
        self._retries = Counters(*RETRIES)
        self._first_tokens = Histograms(*FIRST_TOKENS, FIRST_TOKEN_BOUNDS_S)
        self._overheads = Histograms(*OVERHEADS, OVERHEAD_BOUNDS_S)
        self._disconnects = Histograms(*DISCONNECTS, DISCONNECT_BOUNDS_S)
        self._store_seconds = Histograms(*STORE_SECONDS, STORE_BOUNDS_S)
        self._service_seconds = Histograms(*SERVICE_SECONDS, SERVICE_BOUNDS_S)
        self._tool_seconds = Histograms(*TOOL_SECONDS, SERVICE_BOUNDS_S)
        self._store_mode = Gauges(*STORE_MODE)
        self._pressure = Gauges(*PRESSURE)
        self._pressure.child()
        self._spans = Counters(*SPANS)
        self._cache = Counters(*CACHE)
        self.registry = CollectorRegistry(auto_describe=False)
        self.registry.register(self)

    def series(self, labels: RequestLabels) -> RequestSeries:
        """Where requests with these labels count."""
        found = self._series.get(labels)
        if found is not None:
            return found
        model = self.model_label(labels.model)
        if model != labels.model:  # not kept under its own name: clients make up as many as they like
            return self.series(msgspec.structs.replace(labels, model=model))
        made = self._make_series(labels)
        if len(self._series) < MAX_CHILDREN:
            self._series[labels] = made
        return made

    def count_tokens(self, provider: str, model: str, usage: Usage) -> None:
        """What one attempt is billed for."""
        series = self._token_series.get((provider, model)) or self._make_token_series(provider, model)
        series.prompt.value += usage.prompt
        series.completion.value += usage.completion
        series.cached.value += usage.cached
        series.reasoning.value += usage.reasoning

    def count_error(self, provider: str, kind: str, count: int = 1) -> None:
        self._errors.child(provider or NOBODY, kind).value += count

    def count_retry(self, provider: str, operation: str) -> None:
        self._retries.child(provider, operation).value += 1

    def count_breaker_failure(self, provider: str, model: str) -> None:
        """`model` is "*" for the breaker of the provider's host."""
        self._breaker_failures.child(provider, self.model_label(model)).value += 1

    def set_breaker(self, provider: str, model: str, state: int) -> None:
        """0 closed, 1 half-open, 2 open; `model` as above."""
        self._breaker_states.child(provider, self.model_label(model)).value = state

    def close_breakers(self, provider: str) -> None:
        """A provider that starts anew starts with closed breakers."""
        for (name, _), cell in self._breaker_states.children().items():
            if name == provider:
                cell.value = 0

    def observe_disconnect(self, endpoint: str, seconds: float) -> None:
        self._disconnects.child(endpoint).observe(seconds)

    def observe_store(self, operation: str, seconds: float) -> None:
        self._store_seconds.child(operation).observe(seconds)

    def observe_service(self, service: str, operation: str, outcome: str, seconds: float) -> None:
        self._service_seconds.child(service, operation, outcome).observe(seconds)

    def observe_tool(self, tool: str, outcome: str, seconds: float) -> None:
        self._tool_seconds.child(tool, outcome).observe(seconds)

    def set_store_mode(self, mode: int) -> None:
        """0 none, 1 connected, 2 degraded."""
        self._store_mode.child().value = mode

    def set_pressure(self, pressure: int) -> None:
        """0 none, 1 does with less, 2 refuses new work."""
        self._pressure.child().value = pressure

    def count_cache(self, endpoint: str, result: str) -> None:
        self._cache.child(endpoint, result).value += 1

    def count_spans(self, outcome: str, count: int) -> None:
        """`exported`, or why they are lost."""
        self._spans.child(outcome).value += count

    def model_label(self, model: str) -> str:
        """`model` as a label: a name nobody knows counts as `other`, none at all as `none`."""
        if model in ("*", NOBODY, OTHER) or (model and self._known(model)):
            return model
        return OTHER if model else NOBODY

    def traffic(self) -> dict[str, ProviderTraffic]:
        """By provider, for those who watch."""
        return traffic_of(self._requests, self._errors, self._tokens, self._first_tokens)

    def now(self) -> Collector:
        """The figures, with the actors' and the ledger's of this moment."""
        costs = [cost._replace(model=self.model_label(cost.model)) for cost in self._costs()]
        return _Scrape(self.registry, tuple(self._snapshot()), costs)

    def collect(self) -> Iterator[Metric]:
        """For the registry: everything that is counted as it happens, in parts of bounded size."""
        for counters in (
            self._requests,
            self._tokens,
            self._errors,
            self._breaker_failures,
            self._retries,
            self._spans,
            self._cache,
        ):
            yield from counters.parts()
        yield from self._breaker_states.parts()
        yield from self._store_mode.parts()
        yield from self._pressure.parts()
        for histograms in (
            self._durations,
            self._first_tokens,
            self._overheads,
            self._disconnects,
            self._store_seconds,
            self._service_seconds,
            self._tool_seconds,
        ):
            yield from histograms.parts()

    def _make_series(self, labels: RequestLabels) -> RequestSeries:
        provider, model, endpoint = labels.provider, labels.model, labels.endpoint
        return RequestSeries(
            requests=self._requests.child(provider, model, endpoint, str(labels.status)),
            duration=self._durations.child(provider, model, endpoint, "true" if labels.stream else "false"),
            first_token=self._first_tokens.child(provider, endpoint),
            overhead=self._overheads.child(provider, endpoint),
        )

    def _make_token_series(self, provider: str, model: str) -> TokenSeries:
        label = self.model_label(model)
        made = TokenSeries(*(self._tokens.child(provider, label, kind) for kind in TOKEN_TYPES))
        if label == model and len(self._token_series) < MAX_CHILDREN:  # as in `series`
            self._token_series[provider, model] = made
        return made


class _Scrape(Collector):
    """The registry's metrics, the actors' figures and the costs of one moment."""

    def __init__(self, registry: CollectorRegistry, actors: tuple[ActorFigures, ...], costs: Iterable[Cost]) -> None:
        self._registry = registry
        self._actors = actors
        self._costs = costs

    def collect(self) -> Iterator[Metric]:
        yield from self._registry.collect()
        yield from self._collect_costs()
        in_flight, limit, waiting, memory, depth = (
            GaugeMetricFamily(*name_and_text, labels=("actor",))
            for name_and_text in (IN_FLIGHT, CONCURRENCY, WAITING, MEMORY, MAILBOX_DEPTHS)
        )
        restarts = CounterMetricFamily(*RESTARTS, labels=("actor",))
        for figures in self._actors:
            label = (figures.actor,)
            depth.add_metric(label, figures.mailbox_depth)
            restarts.add_metric(label, figures.restarts)
            for family, value in (
                (in_flight, figures.in_flight),
                (limit, figures.concurrency_limit),
                (waiting, figures.waiting),
                (memory, figures.memory_bytes),
            ):
                if value is not None:
                    family.add_metric(label, value)
        yield from (in_flight, limit, waiting, memory, depth, restarts)

    def _collect_costs(self) -> Iterator[Metric]:
        money: Counter[tuple[str, str]] = Counter()
        unpriced: Counter[tuple[str, str]] = Counter()
        for cost in self._costs:  # several models may share the label `other`
            money[cost.provider, cost.model] += cost.nano_usd
            unpriced[cost.provider, cost.model] += cost.unpriced
        usd, calls = (CounterMetricFamily(name, text, labels=labels) for name, text, labels in (COSTS, UNPRICED))
        for labels, nano_usd in money.items():
            usd.add_metric(labels, nano_usd / NANO)
            calls.add_metric(labels, unpriced[labels])
        yield from (usd, calls)
