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
from contextlib import ExitStack
from functools import partial
from typing import NamedTuple

from tests.sim.bare_checks import bare_violations
from tests.sim.bare_scenario import BareScenario, bare_scenario_of
from tests.sim.bare_world import played_bare
from tests.sim.checks import Violation, violations
from tests.sim.coverage import Coverage
from tests.sim.drawing import scenario_of
from tests.sim.mutation import mutant_called
from tests.sim.scenario import Scenario
from tests.sim.shrink import shrunk
from tests.sim.sometimes import EXPECTED, seen_in
from tests.sim.timeline import bare_timeline, timeline
from tests.sim.world import played


class Played(NamedTuple):
    """What came of a seed."""

    seed: int
    wrong: list[str]
    seen: frozenset[str]


def say(text: str) -> None:
    sys.stdout.write(text)


def main(arguments: Sequence[str]) -> int:
    """The exit code: 1 where a promise was not kept."""
    parser = argparse.ArgumentParser(prog="make sim")
    parser.add_argument("--seeds", type=int, default=100, help="play so many")
    parser.add_argument("--first", type=int, default=0, help="from this one on")
    parser.add_argument("--seed", type=int, help="play this one")
    parser.add_argument("--trace", action="store_true", help="tell all that happens in it")
    parser.add_argument("--bare", action="store_true", help="the actors alone, without HTTP")
    parser.add_argument("--mutant", default="", help="with the bug of this name in the code (README.md has them)")
    options = parser.parse_args(arguments)
    if options.seed is None:
        if options.mutant or options.trace:
            parser.error("--mutant and --trace are for one run: say which by --seed")
        return _play_many(range(options.first, options.first + options.seeds), bare=options.bare)
    with ExitStack() as stack:
        if options.mutant:
            stack.enter_context(mutant_called(options.mutant).at_work())
        return _tell(options.seed, bare=options.bare, trace=options.trace)


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


def _tell(seed: int, *, bare: bool, trace: bool) -> int:
    wrong = _play(seed, bare=bare).wrong
    say(f"seed {seed}: {len(wrong)} promises not kept\n" + "".join(f"    {words}\n" for words in wrong))
    if wrong or trace:
        say("\n".join(_bare_story(seed) if bare else _whole_story(seed)) + "\n")
    return 1 if wrong else 0


def _bare_story(seed: int) -> list[str]:
    def judged(scenario: BareScenario) -> list[str]:
        return _judged(lambda: bare_violations(played_bare(scenario)))

    scenario = bare_scenario_of(seed)
    if wrong := judged(scenario):
        scenario = shrunk(scenario, lambda smaller: bool(judged(smaller)))
        wrong = [f"    {words}" for words in judged(scenario)]
    return [f"{len(scenario.calls)} calls, {len(scenario.blows)} blows:", *bare_timeline(played_bare(scenario)), *wrong]


def _whole_story(seed: int) -> list[str]:
    def judged(scenario: Scenario) -> list[str]:
        return _judged(lambda: violations(played(scenario)))

    scenario = scenario_of(seed)
    if wrong := judged(scenario):
        scenario = shrunk(scenario, lambda smaller: bool(judged(smaller)))
        wrong = [f"    {words}" for words in judged(scenario)]
    store, cache = " with a store" if scenario.shared else "", ", answers are cached" if scenario.caches else ""
    head = f"{len(scenario.clients)} clients, {len(scenario.faults)} faults, {scenario.workers} workers{store}{cache}, "
    return [f"{head}{scenario.engine}, {scenario.timeouts}:", *timeline(played(scenario)), *wrong]


def _judged(look: Callable[[], Sequence[Violation]]) -> list[str]:
    try:
        return [str(each) for each in look()]
    except Exception as crash:  # a crash of the run is a failure like any other
        return [f"the run itself: {crash!r}"]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
