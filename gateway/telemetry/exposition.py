"""The text that Prometheus reads, written part by part with a turn for others between them.

prometheus_client writes a registry in one go, at four times the cost a sample; a thread would not help, since each of
the loop's system calls would wait for it. https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import Enum

import msgspec
import trio
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar


class Form(Enum):
    """What is written, by its content type."""

    TEXT = "text/plain; version=0.0.4; charset=utf-8"
    """What every server reads."""
    OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
    """The one that has exemplars."""


class Part(msgspec.Struct, array_like=True):
    """Some samples of one family, in columns.

    Texts and numbers are nothing to the garbage collector. Objects that live as long as a scrape of thousands of
    samples are: looking through them held everybody up for 10 ms.
    """

    name: str
    text: str
    kind: str
    series: list[str]
    """A sample's name and labels, as they are written."""
    values: list[float]
    exemplars: dict[str, str]
    """As they are written, by series."""


def parts_of(metrics: Collector) -> Iterator[Part]:
    """Each is read when it is asked for."""
    return map(_part, metrics.collect())


async def expose(parts: Iterable[Part], form: Form = Form.TEXT) -> bytes:
    """The whole exposition; parts of one family stand one behind the other."""
    written: list[bytes] = []
    family = ""
    for part in parts:
        head = _head(part, form) if part.name != family else ""
        family = part.name
        written.append((head + "".join(_lines(part, form))).encode())
        await trio.lowlevel.checkpoint()
    if form is Form.OPENMETRICS:
        written.append(b"# EOF\n")
    return b"".join(written)


def _part(metric: Metric) -> Part:
    series, values, exemplars = [], [], {}
    for sample in metric.samples:
        name = f"{sample.name}{_labels(sample.labels)}"
        series.append(name)
        values.append(float(sample.value))
        if sample.exemplar is not None:
            exemplars[name] = _exemplar(sample.exemplar)
    return Part(metric.name, metric.documentation, metric.type, series, values, exemplars)


def _head(part: Part, form: Form) -> str:
    name = part.name
    if form is Form.TEXT and part.kind == "counter":
        name += "_total"
    text = part.text.replace("\\", r"\\").replace("\n", r"\n")
    return f"# HELP {name} {text}\n# TYPE {name} {part.kind}\n"


def _lines(part: Part, form: Form) -> Iterator[str]:
    lines = zip(part.series, part.values, strict=True)
    if not part.exemplars or form is not Form.OPENMETRICS:
        return (f"{series} {_number(value)}\n" for series, value in lines)
    return (f"{series} {_number(value)}{part.exemplars.get(series, '')}\n" for series, value in lines)


def _exemplar(exemplar: Exemplar) -> str:
    return f" # {_labels(exemplar.labels)} {_number(exemplar.value)}"


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join([f'{name}="{_escaped(value)}"' for name, value in labels.items()]) + "}"


def _escaped(value: str) -> str:
    if "\\" in value or "\n" in value or '"' in value:
        value = value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
    return value


def _number(value: float) -> str:
    return str(float(value)) if value != float("inf") else "+Inf"
