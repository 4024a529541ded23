"""Puts each mutant to work and plays seeds until one of them sees it: `make mutants` prints the table.

`python -m tests.sim.mutation --write` writes it into README.md.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Final, NamedTuple

from tests.sim.bare_checks import bare_violations
from tests.sim.bare_scenario import bare_scenario_of
from tests.sim.bare_world import played_bare
from tests.sim.checks import violations
from tests.sim.drawing import scenario_of
from tests.sim.mutants import BARE_MUTANTS, Mutant
from tests.sim.mutants_doors import DOOR_MUTANTS
from tests.sim.mutants_queues import BREAKER_MUTANTS, QUEUE_MUTANTS
from tests.sim.mutants_whole import WHOLE_MUTANTS
from tests.sim.world import played

MOST_SEEDS: Final = 300
CAUGHT_AT_LEAST: Final = 0.95
PAGE: Final = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- mutants: begin -->", "<!-- mutants: end -->"


class Fate(NamedTuple):
    """How long a mutant lived."""

    words: str
    where: str
    seeds: int
    """How many were played until it was seen; 0: it was not."""
    by: str
    """Which check saw it."""


def fate_of(mutant: Mutant, where: str, most_seeds: int = MOST_SEEDS) -> Fate:
    """Plays seed after seed with the mutant at work."""
    find = _bare if where == "actors" else _whole
    with mutant.at_work():
        for seed in range(most_seeds):
            by = find(seed)
            if by:
                return Fate(mutant.words, where, seed + 1, by)
    return Fate(mutant.words, where, 0, "")


def _bare(seed: int) -> str:
    return _first(lambda: [each.check for each in bare_violations(played_bare(bare_scenario_of(seed)))])


def _whole(seed: int) -> str:
    return _first(lambda: [each.check for each in violations(played(scenario_of(seed)))])


def _first(look: Callable[[], Sequence[str]]) -> str:
    try:
        return next(iter(look()), "")
    except BaseException as crash:  # what does not even get to its end has been seen
        if isinstance(crash, KeyboardInterrupt | SystemExit):
            raise
        return f"the run itself ({_innermost(crash)})"


def _innermost(crash: BaseException) -> str:
    while isinstance(crash, BaseExceptionGroup):
        crash = crash.exceptions[0]
    return type(crash).__name__


ALL: Final = (
    *((mutant, "actors") for mutant in (*BARE_MUTANTS, *QUEUE_MUTANTS)),
    *((mutant, "whole gateways") for mutant in (*WHOLE_MUTANTS, *BREAKER_MUTANTS, *DOOR_MUTANTS)),
)


def mutant_called(words: str) -> Mutant:
    """Raises KeyError where there is none of that name."""
    return {mutant.words: mutant for mutant, _ in ALL}[words]


def all_fates() -> Iterator[Fate]:
    """Of every mutant, a process each."""
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        yield from pool.map(_fate_at, range(len(ALL)))


def _fate_at(place: int) -> Fate:
    return fate_of(*ALL[place])


def table(fates: Sequence[Fate]) -> str:
    """As README.md has it."""
    rows = [
        f"| {fate.words} | {fate.where} | {fate.seeds or f'not within {MOST_SEEDS}'} | {fate.by} |" for fate in fates
    ]
    caught = sum(fate.seeds > 0 for fate in fates)
    head = ["| bug | looked for in | seeds until it is seen | by |", "|---|---|---|---|"]
    return "\n".join([*head, *rows, "", f"{caught} of {len(fates)} are seen within {MOST_SEEDS} seeds."])


def main(arguments: Sequence[str]) -> int:
    fates = []
    for fate in all_fates():
        sys.stdout.write(f"{fate.seeds or 'alive':>6}  {fate.words}  ({fate.by})\n")
        sys.stdout.flush()
        fates.append(fate)
    if "--write" in arguments:
        before, _, rest = PAGE.read_text().partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n{table(fates)}\n{END}{rest.partition(END)[2]}")
    return 0 if sum(fate.seeds > 0 for fate in fates) >= CAUGHT_AT_LEAST * len(fates) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
