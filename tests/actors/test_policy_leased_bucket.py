"""Many workers, one limit: what they draw together against what the limit allows, and what losing the store costs."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from actors.policy.leased_bucket import Grant, LeasedBucket, Question
from tests.store.gcra_model import gcra

RATE, BURST = 10.0, 600.0


class Shared:
    """The shared bucket: the model of gcra.lua."""

    def __init__(self, rate: float = RATE, burst: float = BURST) -> None:
        self.rate, self.burst = rate, burst
        self.full_at: float | None = None

    def answer(self, question: Question, now: float) -> Grant:
        verdict = gcra(self.full_at, now, rate=self.rate, burst=self.burst, **question._asdict())
        self.full_at = verdict.full_at
        return Grant(verdict.granted, verdict.remaining, verdict.wait_s)


class Worker:
    """One worker's bucket, and its question that nobody has carried yet."""

    def __init__(self, workers: int = 100, rate: float = RATE, burst: float = BURST, *, is_shared: bool = True) -> None:
        self.asks = 0
        self.question: Question | None = None
        self.bucket = LeasedBucket(rate, burst, 0.0, share=1 / workers, is_shared=is_shared, ask=self._ask)

    def _ask(self, bucket: LeasedBucket) -> None:
        assert self.question is None, "one question at a time"
        self.asks += 1
        self.question = bucket.question()

    def carry(self, shared: Shared, now: float) -> None:
        if self.question is not None:
            question, self.question = self.question, None
            self.bucket.answered(question, shared.answer(question, now), now)

    def come_back(self, shared: Shared, now: float) -> None:
        """The store is there again: everybody tells at once what was used meanwhile."""
        while not self.bucket.is_shared:
            if self.question is None:
                self.question = self.bucket.question()
            self.carry(shared, now)


def shared_worker(shared: Shared, now: float = 0.0, workers: int = 100) -> Worker:
    """One of so many that its leases are as small as they get: 10."""
    worker = Worker(workers)
    assert worker.bucket.take(1, now)
    worker.carry(shared, now)
    assert worker.bucket.is_shared
    return worker


def test_the_first_takes_need_no_store_and_are_told_with_the_first_question() -> None:
    worker, shared = Worker(), Shared()
    assert worker.bucket.take(7, 0.0)
    assert worker.question == Question(owed=7, want=10, least=1)
    assert worker.bucket.available(0.0) == BURST - 7, "as far as anybody knows"
    worker.carry(shared, 0.0)
    assert worker.bucket.available(0.0) == BURST - 7


def test_the_next_lease_is_asked_for_before_this_one_is_used_up() -> None:
    shared = Shared()
    worker = shared_worker(shared)
    for _ in range(5):
        assert worker.bucket.take(1, 0.0)
    assert worker.question is None, "half of the lease is left"
    assert worker.bucket.take(1, 0.0)
    assert worker.question == Question(owed=0, want=6, least=1)


def test_while_the_store_is_silent_one_lease_may_be_drawn_on_credit_and_no_more() -> None:
    worker = shared_worker(Shared())
    taken = sum(worker.bucket.take(1, 0.0) for _ in range(100))
    assert taken == 10 + 10, "the lease, and one more on credit"
    assert worker.bucket.wait_s(1, 0.0) == 0.01


def test_the_share_that_is_left_to_others_is_of_what_all_workers_have() -> None:
    """Of 600 a fifth, 120; what others have drawn counts once it is heard of, and without the store its own share."""
    shared = Shared()
    worker, other = shared_worker(shared), shared_worker(shared)
    assert worker.bucket.wait_s(1, 0.0, 0.2) == 0.0
    shared.answer(Question(owed=500, want=0, least=0), 0.0)
    assert other.bucket.take(6, 0.0)
    other.carry(shared, 0.0)
    left = other.bucket.available(0.0)
    assert left < 120
    assert other.bucket.wait_s(1, 0.0, 0.2) == (121 - left) / RATE
    assert other.bucket.wait_s(1, 0.0) == 0.0
    other.bucket.lost(0.0)
    assert other.bucket.take(5, 0.0)
    assert other.bucket.wait_s(1, 0.0, 0.2) == 10.0, "one of six is left, and one is kept"


def test_what_was_drawn_on_credit_is_paid_before_anything_is_granted() -> None:
    shared = Shared()
    worker = shared_worker(shared)
    while worker.bucket.take(1, 0.0):
        pass
    worker.carry(shared, 0.0)  # asked for at half a lease: 6 were granted, 4 are still on credit
    assert worker.question == Question(owed=4, want=10, least=1)
    worker.carry(shared, 0.0)
    assert worker.bucket.available(0.0) == BURST - 21


def test_an_empty_shared_bucket_stops_everybody_for_as_long_as_it_says() -> None:
    shared = Shared()
    shared.answer(Question(BURST, 0, 0), 0.0)
    worker = Worker()
    assert worker.bucket.take(1, 0.0)
    worker.carry(shared, 0.0)
    assert not worker.bucket.take(1, 0.0)
    assert worker.bucket.wait_s(1, 0.0) == 0.2, "one is owed, one is wanted, ten come in a second"
    assert worker.question is None, "asking before then is no use"
    assert worker.bucket.take(1, 0.2)


def test_a_request_larger_than_a_lease_passes_while_the_limit_has_room() -> None:
    shared = Shared()
    worker = shared_worker(shared)
    assert worker.bucket.take(300, 0.0)
    worker.carry(shared, 0.0)
    worker.carry(shared, 0.0)
    assert worker.bucket.available(0.0) == BURST - 301


