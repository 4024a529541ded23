"""The restart window: Erlang's intensity within a period."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from actors.policy.restart_window import RestartWindow, backoff_s


def test_five_restarts_in_thirty_seconds_are_made_and_the_sixth_is_not() -> None:
    window = RestartWindow(5, 30.0)
    assert [window.record(now) for now in (0.0, 1.0, 2.0, 3.0, 4.0, 29.0)] == [True] * 5 + [False]


def test_a_restart_exactly_one_period_ago_still_counts() -> None:
    window = RestartWindow(1, 30.0)
    assert window.record(0.0)
    assert not window.record(30.0)
    window = RestartWindow(1, 30.0)
    assert window.record(0.0)
    assert window.record(30.5)


def test_an_intensity_of_nothing_escalates_at_once() -> None:
    assert not RestartWindow(0, 30.0).record(0.0)


def test_slow_restarts_go_on_for_ever() -> None:
    window = RestartWindow(1, 30.0)
    assert all(window.record(number * 31.0) for number in range(1000))


@given(
    intensity=st.integers(0, 6),
    steps=st.lists(st.sampled_from([0.0, 0.5, 1.0, 5.0, 9.5, 10.0, 10.5]), max_size=60),
)
def test_it_is_the_count_of_what_lies_within_the_period(intensity: int, steps: list[float]) -> None:
    """Until it escalates: then its supervisor is gone."""
    window, now, restarts = RestartWindow(intensity, 10.0), 50.0, []
    for step in steps:
        now += step
        restarts.append(now)
        expected = sum(now - 10.0 <= at for at in restarts)
        assert window.record(now) == (expected <= intensity)
        if expected > intensity:
            return
        assert window.recent(now) == expected


def test_pauses_double_from_a_tenth_of_a_second_to_five_and_keep_at_least_half() -> None:
    for streak, whole in [(1, 0.1), (2, 0.2), (3, 0.4), (6, 3.2), (7, 5.0), (5000, 5.0)]:
        pauses = [backoff_s(streak, Random(seed)) for seed in range(300)]
        assert 0.5 * whole <= min(pauses) < 0.52 * whole
        assert 0.98 * whole < max(pauses) <= whole
