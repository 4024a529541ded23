"""Where spending is added up within the process: gone with it, and bounded by days and rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gateway.keys.ledger import Posting, Rows, add_rows, month_of

DAYS_KEPT: Final = 93
"""The longest three months."""
MOST_PAGES: Final = 20_000
"""Keys times days; the oldest go first."""


class MemoryBook:
    """The sums of one process."""

    def __init__(self) -> None:
        self._pages: dict[tuple[str, str], Rows] = {}
        """By day and client, in the order in which they came."""
        self._months: dict[tuple[str, str], int] = {}
        """Nano-USD by month and client; outlives the pages, since budgets rest on it."""

    def post(self, posting: Posting) -> None:
        page = self._pages.setdefault((posting.day, posting.client), {})
        add_rows(page, posting.rows)
        month = (month_of(posting.day), posting.client)
        self._months[month] = self._months.get(month, 0) + posting.nano_usd
        while len(self._pages) > MOST_PAGES:
            del self._pages[next(iter(self._pages))]

    def forget_before(self, day: str) -> None:
        """Drops what is older than `day`."""
        for page in [page for page in self._pages if page[0] < day]:
            del self._pages[page]
        for month in [month for month in self._months if month[0] < month_of(day)]:
            del self._months[month]

    def spent(self, client: str, day: str) -> tuple[int, int]:
        """What a client has spent on a day and in its month, in nano-USD."""
        page = self._pages.get((day, client), {})
        return sum(row.nano_usd for row in page.values()), self._months.get((month_of(day), client), 0)

    def postings(self) -> Iterator[Posting]:
        """Everything."""
        for (day, client), rows in self._pages.items():
            yield Posting(client, day, rows)
