"""The writing half of a client connection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import trio

from actors.relay import Taken
from gateway.edge.alarm import Deadline
from gateway.world import Stream

# Members of enums by a name of their own: each look-up in the class costs 0.2 µs, and these come with every event.
_NONE: Final = Taken.NONE
_ALL: Final = Taken.ALL
_PART: Final = Taken.PART


_WRITES_PER_TURN = 16  # so many writes may succeed at once before other tasks get their turn


class ClientGone(OSError):
    """Sending is of no use any more; seen only by a task that is shielded from being cancelled for it."""


class Outlet:
    """Writes whole pieces, and has `cut` called when the client takes no byte of one for `stall_s`."""

    __slots__ = ("_cut", "_rest", "_stall", "_stall_s", "_stream", "_turns")

    def __init__(self, stream: Stream, stall: Deadline, stall_s: float, cut: Callable[[], None]) -> None:
        self._stream = stream
        self._stall = stall
        self._stall_s = stall_s
        self._cut = cut
        self._rest: memoryview | None = None
        """What `write_nowait` could not send of its last piece."""
        self._turns = _WRITES_PER_TURN

    @property
    def has_rest(self) -> bool:
        """A `write`, be it of nothing, is due."""
        return self._rest is not None

    def write_nowait(self, data: bytes) -> Taken:
        """Sends what can be sent of `data` at once, from any task, while nobody is in `write`."""
        if self._rest is not None:
            return _NONE
        try:
            sent = self._stream.send_nowait(data)
        except trio.WouldBlock:
            return _NONE
        except (OSError, trio.ClosedResourceError):
            self._cut()
            return _NONE
        if sent == len(data):
            return _ALL
        self._rest = memoryview(data)[sent:]
        return _PART

    async def write(self, data: bytes) -> None:
        """Sends all of `data`. Raises ClientGone, or rather Cancelled where `cut` cancels the caller.

        A checkpoint only where it has to wait, and now and then.
        """
        if self._rest is not None:
            rest, self._rest = self._rest, None
            await self._write_slowly(rest)
        try:
            sent = self._stream.send_nowait(data) if data else 0
            if sent < len(data):
                await self._write_slowly(memoryview(data)[sent:])
        except trio.WouldBlock:
            await self._write_slowly(memoryview(data))
        except (OSError, trio.ClosedResourceError):
            await self._lose()
        self._turns -= 1
        if not self._turns:
            self._turns = _WRITES_PER_TURN
            await trio.lowlevel.checkpoint()

    async def _write_slowly(self, rest: memoryview) -> None:
        try:
            while rest:
                self._stall.set(self._stall_s, self._cut)
                await self._stream.wait_writable()
                try:
                    rest = rest[self._stream.send_nowait(rest) :]
                except trio.WouldBlock:
                    continue
        except (OSError, trio.ClosedResourceError):
            await self._lose()
        finally:
            self._stall.clear()

    async def _lose(self) -> None:
        self._cut()
        await trio.lowlevel.checkpoint()
        raise ClientGone("the client has gone")
