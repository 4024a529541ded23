"""The child that keeps the books of what is spent, in this process or in the shared store, and knows who may go on.

Once a second what is new is told; at once, or nearly so, where a call ends whose key has a hard budget.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import trio

from gateway.config.client_keys import KeyTerms
from gateway.errors import StoreRefused, StoreUnavailable
from gateway.keys.budget_rule import Standing, budget_of, shortage
from gateway.keys.ledger import DAY_S, Ledger, day_of
from gateway.keys.memory_book import DAYS_KEPT, MemoryBook
from gateway.keys.report import Line, Question, lines_of
from gateway.keys.shared_book import SharedBook
from gateway.store.line import Mode, StoreLine

POST_EVERY_S: Final = 1.0
SOON_S: Final = 0.05
"""What a call's last attempts get to be billed before its hold ends."""


class SpendDesk:
    """One worker's end of all spending."""

    def __init__(
        self,
        ledger: Ledger,
        line: StoreLine,
        shared: SharedBook,
        *,
        workers: int,
        wall_clock: Callable[[], float],
    ) -> None:
        """`workers` share each budget where they share no store: then each keeps to its part."""
        self._ledger = ledger
        self._line = line
        self._shared = shared
        self._share = 1.0 / workers
        self._wall_clock = wall_clock
        self._memory = MemoryBook()
        self._held: dict[str, dict[str, int]] = {}
        """Without a store: amounts by client and call."""
        self._news = trio.Event()
        line.on_leave(self._tell_all)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Tells the books for ever."""
        task_status.started()
        while True:
            with trio.move_on_after(POST_EVERY_S):
                await self._news.wait()
                await trio.sleep(SOON_S)
            self._news = trio.Event()
            self.post()

    def post(self) -> None:
        """What is new goes into the books."""
        match self._line.mode:
            case Mode.STARTING:
                return
            case Mode.MEMORY:
                for posting in self._ledger.take():
                    self._memory.post(posting)
                self._memory.forget_before(day_of(self._wall_clock() - DAYS_KEPT * DAY_S))
            case mode:
                for posting in self._ledger.take():
                    self._shared.post(posting)
                if mode is Mode.CONNECTED:
                    self._shared.flush(self._ledger.day)

    def _tell_all(self) -> None:
        """The gateway ends: a parcel may be on its way, and what is new is told right behind it."""
        self._shared.end()
        self.post()

    # What may be spent.

    def standing(self, client: str) -> Standing:
        """What a client has spent, as far as it is known here: of others' spending, what the store said last."""
        day, pending = self._ledger.day, self._ledger.pending(client)
        book = self._memory if self._line.mode is Mode.MEMORY else self._shared
        on_day, in_month = book.spent(client, day)
        return Standing(on_day + pending, in_month + pending)

    def share_of(self, terms: KeyTerms) -> float:
        """The part of a budget that this worker goes by."""
        return self._share if self._line.mode is Mode.MEMORY else 1.0

    async def reserve(self, client: str, id: str, amount: int, terms: KeyTerms, hold_s: float) -> tuple[bool, Standing]:
        """Whether a call that may cost `amount` still fits, and how the budget stands; then it is held under `id`.

        Raises StoreUnavailable: nobody knows, so nobody gets in.
        """
        mode = self._line.mode
        if mode is Mode.MEMORY:
            return self._hold_here(client, id, amount, terms)
        if mode is not Mode.CONNECTED:
            raise _nobody_knows()
        try:
            return await self._shared.reserve(client, id, amount, budget_of(terms), self._ledger.day, hold_s)
        except StoreUnavailable as away:
            raise _nobody_knows(away) from away

    def release(self, client: str, id: str) -> None:
        """The call is over: what it cost takes the place of what was held."""
        if self._line.mode is Mode.MEMORY:
            held = self._held.get(client, {})
            held.pop(id, None)
            if not held:
                self._held.pop(client, None)
        else:
            self._shared.release(client, id)
            self._news.set()

    def _hold_here(self, client: str, id: str, amount: int, terms: KeyTerms) -> tuple[bool, Standing]:
        held = self._held.get(client, {})
        standing = self.standing(client)._replace(held=sum(held.values()))
        if shortage(budget_of(terms, share=self._share), standing, amount) is not None:
            return False, standing
        self._held.setdefault(client, {})[id] = amount
        return True, standing

    # What was spent.

    def today(self) -> str:
        return self._ledger.day

    def own_lines(self, question: Question) -> list[Line]:
        """What this process knows and no shared store does."""
        told = self._memory.postings() if self._line.mode is Mode.MEMORY else self._shared.unconfirmed()
        return lines_of([*told, *self._ledger.look()], question)

    async def shared_lines(self, question: Question) -> list[Line]:
        """What stands in the shared store, where there is one. Raises StoreUnavailable."""
        return [] if self._line.mode is Mode.MEMORY else await self._shared.lines(question)

    def view(self) -> dict[str, Any]:
        """This child's detail in /admin/actors."""
        in_memory = self._line.mode is Mode.MEMORY
        return {
            "kept_in": "memory" if in_memory else "store",
            "day": self._ledger.day,
            "unconfirmed": 0 if in_memory else len(self._shared.unconfirmed()),
            "held": {client: sum(held.values()) for client, held in self._held.items()},
        }


def _nobody_knows(because: StoreUnavailable | None = None) -> StoreUnavailable:
    knows = "This key has a hard budget, and the store that knows what is left of it"
    if isinstance(because, StoreRefused):
        return StoreRefused(f"{knows} answered with an error.", retry_after=1.0)
    return StoreUnavailable(f"{knows} cannot be reached at the moment.", retry_after=1.0)
