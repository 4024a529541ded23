"""How a limit stands, as its clients are told."""

from __future__ import annotations

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


def test_of_two_limits_the_one_with_the_smaller_share_left_is_told() -> None:
    many, few = Standing(600, 60, 54.0), Standing(10, 5, 30.0)
    assert tightest(Standings(many, few), Standings(few, None)) == Standings(many, few)
    assert tightest(Standings(None, few), Standings(few, many)) == Standings(few, many)
