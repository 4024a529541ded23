"""The breaker's memory of the last seconds, against the list of all that happened."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from actors.policy.failure_window import BUCKETS, FailureWindow

steps = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.4, 1.0, 1.0, 1.3, 7.0, 29.0, 31.0]), st.sampled_from(["ok", "bad", "taken back"])
    ),
    max_size=80,
)


@given(start=st.sampled_from([0.0, 12.5, 1e6]), steps=steps)
def test_it_counts_what_happened_in_the_last_thirty_buckets(start: float, steps: list[tuple[float, str]]) -> None:
    """A success that is taken back is one that never was."""
    window, now = FailureWindow(BUCKETS * 1.0), start
    successes: list[float] = []
    failures: list[float] = []
    for pause, what in steps:
        now += pause
        if what == "ok":
            window.success(now)
            successes.append(now)
        elif what == "bad":
            window.failure(now)
            failures.append(now)
        elif successes:
            window.take_back(successes.pop(len(successes) // 2), now)
        else:
            continue
        oldest = int(now) - BUCKETS + 1
        assert window.successes == sum(int(at) >= oldest for at in successes)
        assert window.failures == sum(int(at) >= oldest for at in failures)


@given(pauses=st.lists(st.sampled_from([0.01, 0.1, 0.3, 0.7]), min_size=100, max_size=200))
def test_nothing_older_than_the_window_counts_and_only_a_thirtieth_is_forgotten_early(pauses: list[float]) -> None:
    window, now = FailureWindow(6.0), 100.0
    failures = []
    for pause in pauses:
        now += pause
        failures.append(now)
        window.failure(now)
        whole = sum(at > now - 6.0 - 1e-6 for at in failures)
        sure = sum(at > now - 6.0 * (1 - 1 / BUCKETS) + 1e-6 for at in failures)
        assert sure <= window.failures <= whole


def test_it_can_be_emptied() -> None:
    window = FailureWindow(30.0)
    window.success(5.0)
    window.failure(5.0)
    window.clear()
    assert (window.successes, window.failures) == (0, 0)
    window.failure(100.0)
    assert (window.successes, window.failures) == (0, 1)
