"""One seed, one history: a whole gateway in a storm of clients and faults does the same again, to the byte."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import trio._core._run as trio_run

from tests.whole.storm import Trace, raged, same_order_each_time

ROOT = Path(__file__).parents[2]
SEEDS = range(3)


@cache
def storm(seed: int, engine: str = "edge") -> Trace:
    """What happened in it the first time."""
    return raged(seed, engine)


@pytest.mark.parametrize("engine", ["edge", "hypercorn"])
@pytest.mark.parametrize("seed", SEEDS)
def test_the_same_seed_gives_the_same_trace(engine: str, seed: int) -> None:
    first, again = storm(seed, engine), raged(seed, engine)
    for part in ("wire", "lines", "facts"):
        assert getattr(first, part) == getattr(again, part), part


def test_different_seeds_and_different_engines_give_different_traces() -> None:
    digests = {storm(seed, engine).digest() for seed in SEEDS for engine in ("edge", "hypercorn")}
    assert len(digests) == 2 * len(SEEDS)


def test_the_hash_seed_of_the_process_has_no_influence() -> None:
    """Nothing depends on the order of a set or on an address in memory: two fresh processes, the same history."""
    assert digests_under(hash_seed=1) == digests_under(hash_seed=2)


def test_the_storm_meets_every_kind_of_fault() -> None:
    """A storm in which nothing happens would prove nothing."""
    ends: Counter[tuple[str, int]] = Counter()
    errors: Counter[str] = Counter()
    said: Counter[tuple[str, Any]] = Counter()
    resumed = 0
    for seed in range(6):
        for line in lines_of(storm(seed)):
            if line["event"] == "request":
                ends[line["outcome"], line["status"]] += 1
                errors[line["error"]] += 1
            else:
                said[line["event"], line.get("operation")] += 1
        resumed += sum(" resume at " in fact and " 0.0 UpstreamBroken(" in fact for fact in storm(seed).facts)

    assert ends["ok", 200] > sum(ends.values()) / 5
    assert ends["disconnected", 499]
    assert ends["error", 200], "no stream was cut after its first content"
    assert {504, 503, 500, 429, 400} <= {status for _, status in ends}
    assert {"actor_died", "timed_out", "deadline_exceeded", "upstream_500", "upstream_broken"} <= set(errors)
    for operation in ("retry", "fallback", "hedge", "resume"):
        assert said["attempt repeated", operation], operation
    assert resumed, "nobody went on at once with a stream that was cut"
    for event in ("actor crashed", "actor restarts", "cooling down", "breaker moved"):
        assert said[event, None], event


@pytest.mark.parametrize("seed", SEEDS)
def test_every_request_has_one_outcome(seed: int) -> None:
    """In the log and among the facts: none is lost, none is told twice."""
    trace = storm(seed)
    requests = Counter(line["correlation_id"] for line in lines_of(trace) if line["event"] == "request")
    attempts = Counter(" ".join(fact.split()[:7]) for fact in trace.facts if fact.startswith("AttemptEnded"))
    assert set(requests.values()) == {1}
    assert set(attempts.values()) == {1}


def test_trio_is_left_as_it_was() -> None:
    before = trio_run._ALLOW_DETERMINISTIC_SCHEDULING, trio_run._r.getstate()
    with same_order_each_time(7):
        assert trio_run._ALLOW_DETERMINISTIC_SCHEDULING
    assert before == (trio_run._ALLOW_DETERMINISTIC_SCHEDULING, trio_run._r.getstate())


def lines_of(trace: Trace) -> list[Any]:
    return [json.loads(line) for line in trace.lines]


def digests_under(hash_seed: int) -> str:
    """What a process of its own says of some storms."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.whole.storm", "1", "2"],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": str(hash_seed)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout
