"""All that is known of a run when it is over, in the forms in which the checks ask for it."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import trio

from actors.attempt import Attempt
from actors.events import AttemptEnded
from actors.letters import Call
from gateway.config import Config
from gateway.keys.report import Question
from tests.sim.history import Errand, Exchange, Heard, History, Work
from tests.sim.money import Sums
from tests.sim.scenario import Blow, Fault, Scenario
from tests.sim.town import HOUSES
from tests.whole.gateways import Running

STORE_TROUBLES = (Blow.STORE_HANGS, Blow.STORE_FAILS, Blow.STORE_SLOW, Blow.STORE_MUTE)
SOON_S = 0.2
"""What the last words to the store may take."""
ALWAYS = Question("0000-00-00", "9999-99-99")


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

    @cached_property
    def calls_of(self) -> dict[str, list[list[Attempt]]]:
        """The attempts of each request, call by call: where the gateway runs tools each turn is one."""
        calls: dict[str, list[list[Attempt]]] = defaultdict(list)
        for attempts in self.calls.values():
            calls[request_id(attempts[0])].append(attempts)
        return calls


class Terms(NamedTuple):
    """What a configuration says."""

    since: float
    until: float
    keys: Mapping[str, frozenset[str]]
    """Of providers."""


@dataclass(eq=False, kw_only=True)
class Life(Ledger):
    """One gateway process, from its start to its end."""

    running: Running
    worker: int
    began_at: float
    ready_at: float = 0.0
    """When it began to answer; who had connected before that had to wait."""
    gave_up: bool = False
    gave_back: bool = False
    """The store was there when it was told to stop: it could take leases back."""
    metered: Counter[tuple[str, str]] = field(default_factory=Counter)
    """What its metrics said at the end that each provider's models had cost, in nano-USD."""
    terms: list[Terms] = field(default_factory=list)
    """What it went by, one after the other."""
    books: Sums = field(default_factory=Sums)
    """What it knew at the end of what was spent, and no store did."""

    def goes_by(self, config: Config, *, since: float, whole: bool = True) -> None:
        """A reload takes its time: `since` is when it began, and until now others may have held, or if it is not
        `whole` longer."""
        if self.terms and whole:
            self.terms[-1] = self.terms[-1]._replace(until=trio.current_time())
        keys = {name: frozenset(key.value for key in config.provider_keys(name)) for name in config.providers}
        self.terms.append(Terms(since, float("inf"), keys))

    @cached_property
    def lines(self) -> list[Any]:
        """Its log."""
        return [json.loads(line) for line in self.running.lines]

    def requests(self) -> list[Any]:
        """The lines of requests to models."""
        return [line for line in self.lines if line["event"] == "request"]

    def close_books(self) -> None:
        """Within the run, whose clock says which day it is."""
        accounting = self.running.gateway.accounting
        self.metered.update(self.running.gateway.metrics.costs())
        for line in accounting.spend.own_lines(ALWAYS):
            self.books[line.key, line.provider, line.model] += line.spent.nano_usd


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
    tokens_charged: float = 0.0
    """The same of tokens."""
    ended_at: float = 0.0
    """When that was."""
    held_in_store: Counter[str] = field(default_factory=Counter)
    """What is held of budgets then, by client key."""
    in_store: Sums = field(default_factory=Sums)
    days_in_store: Counter[str] = field(default_factory=Counter)
    """What the store says then that each key has spent: on which model, and in sum."""

    @property
    def providers(self) -> frozenset[str]:
        return frozenset(HOUSES)

    def could_give_back(self, life: Life) -> bool:
        """The store was there for it from when it was told to stop until its end."""
        began, ended = life.drained_at, life.running.ended_at
        return (
            life.gave_back
            and began is not None
            and ended is not None
            and not any(fault.at <= ended + SOON_S and began <= fault.until for fault in self.store_troubles)
        )

    @cached_property
    def hard_budgets(self) -> dict[str, int]:
        """In nano-USD a day, by client key."""
        keys = self.lives[0].running.gateway.config.client_keys
        return {key.label: key.budget_per_day for key in keys if key.budget_per_day and key.budget_edge == "hard"}

    @property
    def store_troubles(self) -> list[Fault]:
        return [fault for fault in self.scenario.faults if fault.blow in STORE_TROUBLES]

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

    def sources_of(self, heard: Heard) -> Sequence[Exchange]:
        """Where its answer comes from: what was asked for it, or, where it was given again, for the same of others."""
        if heard.fields.get("x-gateway-cache") != "hit":
            return self.by_request.get(heard.id, ())
        return [exchange for same in self.same_as(heard) for exchange in self.by_request.get(same.id, ())]

    def same_as(self, heard: Heard) -> Sequence[Heard]:
        """Whoever has asked exactly the same under the same key, itself among them."""
        return self._questions[_question_of(heard)] if self.scenario.caches else [heard]

    def wanted_until(self, heard: Heard, until: float) -> float:
        """When the last one has gone who waited for what was asked for it, and worked on `until` then."""
        worker = heard.client.worker
        return max(
            same.ended_at for same in self.same_as(heard) if same.client.worker == worker and same.asked_at <= until
        )

    @cached_property
    def _questions(self) -> dict[str, list[Heard]]:
        questions: dict[str, list[Heard]] = defaultdict(list)
        for heard in self.all_heard:
            questions[_question_of(heard)].append(heard)
        return questions

    def exchange_of(self, attempt: Attempt) -> Exchange | None:
        """What an attempt was to the provider in the end; None where nothing of it came there."""
        return self._exchanges.get(attempt)

    @cached_property
    def _exchanges(self) -> dict[Attempt, Exchange]:
        """The last exchange is the last attempt's; one may have had several, over connections that had been closed."""
        found: dict[Attempt, Exchange] = {}
        for life in self.lives:
            for request, calls in life.calls_of.items():
                turns = self._turns_of(request)
                for attempts, left in zip(calls, turns, strict=False):
                    for attempt in reversed(attempts):
                        fitting = [exchange for exchange in left if self._fits(attempt, exchange)]
                        if fitting:
                            found[attempt] = fitting[-1]
                            left.remove(fitting[-1])
        return found

    def _turns_of(self, request: str) -> list[list[Exchange]]:
        """What providers were asked turn by turn: each is told more than the one before."""
        turns: dict[int, list[Exchange]] = defaultdict(list)
        for exchange in self.by_request.get(request, ()):
            turns[len(exchange.question.told)].append(exchange)
        return [turns[told] for told in sorted(turns)]

    def _fits(self, attempt: Attempt, exchange: Exchange) -> bool:
        sent_at, ended_at = attempt.sent_at, attempt.ended_at
        return (
            attempt.candidate.provider == exchange.provider
            and sent_at is not None
            and ended_at is not None
            and sent_at - self.slack_s <= exchange.at <= ended_at + self.slack_s
        )

    @cached_property
    def errands_of(self) -> dict[str, list[Errand]]:
        """What the gateway's tool was asked for each request."""
        found: dict[str, list[Errand]] = defaultdict(list)
        for errand in self.history.errands:
            found[errand.request_id].append(errand)
        return found

    @cached_property
    def works_of(self) -> dict[str, Work]:
        """The response in the background that a request began."""
        return {work.heard.id: work for work in self.history.works}

    @cached_property
    def all_heard(self) -> list[Heard]:
        return [*self.history.heard, *self.history.probes]


def request_id(attempt: Attempt) -> str:
    """As its client named it."""
    return str(attempt.call.payload.request_id)


def ended(attempt: Attempt) -> float:
    """When."""
    assert attempt.ended_at is not None, "it has ended"
    return attempt.ended_at


def _question_of(heard: Heard) -> str:
    return f"{heard.client.key} {heard.ask.dialect} {json.dumps(heard.body_sent)}"
