"""One scrape of several workers: counters and histograms add up, of lives that have ended too; gauges where a sum means
something.

A gauge whose sum means nothing (a breaker's state) keeps each worker's value beside its name. Everything is done part
by part, with a turn for others between them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Final

import msgspec
import trio
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar

from gateway.telemetry.families import PART_SAMPLES
from gateway.telemetry.kept_figures import NOTHING_KEPT, Kept
from gateway.telemetry.metrics import IN_FLIGHT, MAILBOX_DEPTHS, MEMORY, WAITING

ADDED_UP: Final = frozenset({IN_FLIGHT[0], WAITING[0], MEMORY[0], MAILBOX_DEPTHS[0]})
"""Gauges of which the workers' sum is the gateway's."""
COUNTED: Final = frozenset({"counter", "histogram"})
UP: Final = ("gateway_worker_up", "Whether a worker is counted in this scrape; 0: it did not answer in time.")


class _Sample(msgspec.Struct, array_like=True):
    name: str
    labels: dict[str, str]
    value: float
    exemplar: tuple[dict[str, str], float] | None = None


class _Family(msgspec.Struct, array_like=True):
    name: str
    text: str
    kind: str
    samples: list[_Sample]


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Family).decode


async def tell(metrics: Collector, life: str = "") -> bytes:
    """A worker's figures as its siblings read them: the name of its life, then a line a part."""
    lines = [life.encode()]
    for family in _families(metrics):
        lines.append(_encode(family))
        await trio.lowlevel.checkpoint()
    return b"\n".join(lines)


async def merge(
    worker: str, own: bytes, told: Mapping[str, bytes | None], kept: Callable[[], Kept] = lambda: NOTHING_KEPT
) -> Iterator[Metric]:
    """The parts of what this worker (`own`) and its siblings tell; None for who did not answer.

    And of what is `kept` of lives that tell nothing any more.
    """
    sums = _Sums()
    lives = {name: figures.split(b"\n") for name, figures in {worker: own, **told}.items() if figures is not None}
    there_is = kept()
    for name, (life, *lines) in lives.items():
        if life.decode() not in there_is.folded:
            for line in lines:
                sums.add(name, _decode(line))
                await trio.lowlevel.checkpoint()
    spoken_for = {life.decode() for life, *_ in lives.values()} | there_is.folded
    silent = [figures.split(b"\n")[1:] for life, figures in there_is.lives.items() if life not in spoken_for]
    for lines in (*silent, there_is.gone.splitlines()):
        for line in lines:
            sums.add_counted(_decode(line))
            await trio.lowlevel.checkpoint()
    up = GaugeMetricFamily(*UP, labels=("worker",))
    for name in sorted({worker, *told}):
        up.add_metric((name,), float(name in lives))
    return _followed_by(sums.parts(), up)


def add_up(gone: bytes, told: bytes) -> bytes:
    """The sum of those that have gone, with one more, in lines of parts."""
    sums = _Sums()
    for line in (*gone.splitlines(), *told.split(b"\n")[1:]):
        sums.add_counted(_decode(line))
    return b"\n".join(_encode(family) for family in sums.families())


_Key = tuple[str, tuple[tuple[str, str], ...]]
"""A sample's name and labels."""


class _Sums:
    """What has been added up so far, family by family in the order in which they first came."""

    def __init__(self) -> None:
        self._families: dict[str, _Family] = {}
        self._values: dict[str, dict[_Key, float]] = {}
        self._exemplars: dict[_Key, Exemplar] = {}

    def add(self, worker: str, family: _Family) -> None:
        self._families.setdefault(family.name, family)
        own = {} if family.kind != "gauge" or family.name in ADDED_UP else {"worker": worker}
        values = self._values.setdefault(family.name, {})
        for sample in family.samples:
            key = sample.name, tuple({**sample.labels, **own}.items())
            values[key] = values.get(key, 0.0) + sample.value
            if sample.exemplar is not None:
                self._exemplars[key] = Exemplar(*sample.exemplar)

    def add_counted(self, family: _Family) -> None:
        """Of who has gone, only what it has counted: a gauge of its is no fact any more."""
        if family.kind in COUNTED:
            self.add("", family)

    def families(self) -> Iterator[_Family]:
        """For `add`, in another process."""
        for name, family in self._families.items():
            samples = [_Sample(key[0], dict(key[1]), value) for key, value in self._values[name].items()]
            yield _Family(family.name, family.text, family.kind, samples)

    def parts(self) -> Iterator[Metric]:
        for name, family in self._families.items():
            values = iter(self._values[name].items())
            part = list(islice(values, PART_SAMPLES))
            yield self._metric(family, part)
            while part := list(islice(values, PART_SAMPLES)):
                yield self._metric(family, part)

    def _metric(self, family: _Family, values: Iterable[tuple[_Key, float]]) -> Metric:
        metric = Metric(family.name, family.text, family.kind)
        for key, value in values:
            name, labels = key
            metric.add_sample(name, dict(labels), value, exemplar=self._exemplars.get(key))
        return metric


def _followed_by(parts: Iterator[Metric], last: Metric) -> Iterator[Metric]:
    yield from parts
    yield last


def _families(metrics: Collector) -> Iterator[_Family]:
    for metric in metrics.collect():
        samples = [
            _Sample(
                sample.name,
                dict(sample.labels),
                sample.value,
                None if sample.exemplar is None else (dict(sample.exemplar.labels), sample.exemplar.value),
            )
            for sample in metric.samples
        ]
        yield _Family(metric.name, metric.documentation, metric.type, samples)
