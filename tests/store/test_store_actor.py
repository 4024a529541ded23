"""The store's actor: many askers in one round trip, and what they hear when the store is not well."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from actors.control import Stop
from gateway.errors import StoreUnavailable
from gateway.store.actor import StoreActor
from gateway.store.line import Mode
from tests.store.fake_redis import FakeServer
from tests.store.house import House, living


async def ask_many(house: House, count: int) -> list[object]:
    replies: list[object] = []

    async def ask(number: int) -> None:
        replies.append(await house.line.ask("test", "SET", f"key {number}", number, "PX", 1000))

    async with trio.open_nursery() as nursery:
        for number in range(count):
            nursery.start_soon(ask, number)
    return replies


async def fails_at(house: House) -> float:
    """When a command that is sent now is known to have failed."""
    with pytest.raises(StoreUnavailable):
        await house.line.ask("test", "GET", "key")
    return trio.current_time()


async def test_commands_of_many_askers_go_in_one_round_trip_of_at_most_256(autojump_clock: MockClock) -> None:
    server = FakeServer()
    server.latency_s = 0.01
    async with living(server) as house:
        server.batches.clear()
        assert await ask_many(house, 600) == [True] * 600
    # Whoever comes first goes alone; the others gather meanwhile.
    assert [len(batch) for batch in server.batches] in ([256, 256, 88], [1, 256, 256, 87])


async def test_a_store_that_is_silent_fails_the_first_asker_in_90_ms_and_the_others_at_once(
    autojump_clock: MockClock,
) -> None:
    server = FakeServer()
    async with living(server) as house:
        server.hangs = True
        assert await fails_at(house) == 0.09
        assert house.line.mode is Mode.DEGRADED
        assert await fails_at(house) == 0.09
        assert house.moves == [
            (0.0, "starting", "connected", "the test says so"),
            (0.09, "connected", "degraded", "no answer in time"),
        ]


async def test_a_gateway_that_stood_still_itself_does_not_blame_the_store(autojump_clock: MockClock) -> None:
    """What was under way is done once more; a store that is silent then is silent."""
    server = FakeServer()
    server.latency_s = 0.01
    async with living(server) as house:
        replies: list[object] = []
        house.line.send("test", ("SET", "key", "1"), replies.append)
        await trio.sleep(0.005)
        autojump_clock.jump(0.3)
        await trio.sleep(0.02)
        assert replies == [True]
        assert house.line.mode is Mode.CONNECTED
        server.hangs = True
        house.line.send("test", ("SET", "key", "1"), replies.append)
        await trio.sleep(0.005)
        autojump_clock.jump(0.3)
        await trio.sleep(0.1)
        assert len(replies) == 2
        assert [move[2:] for move in house.moves[1:]] == [("degraded", "no answer in time")]


async def test_whoever_waits_behind_a_silent_round_trip_waits_no_longer(autojump_clock: MockClock) -> None:
    server = FakeServer()
    async with living(server) as house:
        server.hangs = True
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fails_at, house)
            await trio.sleep(0.04)
            assert await fails_at(house) == 0.09


@pytest.mark.parametrize("fault", ["no connection", "out of memory", "read-only", "wrong password"])
async def test_a_store_that_refuses_is_left_alone_until_a_probing_write_works(
    autojump_clock: MockClock, fault: str
) -> None:
    server = FakeServer()
    async with living(server) as house:
        server.fault = fault
        assert await fails_at(house) == 0.0
        server.batches.clear()
        await trio.sleep(60)
        assert {words[:2] for batch in server.batches for words in batch} == {("SET", "p:probe")}
        assert 12 <= len(server.batches) <= 30, "the pauses grow to 5 s and have jitter"
        assert [move[2:] for move in house.moves[1:]] == [("degraded", fault)], "one line a change"
        server.fault = ""
        await trio.sleep(5)
        assert house.line.mode is Mode.CONNECTED
        assert await house.line.ask("test", "GET", "p:probe") == b"1"


async def test_down_at_the_start_it_is_found_later(autojump_clock: MockClock) -> None:
    server = FakeServer()
    server.fault = "no connection"
    async with living(server) as house:
        assert trio.current_time() == 0.0, "the others need not wait for it"
        assert house.line.mode is Mode.DEGRADED
        server.fault = ""
        await trio.sleep(0.1)
        assert house.line.mode is Mode.CONNECTED


async def test_a_silent_store_delays_the_start_by_two_seconds_at_most(autojump_clock: MockClock) -> None:
    server = FakeServer()
    server.hangs = True
    async with living(server) as house:
        assert trio.current_time() == 2.0
        assert house.line.mode is Mode.DEGRADED


async def test_an_asker_that_leaves_costs_nobody_else_anything(autojump_clock: MockClock) -> None:
    server = FakeServer()
    server.latency_s = 0.05
    async with living(server) as house:
        with trio.move_on_after(0.01):
            await house.line.ask("test", "SET", "key", "mine")
        assert await house.line.ask("test", "GET", "key") == b"mine", "it was on its way"


async def test_a_command_that_nobody_waits_for_any_more_is_not_sent(autojump_clock: MockClock) -> None:
    server = FakeServer()
    server.latency_s = 0.08
    async with living(server) as house:
        server.batches.clear()
        with pytest.raises(ExceptionGroup) as raised:
            await ask_many(house, 600)
        assert raised.group_contains(StoreUnavailable)
        assert trio.current_time() == 0.08 + 0.1, "the second round trip was under way"
        await trio.sleep(1)
        assert sum(map(len, server.batches)) <= 513, "and the third batch came to nothing"
        assert house.line.mode is Mode.CONNECTED, "slow, but not silent"


async def test_a_full_mailbox_refuses_at_once(autojump_clock: MockClock) -> None:
    server = FakeServer()
    server.hangs = True
    async with living(server) as house:
        house.line.move(Mode.CONNECTED)
        refused = 0
        for _ in range(5000):
            try:
                house.line.send("test", ("GET", "key"), lambda reply: None)
            except StoreUnavailable:
                refused += 1
        assert refused == 5000 - 4096


async def test_a_crash_of_the_actor_tells_everybody_and_the_next_one_takes_over(autojump_clock: MockClock) -> None:
    server = FakeServer()
    async with living(server) as house:
        first = house.actor
        server.latency_s = 0.01
        first.control.post(Stop())
        assert await fails_at(house) == 0.0
        server.latency_s = 0.0
        await trio.sleep(1)
        assert house.actor is not first
        assert await house.line.ask("test", "GET", "p:probe") == b"1"


async def test_without_a_store_there_is_nothing_to_ask_and_nobody_to_connect_to(autojump_clock: MockClock) -> None:
    server = FakeServer()
    async with living(server, address=None) as house:
        assert house.line.mode is Mode.MEMORY
        assert await fails_at(house) == 0.0
        assert server.opened == []
        assert house.moves == [(0.0, "starting", "memory", "the test says so")]
        assert isinstance(house.actor, StoreActor)
        assert house.actor.view()["mode"] == "memory"
