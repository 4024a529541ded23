"""The relay is bounded, coalesces, and lets one epoch at a time speak."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from actors.errors import ActorDied, Left
from actors.relay import Relay, Taken


def opened(**limits: int) -> Relay:
    relay = Relay(**limits)
    assert relay.claim(1)
    return relay


async def test_what_has_arrived_comes_out_as_one_piece() -> None:
    """Three writes before the reader looks are one piece; then the end."""
    relay = opened()
    for chunk in (b"a", b"b", b"c"):
        assert relay.write_nowait(1, chunk)
    assert relay.end(1)
    assert await relay.receive() == b"abc"
    assert await relay.receive() is None
    assert relay.delivered_bytes == 3


@pytest.mark.parametrize("limits", [{"limit_bytes": 10}, {"limit_chunks": 2}])
async def test_a_full_relay_holds_its_writer_until_the_reader_comes(
    limits: dict[str, int], autojump_clock: MockClock
) -> None:
    """Full by bytes or by chunks: the third write waits exactly as long as the reader does."""
    relay = opened(**limits)
    done_at = None

    async def write() -> None:
        nonlocal done_at
        for _ in range(3):
            await relay.write(1, b"12345")
        done_at = trio.current_time()

    async with trio.open_nursery() as nursery:
        start = trio.current_time()
        nursery.start_soon(write)
        await trio.sleep(4)
        assert not relay.write_nowait(1, b"x")
        assert await relay.receive() == b"1234512345"
    assert done_at is not None
    assert done_at - start == 4
    assert relay.held_bytes == 5


async def test_one_chunk_above_the_bound_passes_an_empty_relay() -> None:
    """A bound must not make a large event undeliverable."""
    relay = opened(limit_bytes=10)
    assert relay.write_nowait(1, b"x" * 100)
    assert not relay.write_nowait(1, b"y")


async def test_only_the_first_claim_counts_until_the_relay_is_reopened() -> None:
    """A hedge that lost may not write; after a break the next epoch may, and the old one's late writes are dropped."""
    relay = Relay()
    assert relay.claim(2)
    assert not relay.claim(1)
    with pytest.raises(Left):
        relay.write_nowait(1, b"loser")
    relay.write_nowait(2, b"so far")
    relay.reopen()
    assert relay.claim(3)
    with pytest.raises(Left):
        relay.write_nowait(2, b"late")
    assert not relay.end(2)
    relay.write_nowait(3, b", so good")
    assert relay.end(3)
    assert await relay.receive() == b"so far, so good"


async def test_a_failure_comes_after_what_was_delivered() -> None:
    """Nothing that arrived is lost, and the end is never clean."""
    relay = opened()
    relay.write_nowait(1, b"half")
    relay.fail(ActorDied("gone"))
    assert await relay.receive() == b"half"
    with pytest.raises(ActorDied):
        await relay.receive()
    assert not relay.claim(2)


async def test_an_answer_that_ended_cannot_fail_any_more() -> None:
    """The first end counts."""
    relay = opened()
    relay.end(1)
    relay.fail(ActorDied("too late"))
    assert await relay.receive() is None


async def test_closing_frees_the_bytes_and_wakes_a_waiting_writer() -> None:
    """Nobody reads: the writer learns it at once, and the account is at zero."""
    relay = opened(limit_chunks=1)
    account = []
    relay.charge_to(account.append)
    relay.write_nowait(1, b"12345")
    async with trio.open_nursery() as nursery:

        async def write() -> None:
            with pytest.raises(Left):
                await relay.write(1, b"more")

        nursery.start_soon(write)
        await wait_all_tasks_blocked()
        relay.close()
    assert account == [5, -5]
    assert relay.held_bytes == 0


async def test_what_a_relay_holds_moves_to_the_account_of_who_writes_next() -> None:
    """A resumed stream's bytes are charged to the provider that delivers them now."""
    relay = opened()
    first: list[int] = []
    second: list[int] = []
    relay.charge_to(first.append)
    relay.write_nowait(1, b"123")
    relay.charge_to(second.append)
    relay.reopen()
    relay.claim(2)
    relay.write_nowait(2, b"4567")
    await relay.receive()
    assert (sum(first), sum(second)) == (0, 0)
    assert second == [3, 4, -7]


async def test_cancelled_readers_and_writers_leave_the_relay_usable(autojump_clock: MockClock) -> None:
    """Both waits can be cancelled; the next reader and writer find everything as it was."""
    relay = opened(limit_chunks=1)
    with trio.move_on_after(1):
        await relay.receive()
    relay.write_nowait(1, b"a")
    with trio.move_on_after(1):
        await relay.write(1, b"b")
    assert await relay.receive() == b"a"
    await relay.write(1, b"c")
    assert await relay.receive() == b"c"


async def test_pieces_go_straight_to_a_sink_while_the_reader_waits(autojump_clock: MockClock) -> None:
    """The reader has nothing left: what comes reaches the sink in the writer's own step, and is not held."""
    relay, sunk, read = opened(), [], []

    def sink(piece: bytes) -> Taken:
        sunk.append(piece)
        return Taken.ALL

    async def reader() -> None:
        relay.pass_to(sink)
        while (piece := await relay.receive()) is not None:
            read.append(piece)

    relay.write_nowait(1, b"before the reader came")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(reader)
        await wait_all_tasks_blocked()
        relay.write_nowait(1, b"a")
        relay.write_nowait(1, b"b")
        assert sunk == [b"a", b"b"]
        assert relay.held_bytes == 0
        relay.end(1)
    assert read == [b"before the reader came"]
    assert relay.delivered_bytes == len(b"before the reader cameab")


async def test_a_full_sink_sends_pieces_the_readers_way_in_order(autojump_clock: MockClock) -> None:
    """PART: the reader comes with an empty piece to see the rest off. NONE: the piece is held. Nothing overtakes."""
    relay, log = opened(), []
    verdicts = [Taken.ALL, Taken.PART, Taken.NONE]

    def sink(piece: bytes) -> Taken:
        verdict = verdicts.pop(0)
        log.append((verdict.value, piece))
        return verdict

    async def reader() -> None:
        relay.pass_to(sink)
        while (piece := await relay.receive()) is not None:
            log.append(("read", piece))
            await trio.sleep(1)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(reader)
        await wait_all_tasks_blocked()
        relay.write_nowait(1, b"1")
        relay.write_nowait(1, b"2")
        relay.write_nowait(1, b"3")
        await trio.sleep(5)
        relay.write_nowait(1, b"4")
        await trio.sleep(5)
        relay.end(1)
    assert log == [
        ("all", b"1"),
        ("part", b"2"),
        ("read", b""),
        ("read", b"3"),
        ("none", b"4"),
        ("read", b"4"),
    ]


async def test_a_superseded_epoch_reaches_no_sink_either(autojump_clock: MockClock) -> None:
    """The loser of a hedge cannot speak past the relay, nor can anybody after the reader has closed it."""
    relay, sunk = opened(), []

    def sink(piece: bytes) -> Taken:
        sunk.append(piece)
        return Taken.ALL

    relay.pass_to(sink)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(relay.receive)
        await wait_all_tasks_blocked()
        relay.reopen()
        relay.claim(2)
        with pytest.raises(Left):
            relay.write_nowait(1, b"late")
        nursery.cancel_scope.cancel()
    relay.close()
    with pytest.raises(Left):
        relay.write_nowait(2, b"nobody reads")
    assert sunk == []
