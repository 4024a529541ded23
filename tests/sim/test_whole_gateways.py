"""Whole gateways through 300 random disasters: every promise holds in all of them, and each kind of disaster comes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sim.checks import violations
from tests.sim.corpus import WHOLE
from tests.sim.coverage import Coverage
from tests.sim.drawing import LEAST_CLIENTS, LEAST_FAULTS, scenario_of
from tests.sim.sometimes import EXPECTED, seen_in
from tests.sim.timeline import digest
from tests.sim.world import played

SEEDS = 300
REPLAYED = 50
"""So many are played twice, with every byte noted."""
CHUNK = 10
LEAST_ASKED = 20


@pytest.mark.parametrize("seed", [seed for seed in WHOLE if seed >= SEEDS])
def test_what_failed_once_does_not_fail_again(seed: int) -> None:
    """The others are among those that are played anyway."""
    found = violations(played(scenario_of(seed)))
    assert not found, f"seed {seed}:\n" + "\n".join(map(str, found))


@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_every_promise_holds_in_every_seed(first: int, shared_folder: Path) -> None:
    """`make sim SEED=n TRACE=1` tells of one. Who comes last looks whether everything has happened that should."""
    coverage = Coverage()
    traces = set()
    for seed in range(first, first + CHUNK):
        scenario = scenario_of(seed)
        evidence = played(scenario, traced=seed < REPLAYED)
        found = violations(evidence)
        assert not found, f"seed {seed}:\n" + "\n".join(map(str, found))
        assert len(scenario.clients) > LEAST_CLIENTS
        assert len(scenario.faults) >= LEAST_FAULTS
        assert len(evidence.history.heard) >= LEAST_ASKED
        coverage.add(seen_in(evidence))
        if seed < REPLAYED:
            traces.add(trace := digest(evidence))
            assert digest(played(scenario, traced=True)) == trace, f"seed {seed} does something else the second time"
    assert len(traces) == len(range(first, min(first + CHUNK, REPLAYED))), "each seed has a trace of its own"
    coverage.write(shared_folder / f"whole-{first}.json")
    whole = Coverage.of(shared_folder.glob("whole-*.json"))
    if whole.seeds == SEEDS:
        assert not whole.missing(EXPECTED)
