"""The bounded stream between a provider's call task and the face that drains it.

One relay belongs to one streamed call, through all its attempts. Each attempt writes under its own epoch; `claim` at
first content opens the relay for one epoch, and what any other epoch writes is dropped: a hedge that lost, or an
attempt that was replaced after its stream broke. The reader takes all that has arrived as one piece.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Final

import trio

from actors.errors import Failure, Left
from actors.waking import sleep, wake

DEFAULT_LIMIT_BYTES = 64 * 1024
DEFAULT_LIMIT_CHUNKS = 16


class Taken(enum.Enum):
    """What a sink did with a piece."""

    ALL = "all"
    PART = "part"
    """It keeps the rest, and the reader is to come and see it off."""
    NONE = "none"
    """It has no room: the piece goes the reader's way."""


# Members of enums by a name of their own: each look-up in the class costs 0.2 µs, and these come with every event.
_NONE: Final = Taken.NONE
_PART: Final = Taken.PART


Sink = Callable[[bytes], Taken]
"""Takes a piece at once, in the writer's task; never blocks and never raises."""


class Relay:
    """One writer at a time, one reader.

    Full at `limit_bytes` or `limit_chunks`; a single chunk above `limit_bytes` passes when the relay is empty.
    `account` is told of every change in the bytes held, so that a provider's budget can be charged.
    """

    __slots__ = (
        "_account",
        "_bytes",
        "_chunks",
        "_closed",
        "_ended",
        "_failure",
        "_limit_bytes",
        "_limit_chunks",
        "_open_for",
        "_reader",
        "_sink",
        "_unfinished",
        "_writer",
        "delivered_bytes",
    )

    def __init__(self, *, limit_bytes: int = DEFAULT_LIMIT_BYTES, limit_chunks: int = DEFAULT_LIMIT_CHUNKS) -> None:
        self._limit_bytes = limit_bytes
        self._limit_chunks = limit_chunks
        self._account: Callable[[int], None] | None = None
        self._chunks: list[bytes] = []
        self._bytes = 0
        self._open_for: int | None = None
        self._ended = False
        self._failure: Failure | None = None
        self._closed = False
        self._reader: trio.lowlevel.Task | None = None
        self._writer: trio.lowlevel.Task | None = None
        self._sink: Sink | None = None
        self._unfinished = False
        """The sink keeps the rest of a piece."""
        self.delivered_bytes = 0

    # The writing side: the call task of one attempt.

    def claim(self, epoch: int) -> bool:
        """Opens the relay for `epoch`; False where another epoch has it or nobody reads any more."""
        if self._closed or self._ended or self._failure is not None:
            return False
        if self._open_for is None:
            self._open_for = epoch
        return self._open_for == epoch

    def charge_to(self, account: Callable[[int], None] | None) -> None:
        """From here on `account` carries what the relay holds; the account before it gets its bytes back."""
        if self._account is not None and self._bytes:
            self._account(-self._bytes)
        self._account = account
        if account is not None and self._bytes:
            account(self._bytes)

    def write_nowait(self, epoch: int, chunk: bytes) -> bool:
        """Appends if there is room. Raises Left where this epoch's writes are of no use any more."""
        if epoch != self._open_for or self._closed:
            raise Left
        if self._sink is not None and self._reader is not None and not self._bytes:
            taken = self._sink(chunk)
            if taken is not _NONE:
                self.delivered_bytes += len(chunk)
                if taken is _PART:
                    self._unfinished = True
                    self._wake_reader()
                return True
        if self._bytes and (self._bytes + len(chunk) > self._limit_bytes or len(self._chunks) >= self._limit_chunks):
            return False
        self._chunks.append(chunk)
        self._bytes += len(chunk)
        if self._account is not None:
            self._account(len(chunk))
        if self._reader is not None:
            self._wake_reader()
        return True

    async def write(self, epoch: int, chunk: bytes) -> None:
        """Appends, waiting for room. Raises Left as `write_nowait` does."""
        while not self.write_nowait(epoch, chunk):
            self._writer = trio.lowlevel.current_task()
            await sleep(self._writer_left)

    def end(self, epoch: int) -> bool:
        """The answer is whole; False where this epoch's answer is not the one that counts."""
        if epoch != self._open_for or self._closed:
            return False
        self._ended = True
        self._wake_reader()
        return True

    # The router's side.

    def reopen(self) -> None:
        """The epoch that was open has broken: its late writes are dropped, and the next attempt may claim."""
        self._open_for = None
        self._wake_writer()

    def fail(self, failure: Failure) -> None:
        """The answer broke beyond recovery: the reader gets what is here, then the failure."""
        if not self._ended and self._failure is None:
            self._failure = failure
            self._open_for = None
            self._wake_writer()
            self._wake_reader()

    # The reading side: the face.

    def pass_to(self, sink: Sink) -> None:
        """While the reader waits with nothing left to do, pieces go straight to `sink`.

        That spares the reader's turn for each event of a stream, which is half of what an event costs.
        """
        self._sink = sink

    async def receive(self) -> bytes | None:
        """All that has arrived since the last piece; None at the whole answer's end. Raises Failure when it broke.

        An empty piece means that the sink keeps the rest of one.
        """
        while True:
            if self._unfinished:
                self._unfinished = False
                return b""
            if self._chunks:
                return self._take()
            if self._ended:
                return None
            if self._failure is not None:
                raise self._failure
            self._reader = trio.lowlevel.current_task()
            await sleep(self._reader_left)

    def close(self) -> None:
        """Nobody reads any more; what is still here is dropped and its bytes are given back."""
        self._closed = True
        self._sink = None
        if self._bytes:
            self._take()
        self._wake_writer()

    @property
    def held_bytes(self) -> int:
        return self._bytes

    def _take(self) -> bytes:
        chunks = self._chunks
        piece = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        chunks.clear()
        if self._account is not None:
            self._account(-self._bytes)
        self.delivered_bytes += self._bytes
        self._bytes = 0
        if self._writer is not None:
            self._wake_writer()
        return piece

    def _wake_reader(self) -> None:
        if self._reader is not None:
            reader, self._reader = self._reader, None
            wake(reader)

    def _wake_writer(self) -> None:
        if self._writer is not None:
            writer, self._writer = self._writer, None
            wake(writer)

    def _reader_left(self, _raise_cancel: trio.lowlevel.RaiseCancelT) -> trio.lowlevel.Abort:
        self._reader = None
        return trio.lowlevel.Abort.SUCCEEDED

    def _writer_left(self, _raise_cancel: trio.lowlevel.RaiseCancelT) -> trio.lowlevel.Abort:
        self._writer = None
        return trio.lowlevel.Abort.SUCCEEDED
