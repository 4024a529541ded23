"""The child that keeps the books of what is spent: once a second what is new is told to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import trio

from gateway.keys.ledger import DAY_S, Ledger, day_of
from gateway.keys.memory_book import DAYS_KEPT, MemoryBook
from gateway.keys.report import Line, Question, lines_of
from gateway.store.line import Mode, StoreLine

POST_EVERY_S: Final = 1.0


class SpendDesk:
    """One worker's spending."""

    def __init__(self, ledger: Ledger, line: StoreLine, *, wall_clock: Callable[[], float]) -> None:
        self._ledger = ledger
        self._line = line
        self._wall_clock = wall_clock
        self._memory = MemoryBook()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Tells the books for ever."""
        task_status.started()
        while True:
            await trio.sleep(POST_EVERY_S)
            self.post()

    def post(self) -> None:
        """What is new goes into the books."""
        for posting in self._ledger.take():
            self._memory.post(posting)
        self._memory.forget_before(day_of(self._wall_clock() - DAYS_KEPT * DAY_S))

    def today(self) -> str:
        return self._ledger.day

    async def shared_lines(self, question: Question) -> list[Line]:
        """What stands in the shared store."""
        return []

    def own_lines(self, question: Question) -> list[Line]:
        """What this process knows and no shared store does."""
        return lines_of([*self._memory.postings(), *self._ledger.look()], question)

    def view(self) -> dict[str, Any]:
        """This child's detail in /admin/actors."""
        return {"kept_in": "memory" if self._line.mode is Mode.MEMORY else "store"}
