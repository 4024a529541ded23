"""How long the last of a line will wait, told from how it has moved."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.policy.pace import WINDOW_S, Pace


def moving(per_s: int, until_s: int) -> Pace:
    """A line that began at 0 and moves evenly."""
    pace = Pace(0.0)
    for number in range(per_s * until_s):
        pace.moved(number / per_s)
    return pace


def test_who_is_the_tenth_in_a_line_that_moves_by_five_a_second_waits_two_seconds() -> None:
    assert moving(5, until_s=8).wait_s(9, 8.0) == 2.0
    assert moving(5, until_s=8).wait_s(0, 8.0) == 0.0


def test_only_the_last_ten_seconds_count() -> None:
    """It moved fast, then not at all: from then on what counts is how long ago that was."""
    pace = moving(100, until_s=5)
    assert pace.wait_s(99, 5.0) == 1.0
    assert pace.wait_s(99, 14.0) == 20.0  # 50 moves since 4.5
    assert pace.wait_s(99, 15.49) == pytest.approx(100 * 10.5)


def test_a_young_line_tells_nothing_and_a_slow_one_not_before_the_window_is_full() -> None:
    assert moving(1000, until_s=1).wait_s(10**6, 0.99) == 0.0
    assert moving(1, until_s=9).wait_s(1000, 9.0) == 0.0
    assert moving(1, until_s=10).wait_s(1000, 10.0) > 1000
    assert Pace(0.0).wait_s(1, 9.9) == 0.0
    assert Pace(0.0).wait_s(1, 10.0) == 20.0
    assert Pace(0.0).wait_s(1, 40.0) == 80.0


@given(
    gaps=st.lists(st.floats(0, 3), min_size=1, max_size=200),
    ahead=st.integers(1, 1000),
    later=st.floats(0, 20),
)
def test_the_forecast_is_within_a_slot_of_a_plain_count(gaps: list[float], ahead: int, later: float) -> None:
    """The reference remembers every move; the pace forgets by half seconds."""
    pace, now, moves = Pace(0.0), 0.0, []
    for gap in gaps:
        now += gap
        pace.moved(now)
        moves.append(now)
    now += later
    least = sum(1 for when in moves if when > now - WINDOW_S + 0.5)
    most = sum(1 for when in moves if when > now - WINDOW_S - 0.5)
    told = pace.wait_s(ahead, now)
    if now < 1.0 or (most < 10 and now < WINDOW_S):
        assert told == 0.0
    elif least == 0 and told == (ahead + 1) * (now - moves[-1]):
        assert now - moves[-1] >= WINDOW_S - 0.5
    elif told:
        assert (ahead + 1) * min(now, WINDOW_S) / most <= told
        assert not least or told <= (ahead + 1) * min(now, WINDOW_S) / least
