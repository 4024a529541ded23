"""Scenarios of the actors alone: a router and its providers under a supervisor, with scripted work and no HTTP."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from random import Random

from actors.admission import ProviderSettings
from actors.buckets import RateLimits
from actors.client_account import ClientLimits
from actors.letters import Priority, Timeouts
from actors.policy.gradient import GradientSettings
from actors.policy.retry_budget import BudgetTerms
from actors.policy.retry_plan import RetrySettings
from actors.router import RouterSettings

QUIET_AT = 30.0
"""When the last blow is over and the last call has come."""


class Deed(enum.Enum):
    """What happens to an actor."""

    KILL = "kill"
    DRAIN = "drain, and resume after a second"
    HEED = "another worker's breaker opens"
    CONFIGURE = "other limits for clients"


@dataclass(frozen=True, slots=True, kw_only=True)
class BareCall:
    """One question and how long its asker waits."""

    number: int
    at: float
    streamed: bool
    deadline_s: float
    patience_s: float
    tokens: int
    size_bytes: int
    priority: Priority
    client: str
    pause_s: float
    """Between two pieces that its asker reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BareBlow:
    """Something that happens to the actor `target`."""

    at: float
    deed: Deed
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BareScenario:
    """A whole run."""

    seed: int
    providers: dict[str, ProviderSettings]
    router: RouterSettings
    timeouts: Timeouts
    health: float
    """The share of attempts that go well."""
    calls: tuple[BareCall, ...]
    blows: tuple[BareBlow, ...]
    mailbox_capacity: int
    """Of each actor."""


def bare_scenario_of(seed: int) -> BareScenario:
    """The scenario of a seed."""
    chance = Random(seed)
    names = "abc"[: chance.randint(1, 3)]
    return BareScenario(
        seed=seed,
        providers={name: _provider(chance, name) for name in names},
        router=RouterSettings(
            retry=RetrySettings(attempts=chance.randint(1, 3), backoff_base_s=chance.choice([0.1, 0.5, 2.0])),
            budget=BudgetTerms(start=chance.choice([0.0, 3.0, 30.0])),
            resume=chance.random() < 0.8,
            clients={"few": ClientLimits(max_concurrent=2, requests_per_minute=chance.choice([None, 6.0]))},
        ),
        timeouts=Timeouts(
            connect_s=1.0,
            first_token_s=chance.choice([2.0, 5.0]),
            idle_s=chance.choice([1.0, 3.0]),
            hedge_after_s=chance.choice([0.5, 1.5]),
            queue_s=chance.choice([0.5, 4.0]),
        ),
        health=chance.choice([0.2, 0.5, 0.8]),
        calls=_calls(chance),
        blows=_blows(chance, names),
        mailbox_capacity=Random(f"{seed}/bounds").choice([1, 4096, 4096]),
    )


def _provider(chance: Random, name: str) -> ProviderSettings:
    most = chance.choice([1, 2, 8])
    gradient = GradientSettings(least=1, most=most, start=most) if chance.random() < 0.2 else None
    return ProviderSettings(
        name=name,
        keys=("one", "two")[: chance.randint(1, 2)],
        limits=RateLimits(
            requests_per_minute=chance.choice([None, 20.0, 120.0]),
            tokens_per_minute=chance.choice([None, 600.0, 6000.0]),
        ),
        max_concurrent=most,
        gradient=gradient,
        memory_bytes=chance.choice([120_000, 1_000_000]),
        kept_for_high=chance.choice([0.0, 0.2]),
        max_waiting=chance.choice([2, 5, 50]),
    )


def _calls(chance: Random) -> tuple[BareCall, ...]:
    """Half of them come in a rush."""
    rush_at = chance.uniform(0.0, 15.0)
    return tuple(
        BareCall(
            number=number,
            at=rush_at + chance.choice([0.0, 0.1, 0.5]) if chance.random() < 0.5 else chance.uniform(0.0, 20.0),
            streamed=chance.random() < 0.6,
            deadline_s=chance.choice([1.0, 4.0, 9.0]),
            patience_s=chance.choice([float("inf")] * 3 + [chance.uniform(0.0, 3.0)]),
            tokens=chance.choice([10, 100, 300]),
            size_bytes=chance.choice([100, 20_000, 60_000]),
            priority=chance.choice([*Priority, Priority.NORMAL]),
            client=chance.choice(["", "", "few"]),
            pause_s=chance.choice([0.0, 0.0, 0.7]),
        )
        for number in range(chance.randint(12, 24))
    )


def _blows(chance: Random, names: str) -> tuple[BareBlow, ...]:
    blows = [
        BareBlow(at=chance.uniform(0.5, 20.0), deed=chance.choice([Deed.KILL, *Deed]), target=chance.choice(names))
        for _ in range(chance.randint(1, 4))
    ]
    if chance.random() < 0.3:
        blows.append(BareBlow(at=chance.uniform(0.5, 20.0), deed=Deed.KILL, target="router"))
    return tuple(sorted(blows, key=lambda blow: blow.at))
