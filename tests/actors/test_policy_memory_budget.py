"""The memory budget and the concurrency limit: counters that cannot be given back twice."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from actors.policy.concurrency import ConcurrencyLimit
from actors.policy.memory_budget import MemoryBudget


def test_a_reservation_that_does_not_fit_takes_nothing() -> None:
    budget = MemoryBudget(100)
    assert budget.reserve(60)
    assert not budget.reserve(41)
    assert budget.reserve(40)
    assert (budget.used, budget.peak) == (100, 100)


def test_what_is_in_memory_already_is_charged_past_the_limit() -> None:
    budget = MemoryBudget(100)
    budget.force(150)
    assert not budget.reserve(1)
    budget.release(50)
    assert not budget.reserve(1)
    budget.release(1)
    assert budget.reserve(1)
    assert budget.peak == 150


def test_giving_back_more_than_is_held_is_a_bug_that_shows() -> None:
    budget = MemoryBudget(100)
    budget.force(10)
    with pytest.raises(ValueError, match="cannot release 11 of 10 bytes held"):
        budget.release(11)
    with pytest.raises(ValueError, match="cannot release -1"):
        budget.release(-1)
    with pytest.raises(ValueError, match="cannot charge -1"):
        budget.reserve(-1)
    assert budget.used == 10


def test_a_limit_can_shrink_below_what_is_held() -> None:
    budget = MemoryBudget(100)
    budget.force(80)
    budget.resize(50)
    assert not budget.reserve(1)
    budget.release(40)
    assert budget.reserve(10)


def test_a_place_that_nobody_took_cannot_be_given_back() -> None:
    limit = ConcurrencyLimit(1)
    assert limit.acquire()
    assert not limit.acquire()
    limit.release()
    with pytest.raises(ValueError, match="no place is taken"):
        limit.release()


class CountersAgainstLists(RuleBasedStateMachine):
    """Both counters against the plain list of what is held."""

    def __init__(self) -> None:
        super().__init__()
        self.budget, self.places = MemoryBudget(1000), ConcurrencyLimit(4, kept=0.25)
        self.limit_bytes, self.limit_places = 1000, 4
        self.paused = False
        self.held: list[int] = []
        self.taken = self.peak = 0

    @rule(size=st.integers(0, 700))
    def reserve(self, size: int) -> None:
        fits = sum(self.held) + size <= self.limit_bytes
        assert self.budget.reserve(size) == fits
        if fits:
            self.held.append(size)

    @rule(size=st.integers(0, 700))
    def force(self, size: int) -> None:
        self.budget.force(size)
        self.held.append(size)

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        size = data.draw(st.sampled_from(self.held))
        self.held.remove(size)
        self.budget.release(size)

    @rule(limit=st.integers(0, 2000), places=st.integers(0, 8))
    def resize(self, limit: int, places: int) -> None:
        self.limit_bytes, self.limit_places = limit, places
        self.budget.resize(limit)
        self.places.resize(places)

    @rule(paused=st.booleans())
    def pause(self, paused: bool) -> None:
        self.paused = paused
        self.places.pause(paused)

    @rule()
    def acquire(self) -> None:
        fits = self.taken < self.limit_places and not self.paused
        assert self.places.acquire() == fits
        self.taken += fits

    @precondition(lambda self: self.taken)
    @rule()
    def give_place_back(self) -> None:
        self.places.release()
        self.taken -= 1

    @invariant()
    def both_agree(self) -> None:
        self.peak = max(self.peak, sum(self.held))
        assert (self.budget.used, self.budget.limit) == (sum(self.held), self.limit_bytes)
        assert self.budget.peak == self.peak
        assert (self.places.used, self.places.limit) == (self.taken, self.limit_places)
        assert self.places.ordinary == self.limit_places - self.limit_places // 4


TestCountersAgainstLists = CountersAgainstLists.TestCase
TestCountersAgainstLists.settings = settings(max_examples=80, deadline=None)