def test_refunds_beyond_two_leases_go_back_to_everybody() -> None:
    shared = Shared()
    worker = shared_worker(shared)
    assert worker.bucket.take(200, 0.0)
    worker.carry(shared, 0.0)
    worker.carry(shared, 0.0)
    worker.bucket.settle(200, 20, 0.0)
    assert worker.question is not None
    assert worker.question.owed < 0
    worker.carry(shared, 0.0)
    assert worker.bucket.available(0.0) == BURST - 21
    assert worker.bucket._left == 10


def test_while_there_is_plenty_a_lease_is_half_of_this_workers_share_of_it() -> None:
    shared = Shared()
    shared.answer(Question(200, 0, 0), 0.0)
    worker = shared_worker(shared, workers=2)
    assert worker.bucket.available(0.0) == 600 - 200 - 1
    assert sum(worker.bucket.take(1, 0.0) for _ in range(1000)) == 10 + 97, "its first lease, and one on credit"
    assert worker.question is not None
    assert worker.question.want == 97 - 9, "half of the half of 389, and 9 it had when it asked"


def test_what_nobody_draws_from_is_looked_at_again_when_it_was_long_ago() -> None:
    worker = shared_worker(Shared())
    worker.bucket._left = 0
    assert worker.bucket.upkeep(10.0) is None
    assert worker.bucket.upkeep(10.1) == Question(0, 0, 0)


def test_losing_the_store_leaves_this_workers_share_of_what_was_there() -> None:
    shared = Shared()
    shared.answer(Question(500, 0, 0), 0.0)
    worker = shared_worker(shared, workers=2)
    worker.bucket.lost(1.0)
    assert worker.bucket.available(1.0) == 10 + (89 + 10) / 2, "its lease, and half of the rest; ten have come since"
    assert sum(worker.bucket.take(1, 1.0) for _ in range(1000)) == 59
    assert sum(worker.bucket.take(1, 11.0) for _ in range(100)) == 50, "half of the limit is its share of two workers"


def test_losing_the_store_again_and_again_creates_nothing() -> None:
    shared = Shared(rate=0.001)
    worker = Worker(rate=0.001, workers=1)
    taken = 0
    for step in range(50):
        now = step / 1000
        taken += sum(worker.bucket.take(1, now) for _ in range(100))
        worker.bucket.lost(now)
        taken += sum(worker.bucket.take(1, now) for _ in range(100))
        worker.come_back(shared, now)
    assert taken <= BURST + 1


def test_what_was_used_without_the_store_is_charged_when_it_is_back() -> None:
    shared = Shared()
    worker = shared_worker(shared, workers=2)
    worker.bucket.lost(0.0)
    assert sum(worker.bucket.take(1, 0.0) for _ in range(1000)) == 300
    worker.come_back(shared, 0.0)
    assert worker.bucket.available(0.0) == BURST - 301


def test_whoever_does_not_draw_gives_its_lease_back() -> None:
    shared = Shared()
    worker = shared_worker(shared)
    assert worker.bucket.upkeep(0.0) is None, "it has just drawn, and a lease is the least that it keeps"
    question = worker.bucket.upkeep(0.0)
    assert question == Question(owed=-10, want=0, least=0)
    worker.bucket.answered(question, shared.answer(question, 0.0), 0.0)
    assert worker.bucket.available(0.0) == BURST - 1
    assert worker.bucket.upkeep(0.0) is None


def test_whoever_draws_little_of_a_large_lease_gives_back_what_it_will_not_need() -> None:
    worker = shared_worker(Shared(), workers=2)
    worker.bucket.upkeep(0.0)
    worker.bucket._left, worker.bucket._asking = 150, False
    assert worker.bucket.take(20, 0.0)
    assert worker.bucket.upkeep(0.0) == Question(owed=-(130 - 40), want=0, least=0), "twice what it drew is kept"


def test_a_bucket_alone_never_passes_its_share() -> None:
    worker = Worker(workers=4, is_shared=False)
    taken, now = 0, 0.0
    for step in range(2000):
        now = step / 10
        taken += worker.bucket.take(1, now)
        assert taken <= (BURST + RATE * now) / 4


@settings(max_examples=200, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    workers=st.integers(1, 5),
    rate=st.integers(1, 50),
    burst=st.integers(10, 500),
    outages=st.booleans(),
)
def test_all_workers_together_pass_the_limit_by_at_most_one_lease_each(
    seed: int, workers: int, rate: int, burst: int, outages: bool
) -> None:
    """Everybody draws as fast as it can, answers come late, the store comes and goes."""
    chance = random.Random(seed)
    shared = Shared(rate, burst)
    everybody = [Worker(workers, rate, burst) for _ in range(workers)]
    lease = max(min(burst, max(1, rate)), burst / workers / 2)
    taken, now, there = 0, 0.0, True
    for _ in range(300):
        now += chance.choice((0.0, 0.001, 0.05, 0.3))
        if outages and chance.random() < 0.02:
            there = not there
            for worker in everybody:
                if there:
                    worker.come_back(shared, now)
                else:
                    worker.bucket.lost(now)
        worker = chance.choice(everybody)
        taken += sum(worker.bucket.take(1, now) for _ in range(chance.randrange(20)))
        if there and chance.random() < 0.5:
            chance.choice(everybody).carry(shared, now)
        # Without the store nobody knows what the others have used since it was there: that is owed, up to a burst.
        assert taken <= burst + rate * now + workers * lease + (burst if outages else 0)
