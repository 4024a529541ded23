"""Gradient2 against a transcription of Netflix's own code, and what it does for a provider that is slow or full."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from actors.policy.gradient import GradientLimit, GradientSettings

ONE_BY_ONE = GradientSettings(least=20, most=200, window_s=0.0, window_samples=1)


class Netflix:
    """Gradient2Limit._update and ExpAvgMeasurement.add, line by line, with the defaults of their builder.

    https://github.com/Netflix/concurrency-limits/blob/master/concurrency-limits-core/src/main/java/com/netflix/concurrency/limits/limit/Gradient2Limit.java
    """

    def __init__(self) -> None:
        self.estimated_limit = 20.0
        self.long_value = 0.0
        self.long_sum = 0.0
        self.long_count = 0

    def add(self, sample: float) -> float:
        if self.long_count < 10:
            self.long_count += 1
            self.long_sum += sample
            self.long_value = self.long_sum / self.long_count
        else:
            factor = 2.0 / (600 + 1)
            self.long_value = self.long_value * (1 - factor) + sample * factor
        return self.long_value

    def update(self, rtt: float, inflight: int) -> None:
        short_rtt = rtt
        long_rtt = self.add(rtt)
        if long_rtt / short_rtt > 2:
            self.long_value = self.long_value * 0.95
        if inflight < self.estimated_limit / 2:
            return
        gradient = max(0.5, min(1.0, 1.5 * long_rtt / short_rtt))
        new_limit = self.estimated_limit * gradient + 4
        new_limit = self.estimated_limit * (1 - 0.2) + new_limit * 0.2
        self.estimated_limit = max(20, min(200, new_limit))


@given(st.lists(st.tuples(st.floats(0.001, 100), st.integers(0, 300)), max_size=300))
def test_it_moves_as_netflix_code_does(samples: list[tuple[float, int]]) -> None:
    ours, theirs = GradientLimit(ONE_BY_ONE), Netflix()
    for now, (seconds, in_flight) in enumerate(samples):
        ours.answered(seconds, in_flight, float(now), streamed=True)
        theirs.update(seconds, in_flight)
        assert ours._estimate == theirs.estimated_limit


@given(
    st.lists(
        st.one_of(st.none(), st.tuples(st.floats(0, 1e6), st.integers(0, 10_000), st.booleans(), st.floats(0, 5))),
        max_size=300,
    )
)
def test_it_never_leaves_its_bounds(told: list[tuple[float, int, bool, float] | None]) -> None:
    limit, now = GradientLimit(GradientSettings(least=3, most=50, window_samples=1)), 0.0
    for each in told:
        if each is None:
            limit.refused()
        else:
            seconds, in_flight, streamed, later = each
            now += later
            limit.answered(seconds, in_flight, now, streamed=streamed)
        assert 3 <= limit.limit <= 50


def steady(limit: GradientLimit, seconds: float, *, until: float, since: float = 0.0, streamed: bool = True) -> None:
    """Ten answers a second, as many in flight as may be."""
    for tenth in range(int(since * 10), int(until * 10)):
        limit.answered(seconds, limit.limit, tenth / 10, streamed=streamed)


def test_it_grows_while_answers_stay_quick() -> None:
    """By four fifths of a call an update, one a second."""
    limit = GradientLimit(GradientSettings(most=100))
    steady(limit, 0.5, until=11.0)
    assert limit.limit == 28
    steady(limit, 0.5, since=11.0, until=200.0)
    assert limit.limit == 100


def test_it_shrinks_when_answers_take_three_times_as_long_and_comes_back() -> None:
    limit = GradientLimit(GradientSettings(most=100))
    steady(limit, 0.5, until=200.0)
    steady(limit, 1.5, since=200.0, until=230.0)
    shrunk = limit.limit
    assert shrunk < 30
    steady(limit, 0.5, since=230.0, until=330.0)
    assert limit.limit > 90


def test_what_nobody_uses_does_not_grow() -> None:
    limit = GradientLimit(GradientSettings())
    for second in range(100):
        limit.answered(0.5, 5, float(second), streamed=True)
    assert limit.limit == 20


def test_each_refusal_takes_one_call_and_never_the_last() -> None:
    limit = GradientLimit(GradientSettings(least=2, most=10, start=10))
    for _ in range(3):
        limit.refused()
    assert limit.limit == 7
    for _ in range(30):
        limit.refused()
    assert limit.limit == 2


def test_whole_answers_are_not_compared_with_streams() -> None:
    """A stream's first token comes after 0.5 s, a whole answer takes 10 s: neither is a sign of a queue."""
    limit = GradientLimit(GradientSettings(most=100))
    for tenth in range(1000):
        limit.answered(10.0 if tenth % 2 else 0.5, limit.limit, tenth / 10, streamed=not tenth % 2)
    assert (limit.long_average_s(streamed=True), limit.long_average_s(streamed=False)) == (0.5, 10.0)
    assert limit.limit == 100
