"""A few bugs put in on purpose, each seen within few seeds; `make mutants` looks for all of them."""

from __future__ import annotations

import pytest

from tests.sim.mutation import ALL, fate_of, mutant_called

LEAST = 20
QUICK = (
    "who leaves does not stop the work",
    "the loser of a hedge runs on",
    "an await between check and reservation",
    "what was never sent is given back twice",
    "the clock of a silence is not set back by what comes",
    "a retry is planned beyond the deadline",
    "who goes on with a stream says its last piece again",
    "a probe that is lost is never settled",
    "an open breaker lets everybody in",
    "the breakers of a dead actor are heard of",
    "who has come last is served first",
    "the queue is served before the permit is back",
    "what a relay holds is not charged",
)
QUICK_WHOLE = (
    "connections to providers are dropped, not closed",
    "leases are kept when a worker ends",
    "an answer costs a nano-USD too much",
    "a streamed signature is left out",
    "the results of two tools change places",
    "a client's key goes up with its request",
    "nobody gives a silent stream up",
)


def test_there_are_enough_of_them() -> None:
    names = [mutant.words for mutant, _ in ALL]
    assert len(names) == len(set(names)) >= LEAST


@pytest.mark.parametrize("words", QUICK)
def test_the_actors_simulation_sees_it(words: str) -> None:
    assert fate_of(mutant_called(words), "actors", most_seeds=60).seeds


@pytest.mark.parametrize("words", QUICK_WHOLE)
def test_the_simulation_of_whole_gateways_sees_it(words: str) -> None:
    assert fate_of(mutant_called(words), "whole gateways", most_seeds=10).seeds
