"""Plays seeds from the command line: `make sim SEEDS=1000`, `make sim SEED=42 TRACE=1`.

Two processes play at a time. A seed that fails is shrunk and told with its timeline, and so is one that is asked for.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import NamedTuple

from tests.sim.bare_checks import bare_violations
from tests.sim.bare_scenario import bare_scenario_of
from tests.sim.bare_world import played_bare
from tests.sim.checks import violations
from tests.sim.coverage import Coverage
from tests.sim.drawing import scenario_of
from tests.sim.scenario import Scenario
from tests.sim.shrink import shrunk
from tests.sim.sometimes import EXPECTED, seen_in
from tests.sim.timeline import timeline
from tests.sim.world import played

say = sys.stdout.write


class Played(NamedTuple):
    """What came of a seed."""

    seed: int
    wrong: list[str]
    seen: frozenset[str]


def main(arguments: Sequence[str]) -> int:
    """The exit code: 1 where a promise was not kept."""
    parser = argparse.ArgumentParser(prog="make sim")
    parser.add_argument("--seeds", type=int, default=100, help="play so many")
    parser.add_argument("--first", type=int, default=0, help="from this one on")
    parser.add_argument("--seed", type=int, help="play this one")
    parser.add_argument("--trace", action="store_true", help="tell all that happens in it")
    parser.add_argument("--bare", action="store_true", help="the actors alone, without HTTP")
    options = parser.parse_args(arguments)
    if options.seed is not None:
        return _tell(options.seed, bare=options.bare, trace=options.trace)
    return _play_many(range(options.first, options.first + options.seeds), bare=options.bare)


def _play_many(seeds: range, *, bare: bool) -> int:
    began = time.monotonic()
    coverage, failed = Coverage(), []
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for one in pool.map(partial(_play, bare=bare), seeds, chunksize=5):
            coverage.add(one.seen)
            if one.wrong:
                failed.append(one.seed)
                say(f"seed {one.seed}: {len(one.wrong)} promises not kept\n")
                say("".join(f"    {words}\n" for words in one.wrong))
    if not bare:
        say(f"\nIn how many seeds it happened:\n{coverage.told(EXPECTED)}\n")
    say(f"\n{len(seeds)} seeds in {time.monotonic() - began:.0f} s, {len(failed)} failed\n")
    for seed in failed[:1]:
        _tell(seed, bare=bare, trace=True)
    return 1 if failed else 0


def _play(seed: int, *, bare: bool) -> Played:
    try:
        if bare:
            evidence = played_bare(bare_scenario_of(seed))
            return Played(seed, [str(each) for each in bare_violations(evidence)], frozenset())
        whole = played(scenario_of(seed))
        return Played(seed, [str(each) for each in violations(whole)], frozenset(seen_in(whole)))
    except Exception:  # a crash of the run is a failure like any other, and the others go on
        return Played(seed, [traceback.format_exc()], frozenset())


def wrong_with(scenario: Scenario) -> bool:
    """Whether a promise is not kept."""
    try:
        return bool(violations(played(scenario)))
    except Exception:  # as above
        return True


def _tell(seed: int, *, bare: bool, trace: bool) -> int:
    wrong = _play(seed, bare=bare).wrong
    say(f"seed {seed}: {len(wrong)} promises not kept\n" + "".join(f"    {words}\n" for words in wrong))
    if bare or not (trace or wrong):
        return 1 if wrong else 0
    scenario = scenario_of(seed)
    if wrong:
        scenario = shrunk(scenario, wrong_with)
        say(f"\nshrunk to {len(scenario.clients)} clients and {len(scenario.faults)} faults:\n")
    _tell_scenario(scenario, say)
    return 1 if wrong else 0


def _tell_scenario(scenario: Scenario, write: Callable[[str], object]) -> None:
    write(f"engine {scenario.engine}, {scenario.workers} workers, {scenario.timeouts}\n")
    evidence = played(scenario)
    write("".join(f"{line}\n" for line in timeline(evidence)))
    write("".join(f"    {each}\n" for each in violations(evidence)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
