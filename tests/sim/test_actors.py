"""The actors alone through 700 random disasters: every promise that is theirs holds in all of them."""

from __future__ import annotations

import pytest

from tests.sim.bare_checks import bare_violations
from tests.sim.bare_scenario import bare_scenario_of
from tests.sim.bare_world import played_bare
from tests.sim.corpus import BARE

SEEDS = 700
CHUNK = 50


@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_every_promise_holds_in_every_seed(first: int) -> None:
    for seed in range(first, first + CHUNK):
        assert_kept(seed)


def test_what_failed_once_is_among_them() -> None:
    assert max(BARE) < SEEDS


def assert_kept(seed: int) -> None:
    found = bare_violations(played_bare(bare_scenario_of(seed)))
    assert not found, f"seed {seed}:\n" + "\n".join(map(str, found))
