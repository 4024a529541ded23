"""One seed, one history, in whichever process; `test_whole_gateways.py` plays fifty of them twice."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import trio._core._run as trio_run

from tests.sim.drawing import scenario_of
from tests.sim.order import same_order_each_time
from tests.sim.timeline import timeline
from tests.sim.world import played

ROOT = Path(__file__).parents[2]
DIGESTS = """
from tests.sim.drawing import scenario_of
from tests.sim.timeline import digest
from tests.sim.world import played
print([digest(played(scenario_of(seed), traced=True)) for seed in (1, 2, 7)])
"""


def test_the_hash_seed_of_the_process_has_no_influence() -> None:
    """Nothing depends on the order of a set or on an address in memory."""
    assert digests_under(hash_seed=1) == digests_under(hash_seed=2)


def test_what_is_noted_changes_nothing() -> None:
    assert timeline(played(scenario_of(3), traced=True)) == timeline(played(scenario_of(3)))


def test_trio_is_left_as_it_was() -> None:
    before = trio_run._ALLOW_DETERMINISTIC_SCHEDULING, trio_run._r.getstate()
    with same_order_each_time(7):
        assert trio_run._ALLOW_DETERMINISTIC_SCHEDULING
    assert before == (trio_run._ALLOW_DETERMINISTIC_SCHEDULING, trio_run._r.getstate())


def digests_under(hash_seed: int) -> str:
    """What a process of its own says of some seeds."""
    done = subprocess.run(
        [sys.executable, "-c", DIGESTS],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": str(hash_seed)},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return done.stdout
