"""Who pays for retries: one budget a provider, filled by the first attempts that are sent to it."""

from __future__ import annotations

from actors.attempt import Attempt
from actors.plan import Plan
from actors.policy.retry_budget import BudgetTerms, RetryBudget


class RetryFunds:
    """The budgets of all providers."""

    def __init__(self, terms: BudgetTerms) -> None:
        self._budgets = _Budgets(terms)

    def configure(self, terms: BudgetTerms) -> None:
        """From here on these hold; where they are others than before, every budget begins anew."""
        if terms != self._budgets.terms:
            self._budgets = _Budgets(terms)

    def of(self, provider: str) -> RetryBudget:
        return self._budgets[provider]

    def collect(self, plan: Plan) -> None:
        """A candidate's first attempt pays in once it has begun: what is never sent pays for no retry."""
        attempt = plan.unpaid
        if attempt is not None and attempt.scope is not None:
            plan.unpaid = None
            self._budgets[attempt.candidate.provider].first_attempt()

    def take_back(self, plan: Plan, attempt: Attempt) -> None:
        """A breaker or a limit refused it: the provider never saw it, so that it costs no retry."""
        if attempt.operation in ("retry", "hedge") or (attempt.operation == "resume" and plan.tries > 1):
            self.of(attempt.candidate.provider).refund()

    def view(self) -> dict[str, float]:
        """How many retries each provider's calls have left."""
        return {name: budget.balance for name, budget in self._budgets.items()}


class _Budgets(dict[str, RetryBudget]):
    """One a provider, made when it is asked for."""

    def __init__(self, terms: BudgetTerms) -> None:
        self.terms = terms

    def __missing__(self, provider: str) -> RetryBudget:
        budget = self[provider] = RetryBudget(self.terms)
        return budget
