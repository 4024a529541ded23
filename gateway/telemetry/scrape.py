"""One scrape: what was counted as it happened, beside what actors know of themselves at this moment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from gateway.telemetry.contract import (
    CONCURRENCY,
    IN_FLIGHT,
    MAILBOX_DEPTHS,
    MEMORY,
    RESTARTS,
    TASKS,
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


class Scrape(Collector):
    """The registry's metrics, and the figures of one moment: the actors', and how many tasks there are."""

    def __init__(self, registry: CollectorRegistry, actors: tuple[ActorFigures, ...], tasks: int) -> None:
        self._registry = registry
        self._actors = actors
        self._tasks = tasks

    def collect(self) -> Iterator[Metric]:
        yield from self._registry.collect()
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
        yield GaugeMetricFamily(*TASKS, value=self._tasks)
