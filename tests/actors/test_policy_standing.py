"""How a limit stands, as its clients are told."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.policy.standing import Standing, Standings, standing, tightest
from actors.policy.token_bucket import TokenBucket


def per_minute(limit: int, taken: float = 0.0) -> TokenBucket:
    bucket = TokenBucket(limit / 60.0, limit, 0.0)
    assert not taken or bucket.take(taken, 0.0)
    return bucket


def test_a_limit_tells_what_is_left_and_when_it_will_be_whole() -> None:
    assert standing(60, per_minute(60), 0.0) == Standing(60, 60, 0.0)
    assert standing(60, per_minute(60, taken=15), 0.0) == Standing(60, 45, 15.0)
    assert standing(60, per_minute(60, taken=15), 10.5) == Standing(60, 55, 4.5)
    assert standing(None, None, 0.0) is None


def test_a_debt_leaves_nothing_and_takes_longer() -> None:
    bucket = per_minute(60, taken=10)
    bucket.settle(10, 90, 0.0)
    assert standing(60, bucket, 0.0) == Standing(60, 0, 90.0)


@settings(max_examples=50)
@given(
    limit=st.integers(1, 100_000),
    share=st.floats(0, 1),
    debt=st.integers(0, 200_000),
    pause_s=st.floats(0, 120),
)
def test_what_is_said_to_be_left_can_be_had_and_no_more_and_all_of_it_at_the_reset(
    limit: int, share: float, debt: int, pause_s: float
) -> None:
    """Against what the words mean: a client that goes by them is neither refused nor held up."""
    bucket = per_minute(limit, taken=limit * share)
    bucket.settle(0, debt, 0.0)
    told = standing(limit, bucket, pause_s)
    assert told is not None
    assert 0 <= told.remaining <= told.limit == limit
    left = min(limit, limit - limit * share - debt + pause_s * limit / 60)
    assert told.remaining == pytest.approx(max(0, left), abs=1.001)
    assert told.reset_s == pytest.approx((limit - left) * 60 / limit, abs=1e-3)
    assert bucket.available(pause_s + told.reset_s) == pytest.approx(limit, abs=1e-3)
    assert not told.remaining or bucket.take(told.remaining, pause_s)
    assert not bucket.take(1.001, pause_s)


def test_of_two_limits_the_one_with_the_smaller_share_left_is_told() -> None:
    many, few = Standing(600, 60, 54.0), Standing(10, 5, 30.0)
    assert tightest(Standings(many, few), Standings(few, None)) == Standings(many, few)
    assert tightest(Standings(None, few), Standings(few, many)) == Standings(few, many)
