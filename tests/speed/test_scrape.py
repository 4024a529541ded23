"""What a scrape may do to everybody else: nothing that is felt, however many series there are."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from statistics import median

import pytest
import trio

from gateway.keys.ledger import Spent
from gateway.telemetry.exposition import expose, parts_of
from gateway.telemetry.merge import merge, tell
from gateway.telemetry.metrics import Metrics
from tests.figures import Figures
from tests.telemetry.everything import told_once

pytestmark = pytest.mark.real_time

SERIES = 5_000
STALL_S = 0.005
"""Promised; a busy machine may take ten times as long."""
SCRAPES = 12


def crowded() -> Metrics:
    """So many series of counters and of histograms' samples together."""
    # A counter's sample, fifteen of a histogram's and a sum, four of tokens, two of money.
    models = [f"model-{number}" for number in range(SERIES // 23)]
    bills = {("openai", model): Spent(1, 1) for model in models}
    metrics = Metrics(lambda model: True, take_bills=told_once(bills))
    for number, model in enumerate(models):
        series = metrics.series("openai", model, "chat/completions", 200, False)
        series.requests.value += 1
        series.duration.observe(number)
    return metrics


async def longest_stall_of(work: Callable[[], Awaitable[None]]) -> float:
    """What others wait at most; in CPU time, since the machine's other processes are not the scrape's fault."""
    longest, done = 0.0, False

    async def take_turns() -> None:
        nonlocal longest
        while not done:
            began = time.thread_time()
            await trio.lowlevel.checkpoint()
            longest = max(longest, time.thread_time() - began)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(take_turns)
        await work()
        done = True
    return longest


async def test_a_scrape_of_5000_series_stalls_nobody(spared_collector: None, measured: Figures) -> None:
    """Alone, told to a sibling, and merged of three workers; the worst of many, garbage collection included."""
    metrics = crowded()
    told = await tell(metrics)

    async def alone() -> None:
        body = await expose(parts_of(metrics.now()))
        assert 0.9 * SERIES < len(body.splitlines()) < 1.1 * SERIES

    async def siblings() -> None:
        assert await tell(metrics) == told

    async def merged() -> None:
        body = await expose(await merge("0", await tell(metrics.now()), {"1": told, "2": told}))
        assert (
            b'llm_request_total{provider="openai",model="model-7",endpoint="chat/completions",status="200"} 3.0' in body
        )

    for scrape, whose in ((alone, "of one worker"), (siblings, "told to a sibling"), (merged, "merged of three")):
        await scrape()  # warms up
        stalls = [await longest_stall_of(scrape) for _ in range(SCRAPES)]
        assert max(stalls) <= 10 * STALL_S, whose
        measured(
            20,
            f"the longest turn of a scrape of {SERIES} series, {whose}",
            f"{median(stalls) * 1000:.1f} ms, worst of {SCRAPES} {max(stalls) * 1000:.1f} ms",
            promised=f"{STALL_S * 1000:g} ms",
        )
