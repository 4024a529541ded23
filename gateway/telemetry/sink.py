"""The production log sink: lines wait in bounded memory and leave ten times a second, whoever reads them.

A flush of one line costs more than the line itself, and a reader that stalls must not stop the gateway: what does not
fit, or meets a full disk, is dropped and counted, and the log says so as soon as it flows again.
"""

from __future__ import annotations

import errno
import os
import select
import stat
import time
from collections.abc import Callable
from typing import Final

import trio

from gateway.telemetry.logs import URGENT_PREFIXES, Stamps

FLUSH_EVERY_S = 0.1
FLUSH_AT_BYTES = 64 * 1024
MAX_BYTES = 4 * 1024 * 1024
ATOMIC_BYTES = 4096
"""Linux's PIPE_BUF: what a pipe that polls as writable takes without blocking."""
_NOWAIT: Final[int | None] = getattr(os, "RWF_NOWAIT", None)
_LINE_END: Final = ord("\n")
_CANNOT: Final = frozenset({errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL})


class BufferedLog:
    """Writes lines to the file descriptor `fd`, which is left as it is: blocking or not, file, pipe or terminal.

    `write` is the world's `write_log`. Warnings and worse leave at once, the rest within `FLUSH_EVERY_S` while `run`
    runs, or as soon as `FLUSH_AT_BYTES` wait. At most `max_bytes` wait. One thread only.
    """

    def __init__(self, fd: int, *, max_bytes: int = MAX_BYTES, wall_clock: Callable[[], float] = time.time) -> None:
        self._fd = fd
        self._max_bytes = self._room = max_bytes
        self._now = Stamps(wall_clock).now
        self._lines: list[str] = []
        self._lines_bytes = 0
        self._rest = memoryview(b"")
        """What the last flush could not write; it may begin in the middle of a line. Beside it lines have `_room`."""
        self._amid_line = False
        """What was written last is the beginning of a line; where its rest is lost, a line end stands in for that."""
        self._stalled = False
        self._untold = 0
        self._being_told = 0
        """How many dropped lines the notice in `_rest` tells of."""
        self._fresh = trio.Event()
        # A regular file never blocks and is always "ready". All else is to refuse what would block; if it cannot, it is
        # asked before each write: in between another worker with the same pipe may fill it.
        self._is_file = stat.S_ISREG(os.fstat(fd).st_mode)
        self._refuses = _NOWAIT is not None and not self._is_file
        self._poll = select.poll()
        self._poll.register(fd, select.POLLOUT)
        self.dropped = 0
        """Lines lost since the start."""

    @property
    def waiting_bytes(self) -> int:
        """What waits for the reader, line ends included (a character outside ASCII counts as one)."""
        return self._lines_bytes + len(self._rest)

    def write(self, line: str) -> None:
        """Takes one line without its line end; never blocks, never raises."""
        lines_bytes = self._lines_bytes + len(line) + 1
        if lines_bytes > self._room:
            self.dropped += 1
            self._untold += 1
            return
        if not self._lines:
            self._fresh.set()
        self._lines.append(line)
        self._lines_bytes = lines_bytes
        # While the reader stalls only the timer tries again: a try costs more than the line.
        if not self._stalled and (lines_bytes >= FLUSH_AT_BYTES or line.startswith(URGENT_PREFIXES)):
            self.flush()

    def flush(self) -> bool:
        """Writes what the reader takes now; False where there is more. Never blocks."""
        self._stalled = False
        while not self._stalled and (self._rest or self._lines or self._untold):
            if not self._rest:
                self._pack()
            self._stalled = not self._write_rest()
        self._room = self._max_bytes - len(self._rest)
        return not self._rest

    async def run(self) -> None:
        """Flushes for ever, `FLUSH_EVERY_S` after the first line that waits."""
        while True:
            await self._fresh.wait()
            await trio.sleep(FLUSH_EVERY_S)
            if self.flush():
                self._fresh = trio.Event()

    def close(self, grace_s: float = 1.0) -> None:
        """Writes what is left, waiting at most `grace_s` for the reader; for the end of the process."""
        ends_at = time.monotonic() + grace_s
        while not self.flush() and (left_s := ends_at - time.monotonic()) > 0:
            self._poll.poll(left_s * 1000)

    def _pack(self) -> None:
        """Moves the lines that wait into `_rest`, with a word about those that were dropped."""
        if self._untold:
            self._lines.append(
                f'{{"level":"warning","timestamp":"{self._now()}","logger":"{__name__}",'
                f'"event":"log lines dropped","dropped":{self._untold}}}'
            )
            self._being_told, self._untold = self._untold, 0
        self._lines.append("")
        begin = "\n" if self._amid_line else ""
        self._rest = memoryview((begin + "\n".join(self._lines)).encode("utf-8", "backslashreplace"))
        self._lines.clear()
        self._lines_bytes = 0

    def _whole_lines(self) -> memoryview:
        """What a pipe takes in one piece, cut at a line's end where there is one: other workers write into it too."""
        piece = self._rest[:ATOMIC_BYTES]
        end = len(piece) if len(self._rest) == len(piece) else bytes(piece).rfind(b"\n") + 1
        return piece[:end] if end else piece

    def _write_rest(self) -> bool:
        """False where the reader takes no more now, or never will: then nothing is left of it."""
        while self._rest:
            try:
                written = self._put(self._rest if self._is_file else self._whole_lines())
            except BlockingIOError:
                return False
            except OSError:  # the reader is gone, or the disk is full
                self._lose_rest()
                return False
            self._amid_line = self._rest[written - 1] != _LINE_END
            self._rest = self._rest[written:]
        self._being_told = 0
        return True

    def _put(self, piece: memoryview) -> int:
        """How many bytes were taken. Raises OSError, BlockingIOError for none."""
        if self._refuses:
            try:
                return os.pwritev(self._fd, [piece], -1, _NOWAIT or 0)
            except OSError as problem:
                if problem.errno not in _CANNOT:
                    raise
                self._refuses = False
        if not self._is_file and not self._poll.poll(0):
            raise BlockingIOError
        return os.write(self._fd, piece)

    def _lose_rest(self) -> None:
        """Nobody can be told now; those that are lost are told with the next line that gets through."""
        rest = bytes(self._rest)
        lost = rest.count(b"\n") - rest.startswith(b"\n") - (self._being_told > 0)
        self._rest = memoryview(b"")
        self.dropped += lost
        self._untold += lost + self._being_told
        self._being_told = 0
