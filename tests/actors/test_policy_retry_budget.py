"""The retry budget keeps an outage from being fed by retries."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from actors.policy.retry_budget import BudgetTerms, RetryBudget


def test_an_outage_is_asked_for_at_most_one_fifth_more_and_three() -> None:
    """Every call fails and wants two retries."""
    budget = RetryBudget(BudgetTerms())
    retries = 0
    for _ in range(1000):
        budget.first_attempt()
        retries += sum(budget.spend() for _ in range(2))
    assert retries == 0.2 * 1000 + 3


def test_the_balance_starts_at_three_and_ends_at_a_hundred() -> None:
    budget = RetryBudget(BudgetTerms())
    assert budget.balance == 3.0
    for _ in range(1000):
        budget.first_attempt()
    assert budget.balance == 100.0


def test_a_start_above_the_cap_is_the_cap() -> None:
    assert RetryBudget(BudgetTerms(start=5.0, cap=2.0)).balance == 2.0


def test_ten_deposits_of_a_tenth_pay_for_exactly_one() -> None:
    budget = RetryBudget(BudgetTerms(deposit=0.1, start=0.0))
    for _ in range(10):
        assert not budget.spend()
        budget.first_attempt()
    assert budget.spend()
    assert budget.balance == 0.0


@given(
    deposit=st.integers(0, 20),
    start=st.integers(0, 50),
    cap=st.integers(0, 100),
    spends=st.lists(st.booleans(), max_size=200),
)
def test_it_is_what_the_definition_says(deposit: int, start: int, cap: int, spends: list[bool]) -> None:
    """Against exact fractions, in tenths."""
    budget = RetryBudget(BudgetTerms(deposit / 10, start / 10, cap / 10))
    balance = min(Fraction(start, 10), Fraction(cap, 10))
    for spend in spends:
        if spend:
            assert budget.spend() == (balance >= 1)
            balance -= balance >= 1
        else:
            budget.first_attempt()
            balance = min(balance + Fraction(deposit, 10), Fraction(cap, 10))
        assert budget.balance == float(balance)
