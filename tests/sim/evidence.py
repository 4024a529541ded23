"""All that is known of a run when it is over, in the forms in which the checks ask for it."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from actors.attempt import Attempt
from actors.events import AttemptEnded
from actors.letters import Call
from tests.sim.history import Exchange, Heard, History
from tests.sim.scenario import Scenario
from tests.sim.town import HOUSES
from tests.whole.gateways import Running


@dataclass(eq=False)
class Ledger:
    """The facts that the actors of one tree have stated, and what was done to them."""

    events: list[object] = field(default_factory=list)
    drained_at: float | None = None
    reloaded_at: list[float] = field(default_factory=list)
    """When all providers' actors were replaced."""
    struck: int = 0
    """How many of its actors were made to crash."""

    @cached_property
    def attempts(self) -> list[Attempt]:
        """All that have ended, in the order of their ends."""
        return [event.attempt for event in self.events if isinstance(event, AttemptEnded)]

    @cached_property
    def calls(self) -> dict[Call, list[Attempt]]:
        """The attempts of each call, by number."""
        calls: dict[Call, list[Attempt]] = defaultdict(list)
        for attempt in self.attempts:
            calls[attempt.call].append(attempt)
        return {call: sorted(attempts, key=lambda attempt: attempt.number) for call, attempts in calls.items()}


@dataclass(eq=False, kw_only=True)
class Life(Ledger):
    """One gateway process, from its start to its end."""

    running: Running
    worker: int
    began_at: float
    gave_up: bool = False
    gave_back: bool = False
    """The store was there when it was told to stop: it could take leases back."""

    @cached_property
    def lines(self) -> list[Any]:
        """Its log."""
        return [json.loads(line) for line in self.running.lines]

    def requests(self) -> list[Any]:
        """The lines of requests to models."""
        return [line for line in self.lines if line["event"] == "request"]


@dataclass(eq=False)
class Evidence:
    """Of one run."""

    scenario: Scenario
    history: History
    lives: list[Life]
    wire: list[str] | None
    complaints: list[tuple[int, str]] = field(default_factory=list)
    """What was seen while it went on: promise and words."""

    slack_s: float = 1e-6
    """What adding floats may cost, or real clocks."""
    charged: float = 0.0
    """Requests that the store holds against the provider that has a limit, when all workers have ended."""

    @property
    def providers(self) -> frozenset[str]:
        return frozenset(HOUSES)

    @property
    def retry_start(self) -> float:
        return self.scenario.retry_start

    @cached_property
    def by_request(self) -> dict[str, list[Exchange]]:
        """What providers were asked for each request."""
        found: dict[str, list[Exchange]] = defaultdict(list)
        for exchange in self.history.exchanges:
            found[exchange.request_id].append(exchange)
        return found

    @cached_property
    def all_heard(self) -> list[Heard]:
        return [*self.history.heard, *self.history.probes]


def request_id(attempt: Attempt) -> str:
    """As its client named it."""
    return str(attempt.call.payload.request_id)
