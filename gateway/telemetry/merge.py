"""One scrape of several workers: counters and histograms add up, gauges where a sum means something.

A gauge whose sum means nothing (a breaker's state) keeps each worker's value beside its name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec
from prometheus_client import generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from gateway.telemetry.metrics import IN_FLIGHT, MAILBOX_DEPTHS, MEMORY, WAITING

ADDED_UP: Final = frozenset({IN_FLIGHT[0], WAITING[0], MEMORY[0], MAILBOX_DEPTHS[0]})
"""Gauges of which the workers' sum is the gateway's."""
UP: Final = ("gateway_worker_up", "Whether a worker is counted in this scrape; 0: it did not answer in time.")


class _Sample(msgspec.Struct, array_like=True):
    name: str
    labels: dict[str, str]
    value: float


class _Family(msgspec.Struct, array_like=True):
    name: str
    text: str
    kind: str
    samples: list[_Sample]


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(list[_Family]).decode


def tell(metrics: Collector) -> bytes:
    """A worker's figures as its siblings read them."""
    return _encode(list(_families(metrics)))


def merge(worker: str, metrics: Collector, told: Mapping[str, bytes | None]) -> tuple[bytes, str]:
    """The exposition of this worker and its siblings, and its content type; None for who did not answer."""
    parts = {worker: list(_families(metrics))}
    parts |= {name: _decode(figures) for name, figures in told.items() if figures is not None}
    return generate_latest(_Merged(parts, [name for name in told if name not in parts])), CONTENT_TYPE_PLAIN_0_0_4


class _Merged(Collector):
    def __init__(self, parts: Mapping[str, Iterable[_Family]], absent: Iterable[str]) -> None:
        self._parts = parts
        self._absent = absent

    def collect(self) -> Iterator[Metric]:
        yield from _added(self._parts)
        up = GaugeMetricFamily(*UP, labels=("worker",))
        for name in sorted([*self._parts, *self._absent]):
            up.add_metric((name,), float(name in self._parts))
        yield up


def _added(parts: Mapping[str, Iterable[_Family]]) -> Iterator[Metric]:
    metrics: dict[str, Metric] = {}
    sums: dict[str, dict[tuple[str, tuple[tuple[str, str], ...]], float]] = {}
    for worker, families in parts.items():
        for family in families:
            metrics.setdefault(family.name, Metric(family.name, family.text, family.kind))
            own = {} if family.kind != "gauge" or family.name in ADDED_UP else {"worker": worker}
            values = sums.setdefault(family.name, {})
            for name, labels, value in map(msgspec.structs.astuple, family.samples):
                key = name, tuple({**labels, **own}.items())
                values[key] = values.get(key, 0.0) + value
    for family_name, metric in metrics.items():
        for (name, labels), value in sums[family_name].items():
            metric.add_sample(name, dict(labels), value)
        yield metric


def _families(metrics: Collector) -> Iterator[_Family]:
    for metric in metrics.collect():
        samples = [_Sample(sample.name, dict(sample.labels), sample.value) for sample in metric.samples]
        yield _Family(metric.name, metric.documentation, metric.type, samples)
