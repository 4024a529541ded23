"""One scrape: what was counted as it happened, beside what actors and the ledger know of themselves at this moment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from gateway.money import NANO
from gateway.telemetry.contract import (
    CONCURRENCY,
    COSTS,
    IN_FLIGHT,
    MAILBOX_DEPTHS,
    MEMORY,
    RESTARTS,
    UNPRICED,
    WAITING,
)


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


class Scrape(Collector):
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
