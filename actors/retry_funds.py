"""Who pays for retries: one budget a provider, filled by the first attempts that are sent to it."""

from __future__ import annotations

from actors.attempt import Attempt
from actors.plan import Plan
from actors.policy.retry_budget import BudgetTerms, RetryBudget


class RetryFunds:
    """The budgets of all providers."""

    def __init__(self, terms: BudgetTerms) -> None:
        self._terms = terms
        self._budgets: dict[str, RetryBudget] = {}

    def configure(self, terms: BudgetTerms) -> None:
        """From here on these hold; where they are others than before, every budget begins anew."""
        if terms != self._terms:
            self._budgets.clear()
        self._terms = terms

    def of(self, provider: str) -> RetryBudget:
        budget = self._budgets.get(provider)
        if budget is None:
            budget = self._budgets[provider] = RetryBudget(self._terms)
        return budget

    def collect(self, plan: Plan) -> None:
        """A candidate's first attempt pays in once it has begun: what is never sent pays for no retry."""
        attempt = plan.unpaid
        if attempt is not None and attempt.scope is not None:
            plan.unpaid = None
            self.of(attempt.candidate.provider).first_attempt()

    def take_back(self, plan: Plan, attempt: Attempt) -> None:
        """A breaker or a limit refused it: the provider never saw it, so that it costs no retry."""
        if attempt.operation in ("retry", "hedge") or (attempt.operation == "resume" and plan.tries > 1):
            self.of(attempt.candidate.provider).refund()

    def view(self) -> dict[str, float]:
        """How many retries each provider's calls have left."""
        return {name: budget.balance for name, budget in self._budgets.items()}
