"""The network in memory behaves as sockets do where it matters to the gateway."""

from __future__ import annotations

import random

import pytest
import trio
from trio.testing import MockClock

from tests.memory_network import MemoryNetwork, MemoryStream, as_trio_stream

ADDRESS = ("host.test", 80)


async def connected(network: MemoryNetwork) -> tuple[MemoryStream, MemoryStream]:
    listener = await network.listen(*ADDRESS)
    ours = await network.connect(*ADDRESS)
    return ours, await listener.accept()


async def test_a_full_window_blocks_the_sender_until_the_reader_reads(autojump_clock: MockClock) -> None:
    ours, theirs = await connected(MemoryNetwork(window_bytes=10))
    assert ours.send_nowait(b"0123456789abc") == 10
    with pytest.raises(trio.WouldBlock):
        ours.send_nowait(b"abc")

    async def read_later() -> None:
        await trio.sleep(3)
        assert theirs.receive_nowait(4) == b"0123"

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read_later)
        await ours.wait_writable()
    assert trio.current_time() == 3
    assert ours.send_nowait(b"abcdef") == 4


async def test_half_a_close_leaves_the_other_direction_open(autojump_clock: MockClock) -> None:
    ours, theirs = await connected(MemoryNetwork())
    ours.send_nowait(b"last words")
    ours.send_eof()
    assert theirs.receive_nowait(100) == b"last words"
    assert theirs.receive_nowait(100) == b""
    theirs.send_nowait(b"heard")
    assert ours.receive_nowait(100) == b"heard"
    with pytest.raises(BrokenPipeError):
        ours.send_nowait(b"more")


async def test_an_abort_resets_both_directions_and_loses_what_is_unread(autojump_clock: MockClock) -> None:
    ours, theirs = await connected(MemoryNetwork())
    ours.send_nowait(b"unread")
    ours.close(abort=True)
    with pytest.raises(ConnectionResetError):
        theirs.receive_nowait(100)
    with pytest.raises(ConnectionResetError):
        theirs.send_nowait(b"x")


async def test_closing_with_unread_bytes_is_a_reset_and_without_is_an_end(autojump_clock: MockClock) -> None:
    network = MemoryNetwork()
    ours, theirs = await connected(network)
    theirs.send_nowait(b"never read")
    ours.close()
    with pytest.raises(ConnectionResetError):
        theirs.receive_nowait(100)
    ours, theirs = network.pair(("a", 1), ("b", 2))
    ours.close()
    assert theirs.receive_nowait(100) == b""


async def test_sending_to_a_closed_end_fails_at_the_second_try(autojump_clock: MockClock) -> None:
    ours, theirs = await connected(MemoryNetwork())
    theirs.close()
    assert ours.send_nowait(b"into the void") == 13
    with pytest.raises(BrokenPipeError):
        ours.send_nowait(b"again")


async def test_closing_wakes_those_who_wait(autojump_clock: MockClock) -> None:
    ours, theirs = await connected(MemoryNetwork(window_bytes=1))
    ours.send_nowait(b"x")
    woken = []

    async def wait(which: str) -> None:
        with pytest.raises(trio.ClosedResourceError):
            await getattr(ours, which)()
        woken.append(which)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait, "wait_readable")
        nursery.start_soon(wait, "wait_writable")
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(trio.BusyResourceError):
            await ours.wait_readable()
        ours.close()
    assert sorted(woken) == ["wait_readable", "wait_writable"]
    with pytest.raises(trio.ClosedResourceError):
        await ours.wait_readable()
    theirs.close()


async def test_nobody_listening_is_refused_and_closing_a_listener_resets_those_not_accepted(
    autojump_clock: MockClock,
) -> None:
    network = MemoryNetwork()
    with pytest.raises(ConnectionRefusedError):
        await network.connect(*ADDRESS)
    listener = await network.listen(*ADDRESS)
    with pytest.raises(OSError, match="taken"):
        await network.listen(*ADDRESS)
    ours = await network.connect(*ADDRESS)
    listener.close()
    with pytest.raises(ConnectionResetError):
        ours.receive_nowait(1)
    with pytest.raises(ConnectionRefusedError):
        await network.connect(*ADDRESS)
    await network.listen(*ADDRESS)


async def test_the_same_seed_delivers_in_the_same_pieces(autojump_clock: MockClock) -> None:
    async def pieces(seed: int) -> list[bytes]:
        ours, theirs = await connected(MemoryNetwork(random.Random(seed)))
        ours.send_nowait(bytes(range(100)))
        ours.send_eof()
        return list(iter(lambda: theirs.receive_nowait(100), b""))

    first, second, other = await pieces(1), await pieces(1), await pieces(2)
    assert first == second != other
    assert b"".join(first) == b"".join(other) == bytes(range(100))


async def test_trios_own_streams_can_be_had(autojump_clock: MockClock) -> None:
    """With the addresses that Hypercorn asks for, and Trio's own errors."""
    ours, theirs = [as_trio_stream(end) for end in await connected(MemoryNetwork(window_bytes=10))]
    assert theirs.socket.getsockname() == ADDRESS
    assert theirs.socket.getpeername() == ours.socket.getsockname()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ours.send_all, b"more than ten bytes")
        assert b"".join([await theirs.receive_some(), await theirs.receive_some()]) == b"more than ten bytes"
    await ours.send_eof()
    assert await theirs.receive_some() == b""
    await ours.aclose()
    with pytest.raises(trio.ClosedResourceError):
        await ours.receive_some()
    await theirs.send_all(b"into the void")
    with pytest.raises(trio.BrokenResourceError):
        await theirs.send_all(b"again")
