"""How many retries a provider may get: a share of its first attempts, so that retries cannot feed an outage.

After Finagle's RetryBudget and gRPC's retry throttling: with a deposit of 0.2 and a start of 3, n first attempts allow
at most 0.2 n + 3 retries.
"""

from __future__ import annotations

from dataclasses import dataclass

WHOLE = 1_000_000
"""One retry in the unit of account; integers, so that ten deposits of 0.1 do make one."""


@dataclass(frozen=True, slots=True)
class BudgetTerms:
    """What a first attempt pays in, what is there from the start, and the most that may gather; in retries."""

    deposit: float = 0.2
    start: float = 3.0
    cap: float = 100.0


class RetryBudget:
    """Each first attempt that is sent deposits, each retry or hedge spends one."""

    __slots__ = ("_balance", "_cap", "_deposit")

    def __init__(self, terms: BudgetTerms) -> None:
        self._deposit = round(terms.deposit * WHOLE)
        self._cap = round(terms.cap * WHOLE)
        self._balance = min(round(terms.start * WHOLE), self._cap)

    def first_attempt(self) -> None:
        """A call is tried here for the first time."""
        if self._balance < self._cap:  # asked with every call, and mostly there
            self._balance = min(self._balance + self._deposit, self._cap)

    def spend(self) -> bool:
        """Pays for one retry or hedge; False where the budget is used up, and nothing is spent."""
        if self._balance < WHOLE:
            return False
        self._balance -= WHOLE
        return True

    def refund(self) -> None:
        """What was paid for did not reach the provider."""
        self._balance = min(self._balance + WHOLE, self._cap)

    @property
    def balance(self) -> float:
        """How many retries are paid for."""
        return self._balance / WHOLE
