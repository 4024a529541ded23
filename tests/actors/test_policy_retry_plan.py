"""What follows a failed attempt, rule by rule and against a reference written the other way round."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.errors import (
    ActorDied,
    CallCrashed,
    DeadlineExceeded,
    Failure,
    Overloaded,
    Stage,
    TimedOut,
    Unavailable,
)
from actors.policy.backoff import exponential_s
from actors.policy.retry_plan import Again, Decision, Next, RetrySettings, Stop, decide

SETTINGS = RetrySettings()


def failure(
    *,
    retryable: bool = True,
    elsewhere: bool = False,
    throttled: bool = False,
    wants_window: bool = False,
    retry_after: float | None = None,
) -> Failure:
    made = Failure("it failed", retry_after=retry_after)
    made.retryable, made.elsewhere = retryable, elsewhere
    made.throttled, made.wants_window = throttled, wants_window
    return made


def plan(failed: Failure, **other: Any) -> Decision:
    facts: dict[str, Any] = {
        "tries": 1,
        "has_next": True,
        "budget_left": True,
        "now": 0.0,
        "deadline": 600.0,
        "settings": SETTINGS,
        "random": Random(3),
    }
    return decide(failure=failed, **(facts | other))


def delay_of(decision: Decision) -> float:
    assert isinstance(decision, Again)
    return decision.delay_s


def test_what_is_not_retryable_is_the_answer() -> None:
    assert plan(failure(retryable=False)) == Stop()


@pytest.mark.parametrize("retryable", [True, False])
def test_a_prompt_that_is_too_long_goes_to_a_larger_window_and_never_to_the_same_model(retryable: bool) -> None:
    too_long = failure(retryable=retryable, wants_window=True)
    assert plan(too_long) == Next()
    assert plan(too_long, has_next=False) == Stop()


def test_what_can_only_work_elsewhere_goes_there_even_without_budget() -> None:
    for failed in (Overloaded("full"), Unavailable("open"), ActorDied("dead"), TimedOut(Stage.AWAITING, "silent")):
        assert plan(failed, budget_left=False) == Next()
        assert plan(failed, has_next=False) == Stop()


def test_a_crash_or_a_passed_deadline_is_not_tried_again() -> None:
    assert plan(CallCrashed("bug")) == plan(DeadlineExceeded("late")) == Stop()


def test_a_slow_connection_is_tried_again_on_the_same_candidate() -> None:
    assert isinstance(plan(TimedOut(Stage.CONNECTING, "slow")), Again)


def test_backoff_doubles_from_half_a_second_up_to_eight_with_full_jitter() -> None:
    many = RetrySettings(attempts=100)
    for tries, most in [(1, 0.5), (2, 1.0), (3, 2.0), (5, 8.0), (6, 8.0), (99, 8.0)]:
        pauses = [delay_of(plan(failure(), tries=tries, settings=many, random=Random(n))) for n in range(300)]
        assert 0 <= min(pauses) < 0.05 * most
        assert 0.95 * most < max(pauses) <= most


def test_the_third_attempt_on_one_candidate_is_the_last() -> None:
    assert isinstance(plan(failure(), tries=2), Again)
    assert plan(failure(), tries=3) == Next()
    assert plan(failure(), tries=3, has_next=False) == Stop()


def test_without_budget_only_another_candidate_helps() -> None:
    assert plan(failure(), budget_left=False) == Next()
    assert plan(failure(), budget_left=False, has_next=False) == Stop()


def test_a_throttled_candidate_is_waited_for_up_to_five_seconds() -> None:
    assert plan(failure(throttled=True, retry_after=5.0)) == Again(5.0)
    assert plan(failure(throttled=True, retry_after=0.0)) == Again(0.0)
    assert plan(failure(throttled=True, retry_after=5.1)) == Next()
    assert plan(failure(throttled=True, retry_after=5.1), has_next=False) == Stop()
    assert plan(failure(throttled=True)) == Next()
    again = plan(failure(throttled=True), has_next=False)
    assert isinstance(again, Again)
    assert 0 <= again.delay_s <= 0.5


def test_throttled_retries_cost_attempts_and_budget_too() -> None:
    throttled = failure(throttled=True, retry_after=1.0)
    assert plan(throttled, tries=3) == Next()
    assert plan(throttled, budget_left=False, has_next=False) == Stop()


def test_a_retry_after_of_other_failures_is_a_lower_bound() -> None:
    assert plan(failure(retry_after=4.0)) == Again(4.0)
    assert 0 < delay_of(plan(failure(retry_after=0.0))) <= 0.5


def test_who_wants_a_long_pause_is_left_for_the_next_candidate_and_waited_for_if_there_is_none() -> None:
    assert plan(failure(retry_after=20.0)) == Next()
    assert plan(failure(retry_after=20.0), has_next=False) == Again(20.0)


def test_nothing_is_planned_that_could_only_begin_at_the_deadline() -> None:
    throttled = failure(throttled=True, retry_after=2.0)
    assert plan(throttled, now=10.0, deadline=12.0) == Next()
    assert plan(throttled, now=10.0, deadline=12.1) == Again(2.0)
    assert plan(throttled, now=10.0, deadline=10.0) == Stop()
    assert plan(failure(elsewhere=True), now=10.0, deadline=10.0) == Stop()


def reference(failed: Failure, facts: dict[str, Any]) -> tuple[type[Decision], float, float]:
    """The kind of decision, and the bounds of its delay: each kind by the conditions that allow it."""
    asked = failed.retry_after
    low = asked or 0.0
    high = max(low, min(0.5 * 2 ** (facts["tries"] - 1), 8.0))
    if failed.throttled and asked is not None:
        high = low
    time_left = facts["deadline"] - facts["now"]
    same_may_help = failed.retryable and not failed.elsewhere and not failed.wants_window
    too_long = low > 5.0 and (failed.throttled or facts["has_next"])
    patience = not too_long and not (failed.throttled and asked is None and facts["has_next"])
    affordable = facts["tries"] < 3 and facts["budget_left"]
    if same_may_help and patience and affordable and high < time_left:
        return Again, low, high
    if facts["has_next"] and time_left > 0 and (failed.retryable or failed.wants_window):
        return Next, 0.0, 0.0
    return Stop, 0.0, 0.0


@settings(max_examples=500)
@given(
    failed=st.builds(
        failure,
        retryable=st.booleans(),
        elsewhere=st.booleans(),
        throttled=st.booleans(),
        wants_window=st.booleans(),
        retry_after=st.none() | st.sampled_from([0.0, 0.25, 3.0, 5.0, 6.0, 100.0]),
    ),
    facts=st.fixed_dictionaries(
        {
            "tries": st.integers(1, 4),
            "has_next": st.booleans(),
            "budget_left": st.booleans(),
            "now": st.sampled_from([0.0, 595.0, 597.0, 598.5, 600.0]),
            "random": st.integers(0, 1000).map(Random),
        }
    ),
)
def test_it_is_what_the_rules_say(failed: Failure, facts: dict[str, Any]) -> None:
    facts["deadline"] = 600.0
    kind, low, high = reference(failed, facts)
    decision = plan(failed, **facts)
    assert type(decision) is kind
    if isinstance(decision, Again):
        assert low <= decision.delay_s <= high


def test_the_hundredth_doubling_is_still_a_number() -> None:
    assert exponential_s(5000, base_s=0.1, max_s=5.0, random=Random(1), least=1.0) == 5.0
