"""Connections to one origin, each in a pool of httpcore's that has place for no other: bounded, last in, first out.

Every decision is made without an await. A connection is known to speak HTTP/2 once its first answer has come; from then
on it carries several requests. Once one of those was given up it takes no further ones, since httpcore goes on counting
what it will never read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Final

import httpcore

from actors.errors import Overloaded
from gateway.edge.pool import PoolStatistics
from gateway.httpx_client.network import Wire

STREAMS: Final = 32
"""Requests that one HTTP/2 connection carries at a time."""

NewPool = Callable[[Callable[[Wire], None]], httpcore.AsyncConnectionPool]
"""A pool of one connection, which tells of its wires."""


class Lane:
    """One connection, made when it is first asked."""

    def __init__(self, new_pool: NewPool) -> None:
        self.busy = 0
        self.capacity = 1
        self.idle_since = 0.0
        self.is_closing = False
        """Takes no further request, and ends with the last one."""
        self.wire: Wire | None = None
        self.pool = new_pool(self._wired)

    @property
    def speaks_http2(self) -> bool:
        return self.capacity > 1

    @property
    def is_alive(self) -> bool:
        """Whether the next request may use it, as far as can be seen."""
        wire = self.wire
        if wire is None or wire.is_closed:
            return False
        return self.speaks_http2 or (wire.is_silent() and not self._has_surplus())

    def close(self, *, abort: bool) -> None:
        if self.wire is not None:
            self.wire.close(abort=abort)

    def _has_surplus(self) -> bool:
        """Whether bytes came behind the last answer: h11 would take them for the next one's, and httpcore lets it."""
        part: Any = next(iter(self.pool.connections), None)
        while part is not None and not hasattr(part, "_h11_state"):
            part = getattr(part, "_connection", None)
        return part is None or bool(part._h11_state.trailing_data[0])

    def _wired(self, wire: Wire) -> None:
        self.wire = wire


class Lanes:
    """The lanes to one origin."""

    def __init__(self, new_pool: NewPool, *, clock: Callable[[], float], max_connections: int, idle_s: float) -> None:
        self._new_pool = new_pool
        self._clock = clock
        self._max_connections = max_connections
        self._idle_s = idle_s
        self._all: dict[Lane, None] = {}
        self._free: deque[Lane] = deque()
        """Those with room for another request, the longest unused one first."""

    def take(self) -> Lane | None:
        """A place in a connection that exists already."""
        self.drop_expired()
        while self._free:
            lane = self._free[-1]
            if lane.is_alive:
                return self._occupy(lane)
            self._forget(lane)
            lane.close(abort=False)
        return None

    def add(self) -> Lane:
        """A connection that is yet to be made. Raises Overloaded when there are too many."""
        if len(self._all) >= self._max_connections:
            idle = next((lane for lane in self._free if not lane.busy), None)
            if idle is None:
                raise Overloaded("There are too many connections to the provider.")
            self._forget(idle)
            idle.close(abort=False)
        lane = Lane(self._new_pool)
        self._all[lane] = None
        self._free.append(lane)
        return self._occupy(lane)

    def learn_http2(self, lane: Lane) -> None:
        """It carries several requests at a time."""
        if not lane.speaks_http2:
            lane.capacity = STREAMS
            self._offer(lane)

    def give_back(self, lane: Lane) -> None:
        """A request of it has ended in order."""
        lane.busy -= 1
        lane.idle_since = self._clock()
        if lane.is_closing or lane.wire is None or lane.wire.is_closed:
            self._end(lane, abort=False)
        elif lane not in self._free:
            self._offer(lane)

    def give_up(self, lane: Lane, stream_id: int | None) -> None:
        """A request of it is over before its end: with HTTP/2 that stream is reset, else the connection. At once."""
        lane.busy -= 1
        if lane.busy and lane.wire is not None and stream_id is not None:
            lane.wire.reset_stream(stream_id)
        self._end(lane, abort=True)

    def drop_expired(self) -> None:
        """Closes what has been idle for too long."""
        oldest_allowed = self._clock() - self._idle_s
        for lane in [lane for lane in self._free if not lane.busy and lane.idle_since <= oldest_allowed]:
            self._end(lane, abort=False)

    def statistics(self) -> PoolStatistics:
        busy = sum(1 for lane in self._all if lane.busy and lane.wire is not None)
        connecting = sum(1 for lane in self._all if lane.busy and lane.wire is None)
        return PoolStatistics(busy=busy, connecting=connecting, idle=len(self._all) - busy - connecting)

    def close(self) -> None:
        """Closes every connection; what is going on breaks."""
        for lane in list(self._all):
            self._forget(lane)
            lane.close(abort=True)

    def _occupy(self, lane: Lane) -> Lane:
        lane.busy += 1
        if lane.busy >= lane.capacity:
            self._free.pop()
        return lane

    def _offer(self, lane: Lane) -> None:
        if lane.busy < lane.capacity and not lane.is_closing and lane in self._all:
            self._free.append(lane)

    def _end(self, lane: Lane, *, abort: bool) -> None:
        """No further request; the connection is closed with its last one."""
        lane.is_closing = True
        if lane in self._free:
            self._free.remove(lane)
        if not lane.busy:
            self._forget(lane)
            lane.close(abort=abort)

    def _forget(self, lane: Lane) -> None:
        self._all.pop(lane, None)
        if lane in self._free:
            self._free.remove(lane)
