"""The token bucket against its definition in exact fractions."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from actors.policy.token_bucket import TokenBucket


def test_a_full_bucket_gives_its_burst_and_then_its_rate() -> None:
    bucket = TokenBucket(rate_per_s=2.0, burst=10.0, now=100.0)
    assert bucket.take(10, 100.0)
    assert not bucket.take(1, 100.0)
    assert bucket.wait_s(1, 100.0) == 0.5
    assert bucket.take(1, 100.5)
    assert bucket.available(100.5) == 0.0
    assert bucket.available(1000.0) == 10.0


def test_a_refused_take_takes_nothing() -> None:
    bucket = TokenBucket(1.0, 10.0, 0.0)
    assert bucket.take(8, 0.0)
    assert not bucket.take(3, 0.0)
    assert bucket.available(0.0) == 2.0


def test_what_was_not_used_comes_back_but_never_above_the_burst() -> None:
    bucket = TokenBucket(1.0, 10.0, 0.0)
    assert bucket.take(6, 0.0)
    bucket.give_back(6, 3.0)
    assert bucket.available(3.0) == 10.0
    assert bucket.available(4.0) == 10.0


def test_settling_charges_the_difference_and_may_leave_a_debt() -> None:
    bucket = TokenBucket(1.0, 10.0, 0.0)
    assert bucket.take(10, 0.0)
    bucket.settle(reserved=10, used=14, now=0.0)
    assert bucket.available(0.0) == -4.0
    assert not bucket.take(1, 4.5)
    assert bucket.wait_s(1, 0.0) == 5.0
    assert bucket.take(1, 5.0)
    bucket.settle(reserved=1, used=0, now=5.0)
    assert bucket.available(5.0) == 1.0


def test_a_request_larger_than_the_burst_passes_when_the_bucket_is_full() -> None:
    bucket = TokenBucket(1.0, 10.0, 0.0)
    assert bucket.take(1, 0.0)
    assert not bucket.take(50, 0.5)
    assert bucket.wait_s(50, 0.5) == 0.5
    assert bucket.take(50, 1.0)
    assert bucket.available(1.0) == 0.0
    bucket.settle(reserved=50, used=30, now=1.0)
    assert bucket.available(1.0) == -20.0, "10 were charged, 30 were used"


def test_giving_back_a_request_larger_than_the_burst_gives_what_it_took() -> None:
    bucket = TokenBucket(1.0, 10.0, 0.0)
    assert bucket.take(50, 0.0)
    bucket.settle(reserved=0, used=5, now=0.0)
    bucket.give_back(50, 0.0)
    assert bucket.available(0.0) == 5.0, "10 were taken for the 50, and another 5 were used"


def test_who_leaves_a_share_to_others_waits_for_more_than_it_takes() -> None:
    """A fifth of 10 is 2, of 4 nothing; what is so large that it never could passes when the bucket is full."""
    bucket = TokenBucket(1.0, 10.0, 0.0)
    assert bucket.take(6, 0.0)
    assert [bucket.wait_s(amount, 0.0, 0.2) for amount in (1, 2, 3, 9, 50)] == [0.0, 0.0, 1.0, 6.0, 6.0]
    small = TokenBucket(1.0, 4.0, 0.0)
    assert small.wait_s(4, 0.0, 0.2) == 0.0


def test_without_a_rate_only_the_burst_is_there() -> None:
    bucket = TokenBucket(0.0, 3.0, 0.0)
    assert bucket.take(3, 0.0)
    assert bucket.wait_s(1, 1e9) == math.inf
    assert not bucket.take(1, 1e9)


def test_resizing_keeps_what_is_there_and_creates_nothing() -> None:
    bucket = TokenBucket(1.0, 10.0, 0.0)
    assert bucket.take(4, 0.0)
    bucket.resize(2.0, 100.0, 1.0)
    assert bucket.available(1.0) == 7.0
    assert bucket.available(2.0) == 9.0
    bucket.resize(2.0, 5.0, 2.0)
    assert bucket.available(2.0) == 5.0
    assert bucket.wait_s(50, 2.0) == 0.0


@pytest.mark.parametrize(("rate", "burst"), [(-1.0, 5.0), (1.0, 0.0), (1.0, -5.0), (math.nan, 5.0), (1.0, math.nan)])
def test_limits_that_mean_nothing_are_refused(rate: float, burst: float) -> None:
    with pytest.raises(ValueError, match="a bucket needs"):
        TokenBucket(rate, burst, 0.0)


def test_a_month_of_small_takes_drifts_by_nothing() -> None:
    """As fast as it refills, at a rate that no float holds exactly, for 30 days of virtual time."""
    rate, burst = 100.0 / 3.0, 100.0
    bucket = TokenBucket(rate, burst, 0.0)
    admitted, now = 0, 0.0
    for step in range(200_000):
        now = step * 13.0
        while bucket.take(7, now):
            admitted += 7
        bucket.take(3, now)
        bucket.settle(3, 0, now)
    assert admitted <= burst + rate * now
    assert bucket.take(7, now + bucket.wait_s(7, now))


amounts = st.integers(0, 30)
EIGHTH = Fraction(1, 8)


class BucketAgainstFractions(RuleBasedStateMachine):
    """Level by level in exact arithmetic; rates and times are multiples of 1/8, which floats hold exactly too."""

    def __init__(self) -> None:
        super().__init__()
        self.now = Fraction(500)
        self.rate, self.burst = Fraction(5, 2), Fraction(20)
        self.level = self.burst
        self.bucket = TokenBucket(float(self.rate), float(self.burst), float(self.now))
        self.granted = Fraction(0)
        self.allowed = self.burst
        self.reserved: list[int] = []

    def add(self, amount: Fraction) -> None:
        self.level = min(self.level + amount, self.burst)

    @rule(eighths=st.integers(0, 200))
    def time_passes(self, eighths: int) -> None:
        self.now += eighths * EIGHTH
        self.add(self.rate * eighths * EIGHTH)
        self.allowed += self.rate * eighths * EIGHTH

    @rule(amount=amounts)
    def somebody_takes(self, amount: int) -> None:
        charged = min(Fraction(amount), self.burst)
        possible = self.level >= charged
        assert self.bucket.take(amount, float(self.now)) == possible
        if possible:
            self.level -= charged
            self.granted += charged
            self.reserved.append(amount)

    @rule(amount=amounts)
    def somebody_asks_how_long(self, amount: int) -> None:
        missing = min(Fraction(amount), self.burst) - self.level
        assert self.bucket.wait_s(amount, float(self.now)) == pytest.approx(
            float(max(missing, Fraction(0)) / self.rate)
        )

    @rule()
    def the_last_one_gives_back(self) -> None:
        if self.reserved:
            amount = self.reserved.pop()
            self.bucket.give_back(amount, float(self.now))
            self.add(min(Fraction(amount), self.burst))
            self.granted -= min(Fraction(amount), self.burst)

    @rule(used=st.integers(0, 60))
    def the_last_one_settles(self, used: int) -> None:
        if self.reserved:
            amount = self.reserved.pop()
            self.bucket.settle(amount, used, float(self.now))
            self.add(min(Fraction(amount), self.burst) - used)
            self.granted += used - min(Fraction(amount), self.burst)

    @rule(rate=st.integers(1, 80), burst=st.integers(8, 400))
    def limits_change(self, rate: int, burst: int) -> None:
        self.rate, self.burst = rate * EIGHTH, burst * EIGHTH
        self.bucket.resize(float(self.rate), float(self.burst), float(self.now))
        self.add(Fraction(0))
        self.reserved.clear()

    @invariant()
    def both_agree(self) -> None:
        assert Fraction(self.bucket.available(float(self.now))) == self.level

    @invariant()
    def never_more_than_allowed(self) -> None:
        assert self.granted <= self.allowed - self.level


TestBucketAgainstFractions = BucketAgainstFractions.TestCase
TestBucketAgainstFractions.settings = settings(max_examples=150, stateful_step_count=50, deadline=None)


def reals(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high, allow_nan=False, allow_infinity=False)


@settings(max_examples=300, deadline=None)
@given(
    rate=reals(0.001, 50_000),
    burst=reals(1, 1e7),
    steps=st.lists(st.tuples(reals(0, 100), st.integers(0, 100_000)), max_size=40),
)
def test_admitted_never_passes_burst_plus_rate_times_time(
    rate: float, burst: float, steps: list[tuple[float, int]]
) -> None:
    """For any floats: within the one rounding of rate times time."""
    now = start = 1e6
    bucket = TokenBucket(rate, burst, now)
    admitted = Fraction(0)
    for seconds, amount in steps:
        now += seconds
        if bucket.take(amount, now):
            admitted += Fraction(min(amount, burst))
        allowed = Fraction(burst) + Fraction(rate) * (Fraction(now) - Fraction(start))
        assert admitted <= allowed * (1 + Fraction(1, 2**50))


@settings(max_examples=300, deadline=None)
@given(
    rate=reals(0.001, 50_000),
    burst=st.integers(1, 10**7),
    now=reals(0, 1e7),
    debt=st.integers(0, 10**6),
    amount=st.integers(1, 10**6),
)
def test_a_take_after_the_wait_works(rate: float, burst: int, now: float, debt: int, amount: int) -> None:
    """Nobody who sleeps for as long as told is refused, whatever the rounding: there is no busy loop at the end."""
    bucket = TokenBucket(rate, burst, now)
    bucket.take(burst, now)
    bucket.settle(0, debt, now)
    wait_s = bucket.wait_s(amount, now)
    exact = (Fraction(min(amount, burst)) + debt) / Fraction(rate)
    assert wait_s == pytest.approx(float(exact), rel=1e-9, abs=1e-6)
    assert bucket.take(amount, now + wait_s)
