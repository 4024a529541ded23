"""Sockets watched by one poll: input is handled in its turn, and the end of a watch is the watching task's."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from tempfile import TemporaryFile

import pytest
import trio

from gateway.edge.read_poll import ReadPoll
from gateway.edge.sockets import SocketStream
from gateway.edge.trio_epoll import TrioEpoll

if sys.platform != "linux":
    pytest.skip("there is no epoll here", allow_module_level=True)


@pytest.fixture(params=["where Trio waits", "as a task"])
async def poll(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, nursery: trio.Nursery) -> ReadPoll:
    if request.param == "as a task":
        monkeypatch.setattr(TrioEpoll, "of_this_run", lambda: None)
    poll = ReadPoll()
    nursery.start_soon(poll.run)
    return poll


def watched_pair(poll: ReadPoll | None) -> tuple[SocketStream, SocketStream]:
    """Ours is watched by `poll`."""
    here, there = socket.socketpair()
    return SocketStream(here, "", poll), SocketStream(there, "")


class Reader:
    """Keeps what arrives; done with it after `last`."""

    def __init__(self, stream: SocketStream, last: bytes = b"") -> None:
        self.pieces: list[bytes] = []
        self.tasks: set[trio.lowlevel.Task] = set()
        self._stream = stream
        self._last = last

    def __call__(self) -> bool:
        self.tasks.add(trio.lowlevel.current_task())
        self.pieces.append(self._stream.receive_nowait(1000))
        return self.pieces[-1] != self._last


async def watch(stream: SocketStream, read: Reader) -> None:
    """As a task: who watches is who asks for it."""
    await stream.watch_readable(read)


async def test_pieces_are_handled_in_the_polls_turn_until_one_is_the_last(poll: ReadPoll) -> None:
    """What comes after that is left for whoever asks next, and costs nobody anything."""
    ours, theirs = watched_pair(poll)
    read = Reader(ours, last=b"enough")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch, ours, read)
        for piece in (b"one", b"two", b"enough", b"more"):
            theirs.send_nowait(piece)
            await trio.testing.wait_all_tasks_blocked(0.01)
    assert read.pieces == [b"one", b"two", b"enough"]
    assert trio.lowlevel.current_task() not in read.tasks
    assert len(read.tasks) == 1
    await ours.wait_readable()
    assert ours.receive_nowait(1000) == b"more"
    ours.close()
    theirs.close()


async def test_the_other_sides_end_is_input_too(poll: ReadPoll) -> None:
    ours, theirs = watched_pair(poll)
    theirs.send_nowait(b"last words")
    theirs.close()
    read = Reader(ours)
    await ours.watch_readable(read)
    assert b"".join(read.pieces) == b"last words"
    ours.close()


async def test_a_hundred_streams_are_served_side_by_side(poll: ReadPoll) -> None:
    """More than are looked at in one turn."""
    pairs = [watched_pair(poll) for _ in range(100)]
    readers = [Reader(ours, last=b"%d" % number) for number, (ours, _) in enumerate(pairs)]
    async with trio.open_nursery() as nursery:
        for (ours, _), read in zip(pairs, readers, strict=True):
            nursery.start_soon(watch, ours, read)
        await trio.testing.wait_all_tasks_blocked()
        for number, (_, theirs) in enumerate(pairs):
            theirs.send_nowait(b"%d" % number)
    assert [read.pieces for read in readers] == [[b"%d" % number] for number in range(100)]
    for ours, theirs in pairs:
        ours.close()
        theirs.close()


async def test_what_goes_wrong_is_the_watching_tasks_alone(poll: ReadPoll) -> None:
    """Its neighbour and the poll itself go on."""
    ours, theirs = watched_pair(poll)
    other, others = watched_pair(poll)
    read = Reader(other, last=b"fine")

    def stumble() -> bool:
        raise ValueError("of this stream")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch, other, read)
        theirs.send_nowait(b"?")
        with pytest.raises(ValueError, match="of this stream"):
            await ours.watch_readable(stumble)
        others.send_nowait(b"fine")
    assert read.pieces == [b"fine"]
    for stream in (ours, theirs, other, others):
        stream.close()


@pytest.mark.parametrize("has_poll", [True, False])
async def test_closing_wakes_whoever_watches(poll: ReadPoll, has_poll: bool) -> None:
    """From another task, and from within its own watch; later nobody begins one."""
    for close_within in (False, True):
        ours, theirs = watched_pair(poll if has_poll else None)

        def close_it(ours: SocketStream = ours) -> bool:
            ours.close()
            return True

        async def watch(ours: SocketStream = ours, on_readable: Callable[[], bool] = close_it) -> None:
            with pytest.raises(trio.ClosedResourceError):
                await ours.watch_readable(on_readable)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch)
            await trio.testing.wait_all_tasks_blocked()
            if close_within:
                theirs.send_nowait(b"!")
            else:
                ours.close()
        with pytest.raises(trio.ClosedResourceError):
            await ours.watch_readable(close_it)
        theirs.close()


async def test_a_cancelled_watch_leaves_the_stream_to_the_next(poll: ReadPoll) -> None:
    """Also where the input that came at that moment cancels it."""
    ours, theirs = watched_pair(poll)
    with trio.CancelScope() as scope:

        def cancel() -> bool:
            scope.cancel()
            return False

        theirs.send_nowait(b"kept")
        await ours.watch_readable(cancel)
    assert scope.cancelled_caught
    with trio.move_on_after(0):
        await ours.watch_readable(cancel)
    read = Reader(ours, last=b"kept")
    await ours.watch_readable(read)
    assert read.pieces == [b"kept"]
    ours.close()
    theirs.close()


async def test_two_tasks_do_not_watch_the_same_socket(poll: ReadPoll, nursery: trio.Nursery) -> None:
    ours, theirs = watched_pair(poll)
    read = Reader(ours)
    async with trio.open_nursery() as watchers:
        watchers.start_soon(watch, ours, read)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(trio.BusyResourceError):
            await ours.watch_readable(read)
        theirs.close()
    ours.close()


async def test_what_the_system_does_not_watch_nobody_does(poll: ReadPoll) -> None:
    """A file, for one, cannot be polled; the next who has that descriptor finds it free."""
    with TemporaryFile() as file:
        for _ in range(2):
            with pytest.raises(PermissionError):
                await poll.watch(file.fileno(), lambda: False)


async def test_a_poll_that_has_ended_holds_no_descriptor_and_its_streams_can_be_closed() -> None:
    poll = ReadPoll()
    ours, theirs = watched_pair(poll)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(poll.run)
        nursery.start_soon(watch, ours, Reader(ours))
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert poll._epoll.closed
    ours.close()
    theirs.close()


async def test_a_watch_that_closes_its_own_socket_ends_as_it_says(poll: ReadPoll) -> None:
    """Done, or with a failure of its own; that the stream is closed is told where it would have gone on."""
    for says in (False, ValueError("of this stream"), True):
        ours, theirs = watched_pair(poll)
        theirs.send_nowait(b"!")

        def close_it(ours: SocketStream = ours, says: bool | ValueError = says) -> bool:
            ours.close()
            if isinstance(says, ValueError):
                raise says
            return says

        try:
            await ours.watch_readable(close_it)
            found: object = False
        except ValueError as problem:
            found = problem
        except trio.ClosedResourceError:
            found = True
        assert found is says
        theirs.close()
