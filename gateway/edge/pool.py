"""Connections to one origin: bounded, the last one given back is the first to be taken.

Every decision is made without an await; only opening a connection waits.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import trio

from actors.errors import Overloaded
from gateway.world import Stream

ENDING_S: Final = 5.0
"""How long an answer that nobody reads any more may take to its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolStatistics:
    """Connections to one origin."""

    busy: int
    """With an exchange going on."""
    connecting: int
    idle: int
    """Those among them whose last answer is yet to end."""

    @property
    def open(self) -> int:
        """All that count against the bound."""
        return self.busy + self.connecting + self.idle


class Connection:
    """A stream on loan from its pool, until `release`, `let_end` or `discard`."""

    __slots__ = ("_pool", "due", "stream")

    def __init__(self, pool: OriginPool, stream: Stream) -> None:
        self._pool = pool
        self.due = 0.0
        """When it is closed where nobody has taken it, or its answer has not ended."""
        self.stream = stream

    def release(self) -> None:
        """Another request may use it."""
        self._pool.put_back(self)

    def let_end(self, read_on: Callable[[], None]) -> None:
        """Another request may use it once the answer has ended: `read_on` reads without blocking, and releases it."""
        self._pool.let_end(self, read_on)

    def discard(self, *, abort: bool) -> None:
        """Closes it; `abort` also drops what has not been sent."""
        self._pool.forget(self)
        self.stream.close(abort=abort)


class OriginPool:
    """`open_stream` makes a connection, with TLS where the origin has it."""

    __slots__ = (
        "_clock",
        "_closed",
        "_connecting",
        "_ending",
        "_idle",
        "_idle_s",
        "_max_connections",
        "_open",
        "_open_stream",
    )

    def __init__(
        self,
        open_stream: Callable[[], Awaitable[Stream]],
        *,
        clock: Callable[[], float],
        max_connections: int,
        idle_s: float,
    ) -> None:
        self._clock = clock
        self._closed = False
        self._connecting = 0
        self._ending: dict[Connection, Callable[[], None]] = {}
        """How to read on where only an answer's end is still to come, the longest ending one first."""
        self._idle: deque[Connection] = deque()
        """The longest idle one first."""
        self._idle_s = idle_s
        self._max_connections = max_connections
        self._open: dict[Connection, None] = {}
        """In the order in which they were opened: a set's would change from process to process."""
        self._open_stream = open_stream

    def take(self) -> Connection | None:
        """The last connection given back that is still alive."""
        idle = self._idle
        if self._ending or (idle and idle[0].due <= self._clock()):
            self.drop_expired()
        while idle:
            connection = idle.pop()
            stream = connection.stream
            if stream.is_quiet() or _is_silent(stream):
                return connection
            connection.discard(abort=False)
        return None

    async def open(self) -> Connection:
        """A new connection. Raises Overloaded when there are too many, OSError, UnicodeError (an impossible name)."""
        self._make_room()
        self._connecting += 1
        try:
            stream = await self._open_stream()
        finally:
            self._connecting -= 1
        if self._closed:
            stream.close(abort=True)
            raise ConnectionAbortedError("the client was closed meanwhile")
        connection = Connection(self, stream)
        self._open[connection] = None
        return connection

    def put_back(self, connection: Connection) -> None:
        if self._closed:
            connection.discard(abort=False)
            return
        if self._ending:
            self._ending.pop(connection, None)
        connection.due = self._clock() + self._idle_s
        self._idle.append(connection)

    def let_end(self, connection: Connection, read_on: Callable[[], None]) -> None:
        connection.due = self._clock() + ENDING_S
        self._ending[connection] = read_on

    def forget(self, connection: Connection) -> None:
        self._open.pop(connection, None)
        self._ending.pop(connection, None)

    def drop_expired(self) -> None:
        """Closes what has been idle, or ending, for too long."""
        now = self._clock()
        for connection, read_on in list(self._ending.items()):
            read_on()
            if connection in self._ending and connection.due <= now:
                connection.discard(abort=True)
        while self._idle and self._idle[0].due <= now:
            self._idle.popleft().discard(abort=False)

    def statistics(self) -> PoolStatistics:
        idle = len(self._idle) + len(self._ending)
        return PoolStatistics(busy=len(self._open) - idle, connecting=self._connecting, idle=idle)

    def close(self) -> None:
        """Closes every connection; exchanges that are going on break."""
        self._closed = True
        while self._idle:
            self._idle.pop().discard(abort=False)
        for connection in list(self._open):
            connection.stream.close(abort=True)

    def _make_room(self) -> None:
        if self._closed:
            raise ConnectionAbortedError("the client is closed")
        if len(self._open) + self._connecting < self._max_connections:
            return
        if self._ending:
            next(iter(self._ending)).discard(abort=True)
            return
        if not self._idle:
            raise Overloaded("There are too many connections to the provider.")
        self._idle.popleft().discard(abort=False)


def _is_silent(stream: Stream) -> bool:
    """An idle connection with something to read was closed, or carries what nobody asked for."""
    try:
        stream.receive_nowait(1)
    except trio.WouldBlock:
        return True
    except OSError:
        return False
    return False
