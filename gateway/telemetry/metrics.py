"""The gateway's metrics, as they are counted; what they are called stands in `contract`.

Each gateway has its own registry. A request costs one dictionary look-up for its bundle of children and plain
additions after that (see `families`). What actors know of themselves is asked at the scrape, as is what was billed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from gateway.money import NANO
from gateway.telemetry.contract import (
    BREAKER_FAILURES,
    BREAKER_STATES,
    CACHE,
    COSTS,
    DISCONNECT_BOUNDS_S,
    DISCONNECTS,
    DURATIONS,
    ERRORS,
    FIRST_TOKEN_BOUNDS_S,
    FIRST_TOKENS,
    NOBODY,
    OVERHEAD_BOUNDS_S,
    OVERHEADS,
    PRESSURE,
    REQUESTS,
    RETRIES,
    SERVICE_BOUNDS_S,
    SERVICE_SECONDS,
    SPANS,
    STORE_BOUNDS_S,
    STORE_MODE,
    STORE_SECONDS,
    STORE_UNANSWERED,
    TOKEN_TYPES,
    TOKENS,
    TOOL_SECONDS,
    TOTAL_BOUNDS_S,
    UNPRICED,
)
from gateway.telemetry.families import MAX_CHILDREN, OTHER, Buckets, Cell, Counters, Gauges, Histograms
from gateway.telemetry.scrape import Scrape, Snapshot
from gateway.telemetry.traffic import ProviderTraffic, traffic_of


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


class Billed(Protocol):
    """What answers of one model come to: tokens, money in nano-USD, and how many answers nobody knows the price of."""

    prompt: int
    completion: int
    cached: int
    reasoning: int
    nano_usd: int
    unpriced: int


TakeBills = Callable[[], Mapping[tuple[str, str], Billed]]
"""What has been billed since it was last asked, by provider and model."""


def nothing_billed() -> Mapping[tuple[str, str], Billed]:
    """For those who bill nobody."""
    return {}


class Metrics(Collector):
    """All of one gateway's metrics. Counting belongs to the event loop's thread.

    `known` says whether a model is configured or in the catalogue: all others share the label `other`. `snapshot`
    reads the actors, and `count_tasks` the event loop, on its thread too; `take_bills` is asked with every scrape.
    """

    def __init__(
        self,
        known: Callable[[str], bool],
        snapshot: Snapshot = tuple,
        *,
        take_bills: TakeBills = nothing_billed,
        count_tasks: Callable[[], int] = lambda: 0,
        exemplars: bool = False,
    ) -> None:
        self.exemplars = exemplars
        """Whether histograms name traces in which their values were seen."""
        self._known = known
        self._snapshot = snapshot
        self._count_tasks = count_tasks
        self._take_bills = take_bills
        self._series: dict[tuple[str, str, str, int, bool], RequestSeries] = {}
        """By what `series` is asked with."""
        self._requests = Counters(*REQUESTS)
        self._durations = Histograms(*DURATIONS, TOTAL_BOUNDS_S)
        self._tokens = Counters(*TOKENS)
        self._costs = Counters(*COSTS, of_one=NANO)
        self._unpriced = Counters(*UNPRICED)
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
        self._store_unanswered = Counters(*STORE_UNANSWERED)
        self.registry = CollectorRegistry(auto_describe=False)
        self.registry.register(self)

    def series(self, provider: str, model: str, endpoint: str, status: int, stream: bool) -> RequestSeries:
        """Where such requests count; `model` as the provider knows it."""
        labels = (provider, model, endpoint, status, stream)
        found = self._series.get(labels)
        if found is not None:
            return found
        label = self.model_label(model)
        if label != model:  # not kept under its own name: clients make up as many as they like
            return self.series(provider, label, endpoint, status, stream)
        made = RequestSeries(
            requests=self._requests.child(provider, model, endpoint, str(status)),
            duration=self._durations.child(provider, model, endpoint, "true" if stream else "false"),
            first_token=self._first_tokens.child(provider, endpoint),
            overhead=self._overheads.child(provider, endpoint),
        )
        if len(self._series) < MAX_CHILDREN:
            self._series[labels] = made
        return made

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

    def count_store_unanswered(self, operation: str) -> None:
        self._store_unanswered.child(operation).value += 1

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

    def costs(self) -> dict[tuple[str, str], int]:
        """What answers have cost, in nano-USD, by the labels of provider and model."""
        self.count_bills()
        return {(provider, model): int(cell.value) for (provider, model), cell in self._costs.children().items()}

    def traffic(self) -> dict[str, ProviderTraffic]:
        """By provider, for those who watch."""
        self.count_bills()
        return traffic_of(self._requests, self._errors, self._tokens, self._first_tokens)

    def now(self) -> Collector:
        """The figures, with the actors' of this moment."""
        return Scrape(self.registry, tuple(self._snapshot()), self._count_tasks())

    def collect(self) -> Iterator[Metric]:
        """For the registry: everything that is counted as it happens, in parts of bounded size."""
        self.count_bills()
        for counters in (
            self._requests,
            self._tokens,
            self._costs,
            self._unpriced,
            self._errors,
            self._breaker_failures,
            self._retries,
            self._spans,
            self._cache,
            self._store_unanswered,
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

    def count_bills(self) -> None:
        """Tokens and money are added up with the bills; what is new of them is counted before anybody reads.

        So it is before models go: what they took counts as theirs, by the names that are known now.
        """
        for (provider, model), billed in self._take_bills().items():
            label = self.model_label(model)
            for kind in TOKEN_TYPES:
                self._tokens.child(provider, label, kind).value += getattr(billed, kind)
            self._costs.child(provider, label).value += billed.nano_usd
            self._unpriced.child(provider, label).value += billed.unpriced
