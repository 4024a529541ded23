"""The buffered sink on real pipes and files, in virtual time: what leaves when, and what a stalled reader costs."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import trio

from gateway.telemetry.sink import ATOMIC_BYTES, FLUSH_AT_BYTES, BufferedLog

URGENT = '{"level":"error","event":"broken"}'


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Read end (non-blocking, for the test's sake) and write end (blocking, as stdout is)."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    yield reader, writer
    for fd in (reader, writer):
        try:
            os.close(fd)
        except OSError:
            continue  # the test closed it


def read_all(reader: int) -> bytes:
    pieces = []
    while True:
        try:
            piece = os.read(reader, 1 << 20)
        except BlockingIOError:
            break
        if not piece:
            break
        pieces.append(piece)
    return b"".join(pieces)


class CountingLog(BufferedLog):
    """Knows how often it was flushed."""

    flushes = 0

    def flush(self) -> bool:
        self.flushes += 1
        return super().flush()


async def test_lines_leave_together_a_tenth_of_a_second_after_the_first(
    pipe: tuple[int, int], autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    """Ten lines cost one write; an idle log never wakes up."""
    reader, writer = pipe
    log = CountingLog(writer)
    nursery.start_soon(log.run)
    await trio.sleep(5)
    for number in range(10):
        log.write(f"line {number}")
    await trio.sleep(0.099)
    assert read_all(reader) == b""
    await trio.sleep(0.002)
    assert read_all(reader).splitlines() == [f"line {number}".encode() for number in range(10)]
    log.write("later")
    await trio.sleep(0.101)
    assert read_all(reader) == b"later\n"
    await trio.sleep(5)
    assert log.flushes == 2
    nursery.cancel_scope.cancel()


def test_an_error_leaves_at_once_and_takes_along_what_came_before(pipe: tuple[int, int]) -> None:
    """Order is kept, and nobody waits a tenth of a second for bad news."""
    reader, writer = pipe
    log = BufferedLog(writer)
    log.write("before")
    log.write(URGENT)
    assert read_all(reader).decode().splitlines() == ["before", URGENT]


def test_a_burst_leaves_before_it_fills_the_memory(tmp_path: Path) -> None:
    """The buffer goes out by size too, not only by time."""
    with (tmp_path / "log").open("wb") as file:
        log = BufferedLog(file.fileno(), max_bytes=2 * FLUSH_AT_BYTES)
        for _ in range(5000):
            log.write("x" * 99)
        assert log.dropped == 0
        assert log.waiting_bytes < FLUSH_AT_BYTES
        log.close()
    assert (tmp_path / "log").stat().st_size == 500_000


def test_a_stalled_reader_costs_bounded_memory_and_never_blocks(pipe: tuple[int, int]) -> None:
    """The pipe fills, then the buffer, then lines are dropped and counted; the log says so when it flows again."""
    reader, writer = pipe
    log = BufferedLog(writer, max_bytes=200_000, wall_clock=lambda: 0.0)
    for number in range(10_000):
        log.write(f"{number:099}")
    assert log.waiting_bytes <= 200_000
    assert log.dropped > 5_000
    seen = b""
    while True:
        done = log.flush()
        seen += read_all(reader)
        if done:
            break
    lines = seen.decode().splitlines()
    kept, notice = lines[:-1], json.loads(lines[-1])
    assert kept == [f"{number:099}" for number in range(len(kept))]
    assert notice == {
        "level": "warning",
        "timestamp": "1970-01-01T00:00:00.000Z",
        "logger": "gateway.telemetry.sink",
        "event": "log lines dropped",
        "dropped": log.dropped,
    }
    assert len(kept) + log.dropped == 10_000


def test_a_non_blocking_descriptor_is_as_good(pipe: tuple[int, int]) -> None:
    """Some process managers hand such a stdout over; lines stay whole."""
    reader, writer = pipe
    os.set_blocking(writer, False)
    log = BufferedLog(writer)
    for number in range(3000):
        log.write(f"{number:099}")
    seen = b""
    while not log.flush():
        seen += read_all(reader)
    seen += read_all(reader)
    assert seen.decode().splitlines() == [f"{number:099}" for number in range(3000)]


def test_a_reader_that_takes_less_than_it_promised_gets_the_rest_later(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A socket may poll as writable and still refuse a piece, or take half of it."""
    reader, writer = pipe
    answers = iter([0, 3, 0])

    def write(fd: int, pieces: list[memoryview], _offset: int, _flags: int) -> int:
        room = next(answers, len(pieces[0]))
        if room == 0:
            raise BlockingIOError
        return os.write(fd, pieces[0][:room])

    monkeypatch.setattr(os, "pwritev", write)
    log = BufferedLog(writer)
    log.write("whole")
    assert [log.flush() for _ in range(3)] == [False, False, True]
    assert log.dropped == 0
    assert read_all(reader) == b"whole\n"


