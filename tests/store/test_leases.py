"""Shared limits through the store: leases, silence, ids that charge once, and what comes back at the end."""

from __future__ import annotations

import pytest
import trio
import trio.lowlevel
from trio.testing import MockClock

from actors.policy.token_bucket import TokenBucket
from tests.store.fake_redis import FakeServer
from tests.store.house import House, living

PER_MINUTE = 600.0
LEASE = 10


def drawn(house: House, bucket: object, most: int = 10_000) -> int:
    """How many units can be taken at once."""
    taken = 0
    while taken < most and bucket.take(1, trio.current_time()):  # type: ignore[attr-defined]
        taken += 1
    return taken


async def drawn_for(bucket: object, seconds: float) -> int:
    """All that can be taken, asked for every 10 ms."""
    taken, ends_at = 0, trio.current_time() + seconds
    while trio.current_time() < ends_at:
        while bucket.take(1, trio.current_time()):  # type: ignore[attr-defined]
            taken += 1
        await trio.sleep(0.01)
    return taken


def used(server: FakeServer, name: str = "limit") -> float:
    """What the shared bucket has been charged and has not got back."""
    full_at = server.get(f"p:limit:{{{name}}}")
    return 0.0 if full_at is None else round((full_at - trio.current_time()) * PER_MINUTE / 60, 6)


async def test_two_workers_share_one_limit_within_one_lease_each(autojump_clock: MockClock) -> None:
    server = FakeServer()
    server.latency_s = 0.001
    async with living(server) as one, living(server) as other:
        buckets = one.bucket(), other.bucket()
        totals: list[int] = []

        async def draw(bucket: object) -> None:
            totals.append(await drawn_for(bucket, 30.0))

        async with trio.open_nursery() as nursery:
            for bucket in buckets:
                nursery.start_soon(draw, bucket)
        assert PER_MINUTE + 300 - 2 * LEASE <= sum(totals) <= PER_MINUTE + 300 + 2 * LEASE


async def test_a_limit_that_one_worker_has_used_up_is_used_up_for_the_other(autojump_clock: MockClock) -> None:
    server = FakeServer()
    async with living(server) as one, living(server) as other:
        await drawn_for(one.bucket(), 1.0)
        assert await drawn_for(other.bucket(), 1.0) <= 10 + 2 * LEASE


async def test_a_question_whose_answer_was_lost_charges_once(autojump_clock: MockClock) -> None:
    server = FakeServer()
    async with living(server) as house:
        bucket = house.bucket()
        await trio.sleep(0.001)
        server.batches.clear()
        server.loses_replies = True
        assert bucket.take(5, trio.current_time())
        await trio.sleep(0.01)
        assert not bucket.is_shared
        assert used(server) == 154.9, "5 were owed, a lease of 150 was granted, and nobody here knows"
        server.loses_replies = False
        await trio.sleep(1.0)
        assert bucket.is_shared
        ids = {words[4] for words in server.written("EVAL")}
        assert len(ids) == 1
        assert len(server.written("EVAL")) == 2
        assert used(server) == 144.9


async def test_so_does_one_that_is_asked_again_only_after_an_outage(autojump_clock: MockClock) -> None:
    """The store had granted a lease, and went away for ten seconds: a unit a second comes back, nothing is lost."""
    server = FakeServer()
    async with living(server) as house:
        bucket = house.bucket(per_minute=60.0)
        await trio.sleep(0.001)
        server.loses_replies = True
        assert bucket.take(1, trio.current_time())
        await trio.sleep(0.01)
        granted, server.loses_replies, server.fault = used(server) / 10, False, "no connection"
        await trio.sleep(10)
        server.fault = ""
        while not bucket.is_shared:  # noqa: ASYNC110 - the pause before the next probe is chance
            await trio.sleep(0.01)
        assert granted > 10
        assert used(server) / 10 == pytest.approx(max(0.0, granted - trio.current_time()), abs=0.1)


async def test_without_the_store_each_worker_keeps_to_its_share(autojump_clock: MockClock) -> None:
    server = FakeServer()
    async with living(server, workers=4) as house:
        bucket = house.bucket()
        assert bucket.take(1, trio.current_time())
        await trio.sleep(0.01)
        server.fault = "no connection"
        taken = await drawn_for(bucket, 60.0)
        share = (PER_MINUTE + 60 * PER_MINUTE / 60) / 4
        assert share - 1 <= taken <= share + PER_MINUTE / 4 / 2, "and one lease"


