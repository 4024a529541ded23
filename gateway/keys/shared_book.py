"""Where spending is added up for all workers and hosts: sums, rows and holds of each client key in the shared store.

A worker tells what is new of a key in parcels, one at a time and numbered: one whose outcome is unknown is sent again
under its number, and counts once. While the store is away what is new is added up here; it takes no more room then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from functools import partial
from typing import Any, Final

import trio

from actors.letters import Clock
from gateway.errors import StoreUnavailable
from gateway.keys.budget_rule import Budget, Standing
from gateway.keys.ledger import FIGURES, MOST_ROWS, Posting, Rows, Spent, add_rows, month_of
from gateway.keys.report import Line, Question
from gateway.store.line import StoreLine
from gateway.store.script import read_script
from gateway.world import Words

POST: Final = "spend_post"
READ: Final = "spend_read"
RESERVE: Final = "budget"
KEPT_S: Final = 100 * 86_400
IDLE_S: Final = 3600.0
"""After this a key's account here is forgotten; its sums stand in the store."""
AT_ONCE: Final = 128
"""Commands of one report that are under way together."""
_SEPARATOR: Final = "\t"


class _Account:
    """One key's spending that the store has not confirmed."""

    __slots__ = ("id", "known", "known_day", "sending", "serial", "used_at", "waiting", "waiting_ids")

    def __init__(self, id: str, now: float) -> None:
        self.id = id
        self.serial = 0
        self.sending: tuple[Posting, tuple[str, ...]] | None = None
        """The parcel under way, and the holds that end with it."""
        self.waiting: dict[str, Rows] = {}
        """By day."""
        self.waiting_ids: list[str] = []
        self.known = (0, 0)
        self.known_day = ""
        """What the store has said last: spent on this day, and in its month."""
        self.used_at = now

    @property
    def is_idle(self) -> bool:
        return self.sending is None and not self.waiting and not self.waiting_ids

    def learn(self, day: str, on_day: int, in_month: int) -> None:
        """The store's sums; those of a day that is over do not take the place of a later one's."""
        if day >= self.known_day:
            self.known, self.known_day = (on_day, in_month), day
        elif month_of(day) == month_of(self.known_day):
            self.known = (self.known[0], in_month)

    def unconfirmed(self) -> Iterator[tuple[str, Rows]]:
        if self.sending is not None:
            yield self.sending[0].day, self.sending[0].rows
        yield from self.waiting.items()