def test_the_descriptor_is_left_as_it_was(pipe: tuple[int, int]) -> None:
    """Its flags are shared with other processes: a shell's terminal must not turn non-blocking."""
    _, writer = pipe
    before = fcntl.fcntl(writer, fcntl.F_GETFL)
    BufferedLog(writer).write(URGENT)
    assert fcntl.fcntl(writer, fcntl.F_GETFL) == before


def test_a_reader_that_is_gone_costs_lines_and_nothing_else(pipe: tuple[int, int]) -> None:
    """Nobody is left to be told, nor where a device takes nothing; the gateway goes on."""
    reader, writer = pipe
    os.close(reader)
    with Path("/dev/full").open("wb") as full:
        for log in (BufferedLog(writer), BufferedLog(full.fileno())):
            log.write("one")
            log.write(URGENT)
            assert log.flush()
            assert log.dropped == 2
            assert log.waiting_bytes == 0


class Disk:
    """Takes what it has room for."""

    def __init__(self, fd: int, room: int) -> None:
        self._fd = fd
        self.room = room

    def __call__(self, piece: memoryview) -> int:
        if not self.room:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = os.write(self._fd, piece[: self.room])
        self.room -= written
        return written


def test_a_full_disk_costs_lines_which_are_told_once_there_is_room_again(tmp_path: Path) -> None:
    """Each counts once, however often it is tried; the one that was cut by the disk's end stands by itself."""
    with (tmp_path / "log").open("wb") as file:
        log = BufferedLog(file.fileno(), wall_clock=lambda: 0.0)
        disk = log._put = Disk(file.fileno(), room=len("kept\nhalf"))  # type: ignore[method-assign]
        for line in ("kept", "half of this", URGENT, "lost", "lost too"):
            log.write(line)
            assert log.flush()
        assert (log.dropped, log.waiting_bytes) == (4, 0)
        disk.room = 1000
        log.write("at last")
        assert log.flush()
    kept, half, last, notice = (tmp_path / "log").read_text().splitlines()
    assert (kept, half, last) == ("kept", "half", "at last")
    assert json.loads(notice)["dropped"] == log.dropped == 4


def test_another_writer_that_fills_the_pipe_first_blocks_nobody(pipe: tuple[int, int]) -> None:
    """Several workers write into one: between the question whether there is room and the write there may be none."""
    reader, writer = pipe
    log = BufferedLog(writer)
    log._poll = Writable()  # type: ignore[assignment]
    os.set_blocking(writer, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writer, b"x" * ATOMIC_BYTES)
    os.set_blocking(writer, True)
    log.write("mine")
    flushing = threading.Thread(target=log.flush, daemon=True)
    flushing.start()
    flushing.join(5)
    assert not flushing.is_alive()
    read_all(reader)
    assert log.flush()
    assert read_all(reader) == b"mine\n"


class Writable:
    """A poll that has seen room."""

    def poll(self, _timeout: float) -> list[int]:
        return [1]


def test_closing_writes_what_is_left_and_gives_up_in_time(pipe: tuple[int, int]) -> None:
    """At the end of the process the last lines still leave; a stalled reader holds it up for the grace only."""
    reader, writer = pipe
    log = BufferedLog(writer)
    log.write("last words")
    log.close(grace_s=0.05)
    assert read_all(reader) == b"last words\n"
    for _ in range(3000):
        log.write("x" * 99)
    log.close(grace_s=0.05)
    assert log.waiting_bytes > 0


def test_what_utf8_cannot_say_is_escaped(pipe: tuple[int, int]) -> None:
    """A lone surrogate neither raises nor loses its neighbours."""
    reader, writer = pipe
    log = BufferedLog(writer)
    log.write('{"x":"\ud800 \u00e9"}')
    log.flush()
    assert json.loads(read_all(reader)) == {"x": "\ud800 \u00e9"}


def test_what_goes_into_a_pipe_ends_with_a_line_for_others_write_there_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line longer than the pipe's own piece has to be cut all the same."""
    reader, writer = os.pipe()
    pieces: list[bytes] = []
    monkeypatch.setattr(os, "pwritev", lambda _fd, given, *_: pieces.append(bytes(given[0])) or len(given[0]))
    log = BufferedLog(writer)
    lines = ["a" * 1500, "b" * 1500, "c" * 1500, "d" * 5000, "e" * 10]
    for line in lines:
        log.write(line)
    assert log.flush()
    assert b"".join(pieces).decode() == "".join(f"{line}\n" for line in lines)
    assert all(piece.endswith(b"\n") for piece in pieces if b"d" not in piece)
    assert max(map(len, pieces)) <= ATOMIC_BYTES
    os.close(reader)
    os.close(writer)
