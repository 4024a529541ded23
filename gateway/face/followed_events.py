"""The events of a response in the background, for those who read along: from any place, as often as they like."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import trio

from actors.errors import Failure
from actors.letters import Clock
from actors.relay import Sink
from gateway.dialects.responses.errors import error_event
from gateway.dialects.responses.event_log import EventLog
from gateway.errors import describe
from gateway.face.record import CLIENT_CLOSED_REQUEST, DISCONNECTED, OK, RequestRecord

Since = Callable[[int], Awaitable[tuple[bytes, int]]]
"""Waits for events from a number on; they come with the number of the next, and none come after the last."""


class FollowedLog:
    """A log that is being written, by one task, and read by any number of others."""

    def __init__(self, log: EventLog) -> None:
        self.log = log
        self._readers = trio.lowlevel.ParkingLot()

    def say(self, type: str, **members: Any) -> None:
        self.log.say(type, **members)
        self._readers.unpark_all()

    def take(self, data: bytes) -> None:
        self.log.take(data)
        self._readers.unpark_all()

    def end(self, response: msgspec.Raw) -> None:
        self.log.end(response)
        self._readers.unpark_all()

    async def since(self, number: int) -> tuple[bytes, int]:
        """As `Since`. Raises InvalidRequest where the first of them is kept no more."""
        while True:
            events, number = self.log.since(number)
            if events or self.log.ended:
                return events, number
            await self._readers.park()


class EventsBody:
    """A BodyStream of events from `number` on. Who goes away stops nothing: the work is not theirs."""

    def __init__(self, since: Since, number: int, record: RequestRecord, clock: Clock) -> None:
        self._since = since
        self._number = number
        self._record = record
        self._clock = clock
        self._ended = False
        record.status, record.stream = 200, True

    async def receive(self) -> bytes | None:
        if self._ended:
            return None
        try:
            events, self._number = await self._since(self._number)
        except Failure as failure:
            self._ended = True
            self._record.failure = failure
            return error_event(describe(failure), self._number)
        if not events:
            self._ended = True
            return None
        self._record.bytes_out += len(events)
        return events

    def pass_to(self, sink: Sink) -> None:
        """Every piece is read from the log."""

    def close(self) -> None:
        if self._ended:
            self._record.finish(200, OK, self._clock())
        else:
            self._record.finish(CLIENT_CLOSED_REQUEST, DISCONNECTED, self._clock())
