"""One scrape of several workers: counters and histograms add up, of lives that have ended too; gauges where a sum means
something.

A gauge whose sum means nothing (a breaker's state) keeps each worker's value beside its name. Everything is done part
by part, with a turn for others between them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Final

import msgspec
import trio
from prometheus_client.registry import Collector

from gateway.telemetry.contract import IN_FLIGHT, MAILBOX_DEPTHS, MEMORY, TASKS, WAITING
from gateway.telemetry.exposition import Part, parts_of
from gateway.telemetry.families import PART_SAMPLES
from gateway.telemetry.kept_figures import ReadKept, nothing_kept

ADDED_UP: Final = frozenset({IN_FLIGHT[0], WAITING[0], MEMORY[0], MAILBOX_DEPTHS[0], TASKS[0]})
"""Gauges of which the workers' sum is the gateway's."""
COUNTED: Final = frozenset({"counter", "histogram"})
UP: Final = ("gateway_worker_up", "Whether a worker is counted in this scrape; 0: it did not answer in time.")


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Part).decode


async def tell(metrics: Collector, life: str = "") -> bytes:
    """A worker's figures as its siblings read them: the name of its life, then a line a part."""
    lines = [life.encode()]
    for part in parts_of(metrics):
        lines.append(_encode(part))
        await trio.lowlevel.checkpoint()
    return b"\n".join(lines)


async def merge(
    worker: str, own: bytes, told: Mapping[str, bytes | None], kept: ReadKept = nothing_kept
) -> Iterator[Part]:
    """The parts of what this worker (`own`) and its siblings tell; None for who did not answer.

    And of what is `kept` of lives that tell nothing any more.
    """
    sums = _Sums()
    figures_of = {name: figures for name, figures in {worker: own, **told}.items() if figures is not None}
    lives = {_life_in(figures) for figures in figures_of.values()}
    there_is = await kept(lives)
    for name, figures in figures_of.items():
        life, *lines = figures.split(b"\n")
        if life.decode() not in there_is.folded:
            for line in lines:
                sums.add(name, _decode(line))
                await trio.lowlevel.checkpoint()
    for name, figures in there_is.lives.items():
        if name not in lives | there_is.folded:
            await _add_counted(sums, figures.split(b"\n")[1:])
    await _add_counted(sums, there_is.gone.splitlines())
    workers = sorted({worker, *told})
    up = [_of_worker(UP[0], name) for name in workers]
    return chain(sums.parts(), [Part(*UP, "gauge", up, [float(name in figures_of) for name in workers], {})])


def add_up(gone: bytes, told: bytes) -> bytes:
    """The sum of those that have gone, with one more, in lines of parts."""
    sums = _Sums()
    for line in (*gone.splitlines(), *told.split(b"\n")[1:]):
        sums.add_counted(_decode(line))
    return b"\n".join(_encode(part) for part in sums.parts())


class _Sums:
    """What has been added up so far, family by family in the order in which they first came."""

    def __init__(self) -> None:
        self._families: dict[str, tuple[str, str]] = {}
        """What each is, and its kind."""
        self._values: dict[str, dict[str, float]] = {}
        """By family, then by series."""
        self._exemplars: dict[str, str] = {}

    def add(self, worker: str, part: Part) -> None:
        self._families.setdefault(part.name, (part.text, part.kind))
        values = self._values.setdefault(part.name, {})
        adds_up = part.kind != "gauge" or part.name in ADDED_UP
        names = part.series if adds_up else [_of_worker(series, worker) for series in part.series]
        for series, value in zip(names, part.values, strict=True):
            values[series] = values.get(series, 0.0) + value
        self._exemplars.update(part.exemplars)

    def add_counted(self, part: Part) -> None:
        """Of who has gone, only what it has counted: a gauge of its is no fact any more."""
        if part.kind in COUNTED:
            self.add("", part)

    def parts(self) -> Iterator[Part]:
        """At least one of each family."""
        for name, (text, kind) in self._families.items():
            values = self._values[name]
            names = list(values)
            for at in range(0, len(names) or 1, PART_SAMPLES):
                series = names[at : at + PART_SAMPLES]
                exemplars = {each: self._exemplars[each] for each in series if each in self._exemplars}
                yield Part(name, text, kind, series, [values[each] for each in series], exemplars)


async def _add_counted(sums: _Sums, lines: Iterable[bytes]) -> None:
    for line in lines:
        sums.add_counted(_decode(line))
        await trio.lowlevel.checkpoint()


def _life_in(figures: bytes) -> str:
    return figures[: figures.find(b"\n")].decode()


def _of_worker(series: str, worker: str) -> str:
    """The series with one more label."""
    label = f'worker="{worker}"}}'
    return f"{series[:-1]},{label}" if series.endswith("}") else f"{series}{{{label}"
