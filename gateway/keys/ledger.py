"""What has been spent: every attempt is billed when it ends, whoever's answer the client got.

A fallback, a hedge that lost, a stream that broke or that nobody wanted any more: providers charge for all of them.
Money is whole nano-USD; days and months are UTC's.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

import msgspec

from actors.attempt import Attempt, Outcome
from actors.errors import ActorDied, CallCrashed, DeadlineExceeded, TimedOut
from gateway.dialects.envelope import CallNotes, ModelRequest, Usage

DAY_S: Final = 86_400
MOST_ROWS: Final = 1000
"""Models of one key and day that are told apart; what comes beyond counts as `other`."""
OTHER: Final = "other"
FREE: Final = frozenset({"messages/count_tokens", "responses/input_tokens"})
"""Endpoints whose questions no provider charges for."""
_BROKEN_OFF: Final = (TimedOut, DeadlineExceeded, ActorDied, CallCrashed)
"""Failures of ours: the provider was at work, and had the prompt."""


class Spent(msgspec.Struct, gc=False):
    """A sum of answers. `prompt` and the rest are tokens, as in `Usage`."""

    nano_usd: int = 0
    calls: int = 0
    unpriced: int = 0
    """Calls of models whose prices nobody knows; they add nothing to the money."""
    prompt: int = 0
    completion: int = 0
    cached: int = 0
    written: int = 0
    reasoning: int = 0

    def count(self, usage: Usage, cost: int | None) -> None:
        """One more answer."""
        self.calls += 1
        if cost is None:
            self.unpriced += 1
        else:
            self.nano_usd += cost
        self.prompt += usage.prompt
        self.completion += usage.completion
        if usage.cached or usage.written or usage.reasoning:
            self.cached += usage.cached
            self.written += usage.written
            self.reasoning += usage.reasoning

    def add(self, other: Spent) -> None:
        self.nano_usd += other.nano_usd
        self.calls += other.calls
        self.unpriced += other.unpriced
        self.prompt += other.prompt
        self.completion += other.completion
        self.cached += other.cached
        self.written += other.written
        self.reasoning += other.reasoning


FIGURES: Final = Spent.__struct_fields__

Rows = dict[tuple[str, str], Spent]
"""By provider and model."""


class Posting(NamedTuple):
    """What one client key has spent on one day since somebody last asked."""

    client: str
    day: str
    rows: Rows

    @property
    def nano_usd(self) -> int:
        return sum(row.nano_usd for row in self.rows.values())


class Ledger:
    """Bills attempts: each is counted once, for the books and for the metrics. Nothing is sent or logged here."""

    def __init__(self, price: Callable[[str, str, Usage], int | None], wall_clock: Callable[[], float]) -> None:
        self._price = price
        self._wall_clock = wall_clock
        self._day = ""
        self._day_begins = self._day_ends = 0.0
        self._fresh: defaultdict[tuple[str, str, str], Spent] = defaultdict(Spent)
        """Of this day, by client, provider and model: what nobody has asked for yet."""
        self._tabs: dict[str, Rows] = {}
        """Of this day, by client key's label; "" where no key is asked for."""
        self._closed: list[Posting] = []
        """Of days that are over."""
        self._by_model: Rows = {}
        """What `take_bills` has not told yet."""

    @property
    def day(self) -> str:
        """Today, as in "2026-11-28"."""
        self._turn()
        return self._day

    def bill(self, attempt: Attempt) -> None:
        """An attempt has ended: what it owes is added to its client's tab, and noted with the attempt."""
        notes: CallNotes | None = attempt.detail
        if attempt.sent_at is None or notes is None:
            return
        usage, candidate = notes.usage, attempt.candidate
        if usage is None:
            usage = notes.usage = _owed_unseen(attempt, notes)
            if usage is None:
                return
            notes.cost = self._price(candidate.provider, candidate.model, usage)
        if self._wall_clock() >= self._day_ends:
            self._turn()
        if len(self._fresh) >= MOST_ROWS:
            self._sort()
        self._fresh[attempt.call.client, candidate.provider, candidate.model].count(usage, notes.cost)

    def pending(self, client: str) -> int:
        """What a client has spent today and `take` has not told yet, in nano-USD."""
        self._sort()
        rows = self._tabs.get(client)
        return 0 if rows is None else sum(row.nano_usd for row in rows.values())

    def take(self) -> list[Posting]:
        """All that is new; whoever takes it keeps it."""
        taken = self.look()
        self._closed = []
        self._tabs = {}
        return taken

    def look(self) -> list[Posting]:
        """All that `take` would take."""
        self._turn()
        self._sort()
        return [*self._closed, *self._open()]

    def take_bills(self) -> Rows:
        """By model, whoever owes it: what has been billed since this was last asked."""
        self._sort()
        taken, self._by_model = self._by_model, {}
        return taken

    def _sort(self) -> None:
        """What is fresh goes to its client's tab, and once more to its model's sum."""
        for (client, provider, model), spent in self._fresh.items():
            place = (provider, model)
            if place not in self._by_model and len(self._by_model) >= MOST_ROWS:
                place = (provider, OTHER)
            self._by_model.setdefault(place, Spent()).add(spent)
            enter(self._tabs.setdefault(client, {}), provider, model, spent)
        self._fresh.clear()

    def _open(self) -> Iterator[Posting]:
        return (Posting(client, self._day, rows) for client, rows in self._tabs.items())

    def _turn(self) -> None:
        """A new day begins on a new page, be it an earlier one: a clock that was wrong has been set right."""
        now = self._wall_clock()
        if self._day_begins <= now < self._day_ends:
            return
        self._sort()
        self._closed.extend(self._open())
        self._tabs = {}
        self._day = day_of(now)
        self._day_begins = now // DAY_S * DAY_S
        self._day_ends = self._day_begins + DAY_S


def enter(rows: Rows, provider: str, model: str, spent: Spent) -> None:
    """Adds to the row of a model, which may be `spent` itself from then on; one row for all that are too many."""
    place = (provider, model)
    row = rows.get(place)
    if row is None and len(rows) >= MOST_ROWS:
        place = (OTHER, OTHER)
        row = rows.get(place)
    if row is None:
        rows[place] = spent
    else:
        row.add(spent)


def add_rows(rows: Rows, more: Rows) -> None:
    """Whoever had `more` has no further use for it."""
    for (provider, model), spent in more.items():
        enter(rows, provider, model, spent)


def day_of(seconds: float) -> str:
    """The UTC day of a time since the epoch."""
    return time.strftime("%Y-%m-%d", time.gmtime(seconds))


def month_of(day: str) -> str:
    return day[:7]


def total_of(rows: Iterable[Spent]) -> Spent:
    total = Spent()
    for row in rows:
        total.add(row)
    return total


def _owed_unseen(attempt: Attempt, notes: CallNotes) -> Usage | None:
    """What an attempt owes whose usage nobody has noted; None where it owes nothing.

    A provider that refused charges nothing. One that we broke off had the prompt and was at work: it is charged by
    estimate. So is an answer that says no usage, and what a stream had brought when its actor died.
    """
    payload = attempt.call.payload
    if isinstance(payload, ModelRequest) and payload.endpoint in FREE:
        return None
    if attempt.outcome in (Outcome.FAILED, Outcome.BROKEN) and not isinstance(attempt.failure, _BROKEN_OFF):
        return None
    so_far = notes.so_far
    if so_far is not None and so_far.started:
        return so_far.usage or Usage(prompt=attempt.spent_tokens or 0, completion=so_far.delivered_tokens)
    return Usage(prompt=attempt.spent_tokens or 0)
