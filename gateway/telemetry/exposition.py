"""The text that Prometheus reads, written part by part with a turn for others between them.

prometheus_client writes a registry in one go, at four times the cost a sample; a thread would not help, since each of
the loop's system calls would wait for it. https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import Enum

import trio
from prometheus_client.metrics_core import Metric
from prometheus_client.samples import Exemplar


class Form(Enum):
    """What is written, by its content type."""

    TEXT = "text/plain; version=0.0.4; charset=utf-8"
    """What every server reads."""
    OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
    """The one that has exemplars."""


async def expose(parts: Iterable[Metric], form: Form = Form.TEXT) -> bytes:
    """The whole exposition; parts of one family stand one behind the other."""
    lines: list[str] = []
    family = ""
    for part in parts:
        if part.name != family:
            family = part.name
            lines += _head(part, form)
        lines += _samples(part, form)
        await trio.lowlevel.checkpoint()
    if form is Form.OPENMETRICS:
        lines.append("# EOF\n")
    return "".join(lines).encode()


def _head(metric: Metric, form: Form) -> Iterator[str]:
    name = metric.name
    if form is Form.TEXT and metric.type == "counter":
        name += "_total"
    text = metric.documentation.replace("\\", r"\\").replace("\n", r"\n")
    yield f"# HELP {name} {text}\n"
    yield f"# TYPE {name} {metric.type}\n"


def _samples(metric: Metric, form: Form) -> Iterator[str]:
    for sample in metric.samples:
        line = f"{sample.name}{_labels(sample.labels)} {_number(sample.value)}"
        if sample.exemplar is not None and form is Form.OPENMETRICS:
            line += _exemplar(sample.exemplar)
        yield line + "\n"


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
