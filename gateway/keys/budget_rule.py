"""What a budget allows: pure arithmetic in nano-USD."""

from __future__ import annotations

from typing import Final, NamedTuple

from gateway.config.client_keys import KeyTerms

NEXT_TO_NOTHING: Final = 100
"""Less than this part of a budget."""


class Budget(NamedTuple):
    """The most that may be spent in a day and in a month; None: no limit."""

    day: int | None
    month: int | None


class Standing(NamedTuple):
    """What has been spent today and this month, and what calls that are under way may still cost."""

    day: int
    month: int
    held: int = 0


class Shortage(NamedTuple):
    """Why a call does not fit."""

    period: str
    """`day` or `month`."""
    limit: int
    spent: int
    held: int
    """By other calls; without them there would be room where `passes`."""
    passes: bool
    """It would fit if no other call were under way: worth another try soon."""

    @property
    def left(self) -> int:
        return self.limit - self.spent

    @property
    def is_the_end(self) -> bool:
        """What is left is next to nothing, and it is not only this call that is too large for it."""
        return self.left * NEXT_TO_NOTHING < self.limit


def budget_of(terms: KeyTerms, *, share: float = 1.0) -> Budget:
    """A key's budget, or one worker's share of it where nobody knows what the others spend."""
    day, month = terms.budget_per_day, terms.budget_per_month
    return Budget(None if day is None else int(day * share), None if month is None else int(month * share))


def shortage(budget: Budget, standing: Standing, amount: int) -> Shortage | None:
    """Why a call that may cost `amount` is not let in; None: it is. The longer period is told first."""
    for period, limit, spent in (("month", budget.month, standing.month), ("day", budget.day, standing.day)):
        if limit is not None and spent + standing.held + amount > limit:
            return Shortage(period, limit, spent, standing.held, spent + amount <= limit)
    return None


def remaining(budget: Budget, standing: Standing) -> tuple[str, int]:
    """The period of which the least is left, and how much; below zero: it has been passed."""
    left = [
        (limit - spent, period)
        for period, limit, spent in (("day", budget.day, standing.day), ("month", budget.month, standing.month))
        if limit is not None
    ]
    amount, period = min(left)
    return period, amount