async def test_what_was_used_meanwhile_is_charged_on_return(autojump_clock: MockClock) -> None:
    server = FakeServer()
    server.fault = "no connection"
    async with living(server) as house:
        bucket = house.bucket()
        assert drawn(house, bucket) == PER_MINUTE / 2
        server.fault = ""
        await trio.sleep(0.1)
        assert bucket.is_shared
        assert used(server) >= PER_MINUTE / 2


async def test_at_the_end_leases_are_given_back(autojump_clock: MockClock) -> None:
    server = FakeServer()
    async with living(server) as house:
        assert house.bucket().take(3, trio.current_time())
        await trio.lowlevel.checkpoint()
    assert trio.current_time() < 0.2
    assert used(server) == 3


async def test_what_is_granted_while_the_end_comes_is_given_back_too(autojump_clock: MockClock) -> None:
    """The question was on its way when the gateway was told to stop."""
    server = FakeServer()
    server.latency_s = 0.01
    async with living(server) as house:
        bucket = house.bucket()
        await trio.sleep(0.05)
        assert bucket.take(3, trio.current_time())
        await trio.sleep(0.005)
        assert house.desk._accounts["limit"].question is not None
    assert round(used(server)) == 3


async def test_after_an_ordered_restart_of_the_store_leases_are_kept_again(autojump_clock: MockClock) -> None:
    server = FakeServer()
    async with living(server) as house:
        bucket = house.bucket()
        await trio.sleep(0.001)
        await house.supervisor.restart("store")
        await trio.sleep(1.0)
        assert bucket.take(3, trio.current_time())
        await trio.sleep(0.001)
        assert bucket.is_shared
        assert used(server) > 3, "a lease is held"


async def test_whoever_does_not_draw_gives_its_lease_back(autojump_clock: MockClock) -> None:
    server = FakeServer()
    async with living(server) as house:
        assert house.bucket(per_minute=1.0).take(1, trio.current_time())
        await trio.sleep(0.01)
        assert house.bucket("other").take(1, trio.current_time())
        await trio.sleep(0.01)
        held = used(server, "other")
        await trio.sleep(4.5)
        assert held > 1
        assert used(server, "other") == 0


async def test_a_bucket_made_anew_takes_the_place_of_the_dead_ones(autojump_clock: MockClock) -> None:
    server = FakeServer()
    async with living(server) as house:
        assert house.bucket().take(1, trio.current_time())
        await trio.sleep(0.001)
        again = house.bucket()
        await trio.sleep(0.001)
        assert round(used(server)) == 1, "the dead one's lease has come back"

        server.loses_replies = True
        assert again.take(150, trio.current_time())
        await trio.sleep(0.001)
        assert not again.is_shared
        house.bucket()
        server.loses_replies = False
        await trio.sleep(6.0)
        assert not house.desk._orphans
        assert round(used(server) + 60) == 151, "so is one of which its bucket had not heard when its actor died"
        assert again.take(1, trio.current_time())
        assert list(house.desk.view()["limits"]) == ["limit"]


@pytest.mark.parametrize(("settled", "after_s"), [(60, 1.0), (60, 4.0), (100, 4.0), (140, 30.0)])
async def test_what_a_call_gives_back_or_owes_after_its_actor_was_replaced_is_told(
    autojump_clock: MockClock, settled: int, after_s: float
) -> None:
    """A reload lets calls end on the old one, however long that takes; of 100 tokens taken so many were used."""
    server = FakeServer()
    async with living(server) as house:
        old = house.bucket()
        await trio.sleep(0.001)
        assert old.take(100, trio.current_time())
        await trio.sleep(0.001)
        house.bucket()
        await trio.sleep(after_s)
        before = max(0.0, used(server))
        old.settle(100, settled, trio.current_time())
        await trio.sleep(0.001)
        assert round(max(0.0, used(server)) - before) == settled - 100
        await trio.sleep(4.0)
        assert not house.desk._orphans


async def test_where_there_is_no_store_limits_are_this_processes_share(autojump_clock: MockClock) -> None:
    async with living(FakeServer(), address=None, workers=3) as house:
        bucket = house.desk.new_bucket("limit", 60.0, 0.0)
        assert isinstance(bucket, TokenBucket)
        assert (bucket.burst, bucket.rate_per_s) == (20.0, 1 / 3)
