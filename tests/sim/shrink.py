"""Makes a failing scenario small: takes away clients, requests and faults for as long as it still fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final, TypeVar

from tests.sim.bare_scenario import BareScenario
from tests.sim.scenario import Scenario

S = TypeVar("S", Scenario, BareScenario)
MOST_TRIES: Final = 400


def shrunk(scenario: S, fails: Callable[[S], bool]) -> S:
    """The smallest that was found; what a client or a provider does is drawn by its own name and stays as it was."""
    tries = 0
    while True:
        for smaller in _smaller(scenario):
            tries += 1
            if tries > MOST_TRIES:
                return scenario
            if fails(smaller):
                scenario = smaller
                break
        else:
            return scenario


def _smaller(scenario: S) -> Iterator[S]:
    """The boldest cuts first: halves, then one by one."""
    for name in ("calls", "blows") if isinstance(scenario, BareScenario) else ("clients", "faults"):
        several = getattr(scenario, name)
        size = len(several)
        while size >= 1:
            for start in range(0, len(several), size):
                yield replace(scenario, **{name: several[:start] + several[start + size :]})
            size //= 2
    if isinstance(scenario, Scenario):
        yield from _fewer_asks(scenario)


def _fewer_asks(scenario: Scenario) -> Iterator[Scenario]:
    for place, client in enumerate(scenario.clients):
        for start in range(len(client.asks)):
            if len(client.asks) > 1:
                fewer = replace(client, asks=client.asks[:start] + client.asks[start + 1 :])
                yield replace(scenario, clients=(*scenario.clients[:place], fewer, *scenario.clients[place + 1 :]))
    if scenario.moody:
        yield replace(scenario, moody=0.0)
