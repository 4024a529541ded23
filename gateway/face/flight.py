"""One answer that several clients wait for: asked for once, read by each at its own pace and until its own deadline."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import trio

from actors.errors import Cancelled, DeadlineExceeded, Failure
from actors.letters import Clock
from actors.relay import Sink
from gateway.edge.refusals import ShuttingDown
from gateway.errors import describe
from gateway.exchange import Answer, Headers
from gateway.face.errors import RenderError
from gateway.face.record import CLIENT_CLOSED_REQUEST, DISCONNECTED, ERROR, OK, RequestRecord

LAG_BYTES: Final = 256 * 1024
"""How far the slowest reader may be behind; then the answer waits for it."""
_TOO_LATE: Final = "The time that the client allows was over before the answer was there."


class Flight:
    """An answer under way, and the `Fate` of who asks for it. When nobody waits for it any more, it stops."""

    def __init__(self, max_bytes: int) -> None:
        """Beyond `max_bytes` nobody new can join, and what all have read is forgotten."""
        self.scope = trio.CancelScope()
        self.head: tuple[int, Headers, bool] | None = None
        """Status, headers, and whether the body is a stream."""
        self.failure: Failure | None = None
        self.asked_in_vain: Headers = []
        """Who it was that failed, as clients are told."""
        self.told: Failure | None = None
        """What the last piece tells of: the answer broke, and its readers know."""
        self.ended = False
        self._because: Failure | None = None
        """Why the last reader does not wait any more; None: it has gone."""
        self._max_bytes = max_bytes
        self._pieces: list[bytes] = []
        self._forgotten = 0
        """How many pieces are not there any more."""
        self._size = 0
        self._readers: dict[object, int] = {}
        """The number of the piece that each reads next."""
        self._news = trio.lowlevel.ParkingLot()
        self._room = trio.lowlevel.ParkingLot()

    # For the one who asks.

    def begin(self, answer: Answer) -> None:
        self.head = (answer.status, answer.headers, not isinstance(answer.body, bytes))
        self._news.unpark_all()

    async def add(self, piece: bytes) -> None:
        """The next piece; waits while somebody is too far behind."""
        self._pieces.append(piece)
        self._size += len(piece)
        self._news.unpark_all()
        while self._lag() > LAG_BYTES:
            await self._room.park()

    def end(self, failure: Failure | None = None) -> None:
        """There is no more; `failure` where it never began, or broke. Only the first time counts."""
        if not self.ended:
            self.ended, self.failure = True, failure
            self._news.unpark_all()

    @property
    def opened(self) -> bool:
        return self.head is not None

    @property
    def refusal(self) -> Failure | None:
        return self._because if self.scope.cancel_called else ShuttingDown()

    def told_as(self, request_id: str) -> None:
        """Each reader's own connection hears of its own id."""

    @property
    def whole(self) -> bytes | None:
        """All of the body; None where it was too large to be kept together."""
        return None if self._forgotten or self._size > self._max_bytes else b"".join(self._pieces)

    # For those who read.

    @property
    def joinable(self) -> bool:
        return not self._forgotten and self._size <= self._max_bytes and not self.scope.cancel_called

    def board(self, reader: object) -> None:
        self._readers[reader] = 0

    def leave(self, reader: object, because: Failure | None = None) -> None:
        """Nobody who is left is kept waiting; the last one stops the work, and says why it does not wait any more."""
        self._readers.pop(reader, None)
        self._room.unpark_all()
        if not self._readers and not self.ended:
            self._because = because
            self.scope.cancel()

    async def begun(self) -> tuple[int, Headers, bool]:
        """Raises the failure with which it ended instead."""
        while self.head is None:
            if self.ended:
                raise self.failure or Cancelled("The answer that was waited for is not coming.")
            await self._news.park()
        return self.head

    async def rest(self, reader: object) -> bytes | None:
        """What has come since the reader read last; None at the end."""
        while True:
            number = self._readers[reader]
            if number - self._forgotten < len(self._pieces):
                new = b"".join(self._pieces[number - self._forgotten :])
                self._readers[reader] = self._forgotten + len(self._pieces)
                self._forget()
                self._room.unpark_all()
                return new
            if self.ended:
                return None
            await self._news.park()

    def _lag(self) -> int:
        slowest = min(self._readers.values(), default=self._forgotten + len(self._pieces))
        return sum(map(len, self._pieces[slowest - self._forgotten :]))

    def _forget(self) -> None:
        """Of an answer that nobody new can join only what somebody has yet to read is needed."""
        if self._size > self._max_bytes:
            read = min(self._readers.values()) - self._forgotten
            del self._pieces[:read]
            self._forgotten += read


class Passenger:
    """One client's way through a flight: its answer's BodyStream where that is a stream."""

    def __init__(
        self, flight: Flight, record: RequestRecord, deadline: float, clock: Clock, render_break: RenderError
    ) -> None:
        self._flight = flight
        self._record = record
        self._deadline = deadline
        self._clock = clock
        self._render_break = render_break
        self._outcome = ""
        flight.board(self)

    async def answer(self, headers_for: Callable[[Headers], Headers]) -> Answer:
        """Raises the flight's failure, DeadlineExceeded. What it returns is closed by whoever gets it."""
        try:
            with trio.CancelScope(deadline=self._deadline):
                status, headers, streamed = await self._flight.begun()
                if streamed:
                    self._record.status = status
                    self._record.first_content_at = self._clock()
                    return Answer(status, headers_for(headers), self)
                body = b""
                while (piece := await self._flight.rest(self)) is not None:
                    body += piece
                if self._flight.failure is not None:
                    raise self._flight.failure
                self._flight.leave(self)
                return Answer(status, headers_for(headers), body)
            raise DeadlineExceeded(_TOO_LATE)
        except Failure as failure:
            self._record.asked_in_vain = self._flight.asked_in_vain
            self._flight.leave(self, failure)
            raise
        except BaseException:  # cancelled: the client has gone, or its fate says why not
            fate = self._record.fate
            self._flight.leave(self, None if fate is None else fate.refusal)
            raise

    async def receive(self) -> bytes | None:
        if self._outcome:
            return None
        with trio.CancelScope(deadline=self._deadline):
            piece = await self._flight.rest(self)
            if piece is not None:
                self._record.bytes_out += len(piece)
                return piece
            if self._flight.failure is not None:
                return self._break(self._flight.failure)
            self._record.failure = self._flight.told
            self._outcome = OK if self._flight.told is None else ERROR
            return None
        return self._break(DeadlineExceeded(_TOO_LATE))

    def pass_to(self, sink: Sink) -> None:
        """Every piece is read from the flight."""

    def _break(self, failure: Failure) -> bytes:
        """The end of what is no whole answer."""
        self._outcome = ERROR
        self._record.failure = failure
        return self._render_break(describe(failure))

    def close(self) -> None:
        if self._outcome:
            self._record.finish(self._record.status, self._outcome, self._clock())
        else:
            self._record.finish(CLIENT_CLOSED_REQUEST, DISCONNECTED, self._clock())
        self._flight.leave(self, self._record.failure)  # which `finish` has of the client's fate
