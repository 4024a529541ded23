"""Limits that change while they are in use: nothing is created, and what was taken is given back to whom it is owed."""

from __future__ import annotations

import math
import random

from hypothesis import given
from hypothesis import strategies as st

from actors.buckets import Buckets, RateLimits
from actors.policy.breaker import Breaker, BreakerSettings, Move, Phase
from actors.policy.bucket import Bucket, local_bucket
from actors.policy.concurrency import ConcurrencyLimit
from actors.policy.gradient import GradientLimit, GradientSettings
from actors.policy.leased_bucket import LeasedBucket
from actors.policy.token_bucket import TokenBucket


def limits(requests: float | None = None, tokens: float | None = None) -> RateLimits:
    return RateLimits(requests_per_minute=requests, tokens_per_minute=tokens)


def test_a_changed_limit_is_no_fresh_minute() -> None:
    buckets = Buckets("b", limits(requests=2), 0.0, local_bucket)
    assert [buckets.take(0, 0.0) is None for _ in range(3)] == [True, True, False]
    wider = buckets.relimited(limits(requests=60), 0.0)
    assert wider.take(0, 0.0) is not None, "what is used up stays so"
    assert [wider.take(0, 1.0) is None for _ in range(2)] == [True, False], "it fills at the new rate"
    narrower = wider.relimited(limits(requests=1), 1000.0)
    assert [narrower.take(0, 1000.0) is None for _ in range(2)] == [True, False]


def test_a_limit_comes_and_goes_and_nobody_settles_with_one_that_they_took_nothing_from() -> None:
    before = Buckets("b", limits(tokens=100), 0.0, local_bucket)
    assert before.take(60, 0.0) is None
    free = before.relimited(limits(), 0.0)
    assert free.take(1_000_000, 0.0) is None
    bound = free.relimited(limits(tokens=100), 0.0)
    assert bound.take(100, 0.0) is None
    free.settle(1_000_000, 5, 0.0)
    before.settle(60, 5, 0.0)
    assert bound.tokens is not None
    assert bound.tokens.available(0.0) == 0, "what others give back is not this one's"


def test_a_share_of_a_limit_stays_that_share_wherever_it_is_kept() -> None:
    """Of four workers without a store each has a quarter; a shared bucket that has lost its store too."""
    quarter: Bucket = TokenBucket(10 / 4, 600 / 4, 0.0)
    lost = LeasedBucket(10.0, 600.0, 0.0, share=0.25, is_shared=False, ask=lambda _: None)
    for bucket in (quarter, lost):
        assert bucket.take(150, 0.0)
        bucket.relimit(600, 1200, 0.0)
        assert bucket.wait_s(300, 0.0) == 60, "300 is now the quarter, and it is empty"
        assert bucket.available(60.0) == 300


def test_a_leased_limit_tells_the_store_the_new_one_and_asks_for_leases_of_its_size() -> None:
    asked: list[LeasedBucket] = []
    bucket = LeasedBucket(10.0, 600.0, 0.0, share=0.5, is_shared=True, ask=asked.append)
    bucket.relimit(600, 60, 0.0)
    assert (bucket.rate_per_s, bucket.burst) == (1.0, 60.0)
    taken = 0
    while bucket.take(1, 0.0):
        taken += 1
    assert taken <= 10, "on credit it draws no more than a lease, and that only once"
    assert asked == [bucket]


@given(
    st.lists(st.tuples(st.floats(0, 30), st.sampled_from([6.0, 60.0, 600.0]), st.integers(1, 50)), max_size=30),
)
def test_whatever_a_limit_becomes_no_more_passes_than_the_most_generous_of_them_allows(
    steps: list[tuple[float, float, int]],
) -> None:
    bucket, limit, now, passed, allowed = TokenBucket(1.0, 60.0, 0.0), 60.0, 0.0, 0.0, 60.0
    for pause_s, next_limit, amount in steps:
        now += pause_s
        allowed += pause_s * limit / 60
        bucket.relimit(limit, next_limit, now)
        limit = next_limit
        if bucket.take(amount, now):
            passed += min(amount, bucket.burst)
        assert passed <= allowed * (1 + 1e-9)


def test_a_paused_limit_gives_no_places_and_forgets_none() -> None:
    places = ConcurrencyLimit(3)
    assert places.acquire()
    places.pause(True)
    assert not places.acquire()
    places.resize(5)
    assert (places.acquire(), places.limit, places.used) == (False, 5, 1)
    places.pause(False)
    assert [places.acquire() for _ in range(5)] == [True] * 4 + [False]


def test_an_adaptive_limit_keeps_below_a_new_bound() -> None:
    limit = GradientLimit(GradientSettings(least=4, most=256, start=20))
    limit.bound(10)
    assert limit.limit == 10
    limit.bound(2)
    limit.refused()
    assert limit.limit == 2


def test_a_breaker_stays_open_for_as_long_as_an_operator_says() -> None:
    breaker = Breaker(BreakerSettings(jitter=0.0), random.Random(0))
    assert breaker.force(Phase.OPEN, 0.0, math.inf) == Move(Phase.CLOSED, Phase.OPEN)
    assert breaker.admit(1e9) is None
    assert breaker.opens_in_s(0.0) == math.inf
    assert breaker.force(Phase.OPEN, 10.0, 40.0) is None
    assert (breaker.refuses(49.0), breaker.refuses(50.0)) == (1.0, None)
