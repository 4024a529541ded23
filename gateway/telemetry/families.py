"""Metric families whose children are plain numbers: what prometheus_client's would be without their locks.

One event loop counts, so an increment needs no lock: a request's updates cost a fifth of what they would with
prometheus_client's own children. A scrape is read in parts of bounded size, with turns for others between them; within
one child all figures are of one moment.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Generic, TypeVar

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.samples import Exemplar

PART_SAMPLES = 64
"""About how many samples of a family are read at once: a fifth of a millisecond's work, written out included."""
MAX_CHILDREN = 5000
"""Label combinations a family holds; all further ones count under labels that say `other`."""
OTHER = "other"

Child = TypeVar("Child")


class Cell:
    """A counter's or a gauge's number."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value: float = 0


class Buckets:
    """A histogram's numbers: how many observations fell between two bounds, and their sum."""

    __slots__ = ("bounds", "counts", "exemplars", "sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0
        self.exemplars: dict[int, Exemplar] | None = None
        """Of each bucket the last observation that has a trace."""

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    def exemplify(self, value: float, trace: str) -> None:
        """Beside `observe`: the trace in which this value was seen."""
        if self.exemplars is None:
            self.exemplars = {}
        self.exemplars[bisect_left(self.bounds, value)] = Exemplar({"trace_id": trace}, value)


class Family(Generic[Child]):
    """A name, its labels, and one child for each combination of label values that has occurred."""

    def __init__(self, name: str, text: str, labels: tuple[str, ...], make: Callable[[], Child]) -> None:
        self.name = name
        self.text = text
        self.labels = labels
        self._make = make
        self._children: dict[tuple[str, ...], Child] = {}

    def child(self, *values: str) -> Child:
        """The child with these label values, in the order of `labels`."""
        found = self._children.get(values)
        if found is None:
            if len(self._children) >= MAX_CHILDREN:
                values = (OTHER,) * len(self.labels)
            found = self._children.setdefault(values, self._make())
        return found

    def children(self) -> dict[tuple[str, ...], Child]:
        """All children by their label values, as they stand now."""
        return self._children.copy()

    def parts(self) -> Iterator[Metric]:
        """The family in pieces of bounded size, each of which is read when it is asked for; at least one."""
        children = iter(self.children().items())
        most = max(1, PART_SAMPLES // self.samples_a_child)
        part = list(islice(children, most))
        yield self._metric(part)
        while part := list(islice(children, most)):
            yield self._metric(part)

    samples_a_child = 1

    def _metric(self, children: Iterable[tuple[tuple[str, ...], Child]]) -> Metric:
        raise NotImplementedError


class Counters(Family[Cell]):
    """Numbers that only grow; the exposition appends `_total` to the name where it is missing."""

    def __init__(self, name: str, text: str, labels: tuple[str, ...], *, of_one: int = 1) -> None:
        """What is exported is counted in parts, `of_one` of which are one."""
        super().__init__(name, text, labels, Cell)
        self._of_one = of_one

    def _metric(self, children: Iterable[tuple[tuple[str, ...], Cell]]) -> Metric:
        metric = CounterMetricFamily(self.name, self.text, labels=self.labels)
        for values, cell in children:
            metric.add_metric(values, cell.value / self._of_one)
        return metric


class Gauges(Family[Cell]):
    """Numbers that go up and down."""

    def __init__(self, name: str, text: str, labels: tuple[str, ...]) -> None:
        super().__init__(name, text, labels, Cell)

    def _metric(self, children: Iterable[tuple[tuple[str, ...], Cell]]) -> Metric:
        metric = GaugeMetricFamily(self.name, self.text, labels=self.labels)
        for values, cell in children:
            metric.add_metric(values, cell.value)
        return metric


class Histograms(Family[Buckets]):
    """Distributions over fixed bounds."""

    def __init__(self, name: str, text: str, labels: tuple[str, ...], bounds: Iterable[float]) -> None:
        self.bounds = tuple(map(float, bounds))
        super().__init__(name, text, labels, lambda: Buckets(self.bounds))
        self._names = [*(str(bound) for bound in self.bounds), "+Inf"]
        self.samples_a_child = len(self._names) + 2

    def _metric(self, children: Iterable[tuple[tuple[str, ...], Buckets]]) -> Metric:
        metric = HistogramMetricFamily(self.name, self.text, labels=self.labels)
        for values, buckets in children:
            labels = dict(zip(self.labels, values, strict=True))
            exemplars = buckets.exemplars or {}
            count = 0
            for at, more in enumerate(buckets.counts):
                count += more
                metric.add_sample(
                    f"{self.name}_bucket", {**labels, "le": self._names[at]}, count, exemplar=exemplars.get(at)
                )
            metric.add_sample(f"{self.name}_count", labels, count)
            metric.add_sample(f"{self.name}_sum", labels, buckets.sum)
        return metric
