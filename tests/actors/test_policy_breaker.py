"""The breaker: opens, cools, probes, and is not moved by what belongs to the past."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from actors.policy.breaker import MOVES, Breaker, BreakerSettings, Move, Permit, Phase, Signal
from actors.policy.failure_window import BUCKETS

STEADY = BreakerSettings(jitter=0.0)
CLOSED_TO_OPEN = Move(Phase.CLOSED, Phase.OPEN)


def make(setup: BreakerSettings = STEADY) -> Breaker:
    return Breaker(setup, Random(7))


def admitted(breaker: Breaker, now: float) -> Permit:
    permit = breaker.admit(now)
    assert permit is not None
    return permit


def fail_one(breaker: Breaker, now: float) -> Move | None:
    return breaker.failed(admitted(breaker, now), now)


def succeed_one(breaker: Breaker, now: float) -> Move | None:
    return breaker.succeeded(admitted(breaker, now), now)


def opened(now: float = 0.0, setup: BreakerSettings = STEADY) -> Breaker:
    breaker = make(setup)
    for _ in range(setup.failures):
        fail_one(breaker, now)
    assert breaker.phase is Phase.OPEN
    return breaker


def test_the_fifth_failure_in_a_row_opens_it_for_five_seconds() -> None:
    breaker = make()
    assert [fail_one(breaker, 100.0) for _ in range(5)] == [None, None, None, None, CLOSED_TO_OPEN]
    assert breaker.failures == 5
    assert breaker.admit(104.9) is None
    assert breaker.refuses(101.0) == breaker.retry_after(101.0) == breaker.opens_in_s(101.0) == 4.0
    assert breaker.refuses(105.0) is None
    assert breaker.admit(105.0) is not None
    assert breaker.phase is Phase.PROBING


def test_a_success_ends_the_streak() -> None:
    breaker = make()
    for _ in range(3):
        for _ in range(4):
            assert fail_one(breaker, 0.0) is None
        assert succeed_one(breaker, 0.0) is None
        assert breaker.failures == 0
    assert breaker.phase is Phase.CLOSED


def test_half_of_twenty_failures_within_the_window_open_it() -> None:
    breaker = make()
    for number in range(9):
        assert succeed_one(breaker, number * 3.0) is None
        assert fail_one(breaker, number * 3.0) is None
    assert succeed_one(breaker, 27.0) is None
    assert fail_one(breaker, 27.0) == CLOSED_TO_OPEN


def test_nineteen_calls_are_too_few_to_judge_by_their_share() -> None:
    breaker = make()
    for _ in range(9):
        fail_one(breaker, 0.0)
        succeed_one(breaker, 0.0)
    assert fail_one(breaker, 0.0) is None


def test_results_older_than_the_window_do_not_count() -> None:
    breaker = make()
    for _ in range(9):
        fail_one(breaker, 0.0)
        succeed_one(breaker, 0.0)
    succeed_one(breaker, 30.0)
    assert fail_one(breaker, 30.0) is None


def test_one_probe_at_a_time_and_its_success_closes() -> None:
    breaker = opened()
    probe = admitted(breaker, 5.0)
    assert breaker.admit(5.0) is None
    assert breaker.refuses(5.0) == STEADY.open_s
    assert breaker.opens_in_s(5.0) == 0.0
    assert breaker.succeeded(probe, 6.0) == Move(Phase.PROBING, Phase.CLOSED)
    assert breaker.failures == 0
    assert breaker.admit(6.0) is not None


def test_each_failed_probe_doubles_the_pause_up_to_fifteen_seconds() -> None:
    breaker = opened()
    now, pauses = 0.0, []
    for _ in range(2000):  # more doublings than a float could take
        pause = breaker.retry_after(now)
        pauses.append(pause)
        now += pause
        assert fail_one(breaker, now) == Move(Phase.PROBING, Phase.OPEN)
    assert pauses[:4] == [5.0, 10.0, 15.0, 15.0]
    assert set(pauses[4:]) == {15.0}


def test_closing_makes_the_next_pause_short_again() -> None:
    breaker = opened()
    fail_one(breaker, 5.0)
    succeed_one(breaker, 15.0)
    for _ in range(5):
        fail_one(breaker, 15.0)
    assert breaker.retry_after(15.0) == 5.0


def test_jitter_shortens_by_up_to_a_tenth() -> None:
    pauses = []
    for seed in range(200):
        breaker = Breaker(BreakerSettings(), Random(seed))
        for _ in range(5):
            fail_one(breaker, 0.0)
        pauses.append(breaker.retry_after(0.0))
    assert 4.5 <= min(pauses) < 4.55
    assert 4.95 < max(pauses) <= 5.0


def test_a_cancelled_probe_says_nothing_and_the_next_caller_probes_at_once() -> None:
    breaker = opened()
    lost = admitted(breaker, 5.0)
    assert breaker.abandoned(lost, 7.0) == Move(Phase.PROBING, Phase.OPEN)
    assert breaker.refuses(7.0) is None
    assert fail_one(breaker, 7.0) == Move(Phase.PROBING, Phase.OPEN)
    assert breaker.retry_after(7.0) == 10.0, "the lost probe has not doubled the pause"


def test_a_cancelled_call_neither_adds_to_a_streak_nor_ends_it() -> None:
    breaker = make()
    for _ in range(4):
        fail_one(breaker, 0.0)
    assert breaker.abandoned(admitted(breaker, 0.0), 0.0) is None
    assert breaker.failures == 4
    assert fail_one(breaker, 0.0) == CLOSED_TO_OPEN


def test_results_from_before_a_change_of_phase_move_nothing() -> None:
    breaker = make()
    early = [admitted(breaker, 0.0) for _ in range(10)]
    for permit in early[:5]:
        breaker.failed(permit, 0.0)
    late_success, late_failure, late_cancel, *others = early[5:]
    assert breaker.succeeded(late_success, 1.0) is None
    assert breaker.retry_after(1.0) == 4.0
    probe = admitted(breaker, 5.0)
    assert breaker.failed(late_failure, 5.0) is None
    assert breaker.abandoned(late_cancel, 5.0) is None
    assert breaker.phase is Phase.PROBING
    breaker.succeeded(probe, 6.0)
    for permit in others:
        breaker.failed(permit, 6.0)
    assert breaker.failures == 0


def test_streams_that_all_break_after_their_first_content_open_it_at_the_fifth() -> None:
    breaker = make()
    moves = []
    for _ in range(5):
        permit = admitted(breaker, 0.0)
        assert breaker.succeeded(permit, 0.0) is None
        moves.append(breaker.failed(permit, 1.0))
    assert moves == [None, None, None, None, CLOSED_TO_OPEN]


def test_a_break_does_not_bring_back_a_streak_that_another_success_has_ended() -> None:
    breaker = make()
    for _ in range(4):
        fail_one(breaker, 0.0)
    breaks_later = admitted(breaker, 0.0)
    breaker.succeeded(breaks_later, 0.0)
    succeed_one(breaker, 1.0)
    assert breaker.failed(breaks_later, 2.0) is None
    assert breaker.failures == 1


def test_a_stream_that_breaks_counts_as_one_failed_call_in_the_window() -> None:
    """Ten whole answers and ten broken ones, interleaved: half of twenty, not a third of thirty."""
    breaker = make()
    moves = []
    for number in range(10):
        permit = admitted(breaker, number * 1.0)
        breaker.succeeded(permit, number * 1.0)
        succeed_one(breaker, number * 1.0)
        moves.append(breaker.failed(permit, number * 1.0))
    assert moves == [None] * 9 + [CLOSED_TO_OPEN]


def test_a_stream_that_began_before_the_window_counts_as_one_failed_call_in_it() -> None:
    breaker = make()
    long_stream = admitted(breaker, 0.0)
    breaker.succeeded(long_stream, 0.0)
    moves = [breaker.failed(long_stream, 60.0), succeed_one(breaker, 60.0)]
    for _ in range(9):
        moves += [succeed_one(breaker, 60.0), fail_one(breaker, 60.0)]
    assert moves == [None] * 19 + [CLOSED_TO_OPEN]


def test_closing_forgets_the_calls_of_before() -> None:
    breaker = make()
    for _ in range(10):
        succeed_one(breaker, 0.0)
        fail_one(breaker, 0.0)
    assert breaker.phase is Phase.OPEN
    succeed_one(breaker, 5.0)
    assert fail_one(breaker, 5.0) is None


def test_a_probe_that_breaks_later_is_failure_one_of_the_closed_breaker() -> None:
    breaker = opened()
    probe = admitted(breaker, 5.0)
    breaker.succeeded(probe, 5.0)
    assert breaker.failed(probe, 8.0) is None
    assert breaker.failures == 1


def test_a_permit_is_judged_once() -> None:
    breaker = make()
    permit = admitted(breaker, 0.0)
    for _ in range(10):
        breaker.succeeded(permit, 0.0)
    for _ in range(10):
        breaker.failed(permit, 0.0)
    assert breaker.failures == 1


def test_an_operator_may_force_any_phase() -> None:
    breaker = make()
    early = admitted(breaker, 0.0)
    assert breaker.force(Phase.OPEN, 0.0) == CLOSED_TO_OPEN
    assert breaker.retry_after(0.0) == 5.0
    assert breaker.force(Phase.PROBING, 1.0) == Move(Phase.OPEN, Phase.PROBING)
    assert breaker.refuses(1.0) is None
    assert breaker.admit(1.0) is not None
    assert breaker.admit(1.0) is None
    assert breaker.force(Phase.CLOSED, 2.0) == Move(Phase.PROBING, Phase.CLOSED)
    assert breaker.force(Phase.CLOSED, 2.0) is None
    assert breaker.failed(early, 2.0) is None
    assert breaker.failures == 0


def test_no_signal_moves_a_phase_that_the_table_does_not_list() -> None:
    assert {before for before, _ in MOVES} == set(Phase)
    assert {signal for _, signal in MOVES} == set(Signal)
    with pytest.raises(KeyError):
        MOVES[Phase.CLOSED, Signal.PROBE_OK]


@dataclass
class Entry:
    """A judgement, in the order they came."""

    permit: Permit | None
    ok: bool
    at: float
    counts: bool = True
    ends_streak: bool = True


class BreakerAgainstItsBooks(RuleBasedStateMachine):
    """The same rules over the list of everything that ever happened, recounted from scratch each time."""

    setup = replace(STEADY, failures=4, window_s=15.0, window_min_calls=8, open_s=2.0, open_max_s=7.0)

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.breaker = make(self.setup)
        self.phase = Phase.CLOSED
        self.entries: list[Entry] = []
        self.carried = 0
        self.live: list[Permit] = []
        self.stale: list[Permit] = []
        self.pause = self.setup.open_s
        self.until = 0.0

    def streak(self) -> int:
        count = 0
        for entry in reversed(self.entries):
            if entry.ok and entry.ends_streak:
                return count
            count += not entry.ok
        return count + self.carried

    def enter(self, phase: Phase) -> None:
        self.carried = 0 if phase is Phase.CLOSED else self.streak()
        self.phase, self.entries = phase, []
        self.stale += self.live
        self.live = []

    def trip(self) -> None:
        self.enter(Phase.OPEN)
        self.until = self.now + self.pause
        self.pause = min(self.pause * 2, self.setup.open_max_s)

    def share_is_bad(self) -> bool:
        width = self.setup.window_s / BUCKETS
        recent = [e for e in self.entries if e.counts and int(e.at / width) > int(self.now / width) - BUCKETS]
        bad = sum(not e.ok for e in recent)
        return len(recent) >= self.setup.window_min_calls and bad >= len(recent) * self.setup.window_ratio

    @rule(seconds=st.sampled_from([0.0, 0.25, 0.5, 1.0, 2.0, 5.0, 14.5, 15.0, 40.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def somebody_asks(self) -> None:
        cooled = self.phase is Phase.OPEN and self.now >= self.until
        expected = self.phase is Phase.CLOSED or cooled or (self.phase is Phase.PROBING and not self.live)
        assert (self.breaker.refuses(self.now) is None) == expected
        permit = self.breaker.admit(self.now)
        assert (permit is not None) == expected
        if permit is not None:
            if cooled:
                self.enter(Phase.PROBING)
            self.live.append(permit)

    @precondition(lambda self: self.live)
    @rule(data=st.data())
    def a_call_succeeds(self, data: st.DataObject) -> None:
        permit = data.draw(st.sampled_from(self.live))
        move = self.breaker.succeeded(permit, self.now)
        if self.phase is Phase.PROBING:
            assert move == Move(Phase.PROBING, Phase.CLOSED)
            self.enter(Phase.CLOSED)
            self.pause = self.setup.open_s
            self.stale.remove(permit)
            self.live.append(permit)
        if not any(entry.permit is permit for entry in self.entries):
            self.entries.append(Entry(permit, ok=True, at=self.now))

    @precondition(lambda self: self.live)
    @rule(data=st.data())
    def a_call_fails(self, data: st.DataObject) -> None:
        permit = data.draw(st.sampled_from(self.live))
        move = self.breaker.failed(permit, self.now)
        self.live.remove(permit)
        self.stale.append(permit)
        successes = [entry for entry in self.entries if entry.ok]
        for entry in successes:
            if entry.permit is permit:
                entry.counts = False
                entry.ends_streak = entry is not successes[-1]
        self.entries.append(Entry(None, ok=False, at=self.now))
        before = self.phase
        if before is Phase.PROBING or self.streak() >= self.setup.failures or self.share_is_bad():
            self.trip()
            assert move == Move(before, Phase.OPEN)
        else:
            assert move is None

    @precondition(lambda self: self.live)
    @rule(data=st.data())
    def a_call_is_cancelled(self, data: st.DataObject) -> None:
        permit = data.draw(st.sampled_from(self.live))
        move = self.breaker.abandoned(permit, self.now)
        if self.phase is Phase.PROBING:
            assert move == Move(Phase.PROBING, Phase.OPEN)
            self.enter(Phase.OPEN)
            self.until = self.now
        else:
            assert move is None
            self.live.remove(permit)
            self.stale.append(permit)

    @precondition(lambda self: self.stale)
    @rule(data=st.data(), how=st.sampled_from(["succeeded", "failed", "abandoned"]))
    def something_late_is_reported(self, data: st.DataObject, how: str) -> None:
        permit = data.draw(st.sampled_from(self.stale))
        assert getattr(self.breaker, how)(permit, self.now) is None

    @invariant()
    def both_agree(self) -> None:
        assert self.breaker.phase is self.phase
        assert self.breaker.failures == self.streak()
        expected = max(0.0, self.until - self.now) if self.phase is Phase.OPEN else 0.0
        assert self.breaker.opens_in_s(self.now) == expected


TestBreakerAgainstItsBooks = BreakerAgainstItsBooks.TestCase
TestBreakerAgainstItsBooks.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)


def test_a_hint_opens_a_shut_breaker_for_as_long_as_it_says_and_a_probe_closes_it() -> None:
    breaker = Breaker(BreakerSettings(), Random(0))
    permit = breaker.admit(0.0)
    assert breaker.hinted(4.0, 0.0) == (Phase.CLOSED, Phase.OPEN)
    assert breaker.refuses(3.9) == pytest.approx(0.1)
    assert permit is not None
    assert breaker.succeeded(permit, 1.0) is None, "who was admitted before has no say any more"
    probe = breaker.admit(4.0)
    assert probe is not None
    assert breaker.succeeded(probe, 4.0) == (Phase.PROBING, Phase.CLOSED)


def test_a_hint_moves_no_breaker_that_is_not_shut_and_none_for_longer_than_its_own_longest_time() -> None:
    breaker = Breaker(BreakerSettings(), Random(0))
    assert breaker.hinted(0.0, 0.0) is None
    assert breaker.hinted(1000.0, 0.0) is not None
    assert breaker.refuses(0.0) == 15.0
    assert breaker.hinted(1000.0, 10.0) is None
    assert breaker.refuses(10.0) == 5.0
    assert breaker.admit(15.0) is not None
    assert breaker.hinted(1000.0, 15.0) is None, "a probe is under way: it knows better"
    assert breaker.phase is Phase.PROBING
