"""What workers have counted outlasts them, in one file a living worker and one sum."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import pytest
import trio
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from gateway.telemetry.exposition import Part, expose
from gateway.telemetry.kept_figures import Kept
from gateway.telemetry.merge import merge, tell
from gateway.telemetry.metrics import Metrics
from gateway.workers.kept_figures import KeptFigures, fold


class Life:
    """One worker process's counters, and its place in the folder."""

    def __init__(self, folder: Path, name: str) -> None:
        self.keeper = KeptFigures(folder, name)
        self.registry = CollectorRegistry()
        self.asked = Counter("asked", "Requests.", ["model"], registry=self.registry)
        self.took = Histogram("took", "Seconds.", buckets=[1.0], registry=self.registry)
        self.open = Gauge("open", "Connections.", registry=self.registry)

    def serves(self, times: int) -> None:
        for _ in range(times):
            self.asked.labels("m").inc()
            self.took.observe(0.5)
        self.open.set(times)

    async def tell(self) -> bytes:
        told = await tell(self.registry, self.keeper.life)
        await self.keeper.keep(told)
        return told

    async def sees(self, told: Mapping[str, bytes | None]) -> dict[str, float]:
        """A scrape of this one: sums by name."""
        return sums(await merge("0", await self.tell(), told, self.keeper.kept))


def sums(parts: Iterable[Part]) -> dict[str, float]:
    found: dict[str, float] = {}
    for part in parts:
        for series, value in zip(part.series, part.values, strict=True):
            name = series.partition("{")[0]
            found[name] = found.get(name, 0.0) + value
    return found


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_no_sum_falls_when_a_worker_dies_and_comes_back(tmp_path: Path) -> None:
    """Dead and not yet seen to be; folded into the sum; followed by a successor; dead again: 3 and 5 and 7."""
    first, second = Life(tmp_path, "0-10"), Life(tmp_path, "1-11")
    first.serves(3)
    second.serves(5)
    assert (await first.sees({"1": await second.tell()}))["asked_total"] == 8

    assert (await first.sees({"1": None}))["asked_total"] == 8, "its last word stands"
    assert list((await first.keeper.kept({"0-10"})).lives) == ["1-11"], "nobody reads what he is told"
    fold(tmp_path, "1-11")
    after = await first.sees({"1": None})
    assert (after["asked_total"], after["took_count"], after["took_sum"]) == (8, 8, 4.0)
    assert after["open"] == 3, "its connections are no more"

    successor = Life(tmp_path, "1-12")
    successor.serves(7)
    told = await successor.tell()
    assert (await first.sees({"1": told}))["asked_total"] == 15
    fold(tmp_path, "1-12")
    assert (await first.sees({"1": told}))["asked_total"] == 15, "it had answered before it died, and counts once"
    assert (await first.sees({"1": None}))["asked_total"] == 15
    assert names_in(tmp_path) == ["0-10.figures", "gone.sum"]


async def test_one_that_is_folded_while_it_is_read_counts_once(tmp_path: Path) -> None:
    """Its last word has been read, then it is in the sum too."""
    first, second = Life(tmp_path, "0-10"), Life(tmp_path, "1-11")
    second.serves(5)
    await second.tell()
    before = await first.keeper.kept()
    fold(tmp_path, "1-11")
    after = await first.keeper.kept()

    async def between(told: Collection[str]) -> Kept:
        return Kept(before.lives, after.gone, after.folded)

    assert sums(await merge("0", await first.tell(), {"1": None}, between))["asked_total"] == 5


async def test_what_a_rolled_worker_counts_at_the_end_is_added_to_its_successors(tmp_path: Path) -> None:
    """The old one drains while the new one has its name already."""
    first, old, new = Life(tmp_path, "0-10"), Life(tmp_path, "1-11"), Life(tmp_path, "1-12")
    old.serves(5)
    await old.tell()
    new.serves(1)
    assert (await first.sees({"1": await new.tell()}))["asked_total"] == 6
    old.serves(2)
    await old.tell()  # its last word
    fold(tmp_path, "1-11")
    assert (await first.sees({"1": await new.tell()}))["asked_total"] == 8


class Holds(trio.abc.Instrument):
    """How long a task had the loop at a time, by CPU: a busy machine makes nothing of it longer."""

    def __init__(self) -> None:
        self.longest_s = self._began = 0.0

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self._began = time.thread_time()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        self.longest_s = max(self.longest_s, time.thread_time() - self._began)


def test_a_scrape_of_5000_series_holds_up_no_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither what a worker tells, nor its file, nor those of the dead: 5 ms at the most, and no file on the loop."""
    on_threads = []
    monkeypatch.setattr(os, "replace", lambda *paths: on_threads.append(threading.get_ident()) or os.rename(*paths))
    metrics = Metrics(lambda model: True)
    for number in range(300):  # histograms of 17 buckets
        metrics.series("openai", f"model-{number}", "chat", 200, False).duration.observe(1.0)
    first, dead = KeptFigures(tmp_path, "0-10"), KeptFigures(tmp_path, "1-11")

    async def scrape() -> int:
        await dead.keep(await tell(metrics, dead.life))
        told = await tell(metrics, first.life)
        await first.keep(told)
        parts = await merge("0", told, {"1": None}, first.kept)
        return len(await expose(parts))

    holds = Holds()
    assert trio.run(scrape, instruments=[holds]) > 5000 * 60
    assert holds.longest_s < 0.005
    assert len(on_threads) == 2
    assert threading.get_ident() not in on_threads


def test_who_was_never_asked_leaves_nothing(tmp_path: Path) -> None:
    fold(tmp_path, "1-11")
    assert names_in(tmp_path) == []