class SharedBook:
    """The sums of everybody. Nothing here waits but `reserve` and `lines`."""

    def __init__(self, line: StoreLine, *, prefix: str, clock: Clock, new_id: Callable[[], str]) -> None:
        self._line = line
        self._prefix = prefix
        self._clock = clock
        self._new_id = new_id
        self._post_script = read_script("gateway.keys", "spend.lua")
        self._reserve_script = read_script("gateway.keys", "reserve.lua")
        self._accounts: dict[str, _Account] = {}
        self._listed: set[tuple[str, str]] = set()
        """Days and keys of which the store knows that there is something to read."""
        self._today = ""
        self._ending = False

    # Telling.

    def post(self, posting: Posting) -> None:
        """To be told with the next `flush`."""
        add_rows(self._account(posting.client).waiting.setdefault(posting.day, {}), posting.rows)

    def release(self, client: str, id: str) -> None:
        """A call is over: with the next `flush` its hold ends."""
        self._account(client).waiting_ids.append(id)

    def flush(self, today: str) -> None:
        """Sends what waits, as far as the store can be reached."""
        self._today = today
        now = self._clock()
        for client, account in [*self._accounts.items()]:
            if not account.is_idle:
                account.used_at = now
                self._send(client, account)
            elif now - account.used_at > IDLE_S:
                del self._accounts[client]

    def end(self) -> None:
        """No `flush` comes after the next one: what still waits behind a parcel is sent as soon as that has arrived."""
        self._ending = True

    def unconfirmed(self) -> list[Posting]:
        """What the store may not know yet."""
        return [
            Posting(client, day, rows)
            for client, account in self._accounts.items()
            for day, rows in account.unconfirmed()
        ]

    def spent(self, client: str, day: str) -> tuple[int, int]:
        """What a key has spent on a day and in its month, as far as it is known here."""
        account = self._accounts.get(client)
        if account is None:
            return 0, 0
        known_day, known_month = account.known
        on_day = known_day if account.known_day == day else 0
        in_month = known_month if month_of(account.known_day) == month_of(day) else 0
        for its_day, rows in account.unconfirmed():
            nano_usd = sum(row.nano_usd for row in rows.values())
            on_day += nano_usd if its_day == day else 0
            in_month += nano_usd if month_of(its_day) == month_of(day) else 0
        return on_day, in_month

    def _send(self, client: str, account: _Account) -> None:
        """One parcel; the one under way again, where nobody knows what became of it."""
        if account.sending is None:
            day = next(iter(account.waiting), self._today)
            posting = Posting(client, day, account.waiting.pop(day, {}))
            account.sending = (posting, tuple(account.waiting_ids))
            account.waiting_ids = []
            account.serial += 1
        posting, ids = account.sending
        place = self._place(client)
        keys = (f"{place}:parcel:{account.id}", *self._sums(client, posting.day), f"{place}:rows:{posting.day}")
        places = (*keys, f"{place}:holds", f"{place}:held")
        parcel = (account.serial, posting.nano_usd, KEPT_S, MOST_ROWS * len(FIGURES), len(ids))
        words: Words = ("EVAL", self._post_script, 6, *places, *parcel, *ids, *_figures(posting.rows))
        try:
            self._list(client, posting.day)
            self._line.send(POST, words, partial(self._posted, client, account, account.serial))
        except StoreUnavailable:
            return  # with the next flush

    def _list(self, client: str, day: str) -> None:
        if (day, client) in self._listed:
            return
        place = f"{self._prefix}:spenders:{day}"
        self._line.send(POST, ("SADD", place, client), partial(self._has_listed, day, client))
        self._line.send(POST, ("EXPIRE", place, KEPT_S), _nothing)

    def _has_listed(self, day: str, client: str, reply: object) -> None:
        if isinstance(reply, int):
            self._listed = {listed for listed in self._listed if listed[0] == day} | {(day, client)}

    def _posted(self, client: str, account: _Account, serial: int, reply: object) -> None:
        if account.sending is None or account.serial != serial or not isinstance(reply, list):
            return
        account.learn(account.sending[0].day, int(reply[0]), int(reply[1]))
        account.sending = None
        if self._ending and not account.is_idle:
            self._send(client, account)

    # Asking.

    async def reserve(
        self, client: str, id: str, amount: int, budget: Budget, day: str, hold_s: float
    ) -> tuple[bool, Standing]:
        """Holds `amount` under `id` where the budget has room for it, and how that stands. Raises StoreUnavailable.

        What is held lapses after `hold_s`, should this worker die.
        """
        place = self._place(client)
        limits = (-1 if limit is None else limit for limit in budget)
        try:
            granted, on_day, in_month, held = await self._line.ask(
                RESERVE,
                *("EVAL", self._reserve_script, 4, *self._sums(client, day), f"{place}:holds", f"{place}:held"),
                *(id, amount, *limits, int(hold_s * 1000)),
            )
        except BaseException:  # it may be held all the same
            self.release(client, id)
            raise
        self._account(client).learn(day, on_day, in_month)
        return bool(granted), Standing(on_day, in_month, held)

    async def lines(self, question: Question) -> list[Line]:
        """What stands in the store. Raises StoreUnavailable."""
        days = list(_days(question.since, question.until))
        listed = await self._ask_all([("SMEMBERS", f"{self._prefix}:spenders:{day}") for day in days])
        pages = [
            (client, day)
            for day, members in zip(days, listed, strict=True)
            for client in map(bytes.decode, members)
            if question.wants(client, day)
        ]
        rows = await self._ask_all([("HGETALL", f"{self._place(client)}:rows:{day}") for client, day in pages])
        return [line for (client, day), fields in zip(pages, rows, strict=True) for line in _lines(client, day, fields)]

    async def _ask_all(self, commands: Sequence[Words]) -> list[Any]:
        replies: list[Any] = [None] * len(commands)

        async def ask(number: int) -> None:
            replies[number] = await self._line.ask(READ, *commands[number])

        for first in range(0, len(commands), AT_ONCE):
            away: Exception | None = None
            try:
                async with trio.open_nursery() as nursery:
                    for number in range(first, min(first + AT_ONCE, len(commands))):
                        nursery.start_soon(ask, number)
            except* StoreUnavailable as failures:
                away = failures.exceptions[0]
            if away is not None:  # raised in the clause it would be a group, before Python 3.11.4
                raise away from None
        return replies

    # Where things stand.

    def _account(self, client: str) -> _Account:
        account = self._accounts.get(client)
        if account is None:
            account = self._accounts[client] = _Account(self._new_id(), self._clock())
        return account

    def _place(self, client: str) -> str:
        """All of one key's in one slot of a cluster."""
        return f"{self._prefix}:spend:{{client/{client}}}"

    def _sums(self, client: str, day: str) -> tuple[str, str]:
        place = self._place(client)
        return f"{place}:day:{day}", f"{place}:month:{month_of(day)}"


def _figures(rows: Rows) -> Iterator[str | int]:
    for (provider, model), spent in rows.items():
        for name in FIGURES:
            if amount := getattr(spent, name):
                yield from (f"{provider}{_SEPARATOR}{model.replace(_SEPARATOR, ' ')}", name, amount)


def _lines(client: str, day: str, fields: Any) -> Iterator[Line]:
    """A hash as redis-py gives it back, which may hold figures of a newer version's."""
    rows: Rows = {}
    for field, amount in fields.items():
        provider, model, name = field.decode().split(_SEPARATOR)
        if name in FIGURES:
            setattr(rows.setdefault((provider, model), Spent()), name, int(amount))
    for (provider, model), spent in rows.items():
        yield Line(client, provider, model, day, spent)


def _days(since: str, until: str) -> Iterator[str]:
    day, last = date.fromisoformat(since), date.fromisoformat(until)
    while day <= last:
        yield day.isoformat()
        day += timedelta(days=1)


def _nothing(_reply: object) -> None:
    """Nobody waits for this."""
