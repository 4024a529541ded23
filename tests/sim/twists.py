"""What some runs have beside, each drawn apart from all else: conversations, the response cache, unheard leases, a
reload that brings nothing but keys, the death of somebody whom nobody asks for an answer.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random
from typing import Final

from tests.sim.answers import LOOKUP
from tests.sim.errands import SETTINGS as TOOL_SETTINGS
from tests.sim.scenario import CALM_AT, Ask, Blow, Dialect, Fault, Scenario, Temper
from tests.sim.town import RINGS, SINGLES

TALKATIVE: Final = 0.25
"""The share of runs in which clients go on with conversations, hire tools, and ask for answers in the background."""
TOOL_DIES: Final = 0.4
MOST_KILLS: Final = 3
"""More of them, and a supervisor rightly gives up."""
LEASES_UNHEARD: Final = 0.5
CACHED: Final = 0.12
DRAINED_AT_WORK: Final = 0.5
KEEPER_DIES: Final = 0.25
KEEPERS: Final = ("memory", "leases", "hints", "spend", "keys", "upstream", "responses", "flights")


def with_twists(scenario: Scenario) -> Scenario:
    """Those that its seed has for it."""
    for name, twist in TWISTS.items():
        scenario = twist(Random(f"{scenario.seed}/{name}"), scenario)
    return scenario


def _unheard_leases(chance: Random, scenario: Scenario) -> Scenario:
    """A run in which the store is not heard when many ask at once, and who asked it for leases dies meanwhile."""
    kills = sum(fault.blow is Blow.KILL for fault in scenario.faults)
    limited = scenario.shared and scenario.requests_per_minute
    if not limited or kills >= MOST_KILLS or chance.random() >= LEASES_UNHEARD:
        return scenario
    rush_at, _ = Counter(client.starts_at for client in scenario.clients).most_common(1)[0]
    worker = next(client.worker for client in scenario.clients if client.starts_at == rush_at)
    mute = Fault(at=max(0.0, rush_at - 0.05), lasts_s=2.0, blow=Blow.STORE_MUTE)
    death = Fault(at=rush_at + chance.uniform(0.1, 1.0), lasts_s=0.2, blow=Blow.KILL, target="openai", worker=worker)
    return replace(scenario, faults=tuple(sorted((*scenario.faults, mute, death), key=lambda fault: fault.at)))


def _talking(chance: Random, scenario: Scenario) -> Scenario:
    """A run in which they do, or the run as it was."""
    if chance.random() >= TALKATIVE:
        return scenario
    faults = scenario.faults
    clients = tuple(
        replace(client, asks=tuple(_longer(chance, ask, client.temper) for ask in client.asks))
        for client in scenario.clients
    )
    if chance.random() < TOOL_DIES:
        at, worker = chance.uniform(2.0, CALM_AT - 8.0), chance.randrange(scenario.workers)
        faults = (*faults, Fault(at=at, lasts_s=0.2, blow=Blow.KILL, target=f"tool.{LOOKUP}", worker=worker))
    return replace(
        scenario,
        hires=True,
        settings=scenario.settings + TOOL_SETTINGS,
        reloaded=scenario.reloaded + TOOL_SETTINGS,
        clients=clients,
        faults=tuple(sorted(faults, key=lambda fault: fault.at)),
    )


def _longer(chance: Random, ask: Ask, temper: Temper) -> Ask:
    """A question that goes on with a conversation, hires a tool, or does not wait for its answer."""
    goes_on, hires, background = chance.random() < 0.5, chance.random() < 0.3, chance.random() < 0.4
    cancels_after_s = chance.choice([None, None, None, 0.0, 1.0])
    if ask.dialect is Dialect.EMBEDDINGS:
        return ask
    if ask.dialect is not Dialect.RESPONSES or temper is Temper.PIPELINING or not background:
        return replace(ask, goes_on=goes_on, hires=hires)
    return replace(ask, goes_on=goes_on, hires=hires, background=True, cancels_after_s=cancels_after_s)


def _keys_alone(chance: Random, scenario: Scenario) -> Scenario:
    """A reload brings other keys of the providers in any case (`town.py`), and in half of the runs nothing else."""
    return replace(scenario, reloaded=scenario.settings) if chance.random() < 0.5 else scenario


def _caching(chance: Random, scenario: Scenario) -> Scenario:
    """A run with the response cache, in which most ask the same, or the run as it was."""
    if chance.random() >= CACHED:
        return scenario
    model = chance.choice([*RINGS, *SINGLES])
    dialect, streamed = chance.choice([Dialect.CHAT, Dialect.MESSAGES]), chance.random() < 0.6
    same = Ask(dialect=dialect, model=model, streamed=streamed)
    clients = tuple(
        replace(client, asks=tuple(_alike(ask, same) if chance.random() < 0.7 else ask for ask in client.asks))
        for client in scenario.clients
    )
    store = "shared" if scenario.shared and chance.random() < 0.5 else "memory"
    cache = f'[cache]\nenabled = true\njoin = true\nstore = "{store}"\n'
    return replace(
        scenario,
        caches=True,
        settings=scenario.settings + cache,
        reloaded=scenario.reloaded + cache,
        clients=clients,
    )


def _alike(ask: Ask, same: Ask) -> Ask:
    """What `same` asks, when and for how long as `ask` has it."""
    return replace(same, pause_s=ask.pause_s, timeout_s=ask.timeout_s, priority=ask.priority)


def _further_deaths(chance: Random, scenario: Scenario) -> Scenario:
    """A run in which one of the children dies that nobody asks for an answer, or the run as it was."""
    kills = sum(fault.blow is Blow.KILL for fault in scenario.faults)
    if kills >= MOST_KILLS or chance.random() >= KEEPER_DIES:
        return scenario
    target, worker = chance.choice(KEEPERS), chance.randrange(scenario.workers)
    death = Fault(at=chance.uniform(0.5, CALM_AT - 6.0), lasts_s=0.2, blow=Blow.KILL, target=target, worker=worker)
    return replace(scenario, faults=tuple(sorted((*scenario.faults, death), key=lambda fault: fault.at)))


def _drained_at_work(chance: Random, scenario: Scenario) -> Scenario:
    """A run in which a worker is told to stop while responses are made in its background, or the run as it was."""
    begun = [
        (client.starts_at, client.worker) for client in scenario.clients if any(ask.background for ask in client.asks)
    ]
    drains = any(fault.blow is Blow.DRAIN for fault in scenario.faults)
    if not begun or drains or chance.random() >= DRAINED_AT_WORK:
        return scenario
    starts_at, worker = chance.choice(begun)
    at = min(starts_at + chance.uniform(0.0, 3.0), CALM_AT - 6.0)
    drain = Fault(at=at, lasts_s=0.2, blow=Blow.DRAIN, worker=worker)
    return replace(scenario, faults=tuple(sorted((*scenario.faults, drain), key=lambda fault: fault.at)))


TWISTS: Final = {
    "leases": _unheard_leases,
    "talk": _talking,
    "reload": _keys_alone,
    "cache": _caching,
    "deaths": _further_deaths,
    "drain": _drained_at_work,
}
"""By the name under which each is drawn."""
