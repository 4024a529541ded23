"""The answers that are under way for several clients at once, each a task in a nursery of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from actors.errors import CallCrashed, Failure, Unavailable
from gateway.errors import describe
from gateway.exchange import Answer
from gateway.face.api import OnCrash
from gateway.face.flight import Flight
from gateway.face.lasting_tasks import LastingTasks
from gateway.face.provenance import of_failure
from gateway.face.record import CLIENT_CLOSED_REQUEST, DISCONNECTED, ERROR, OK, RequestRecord

Ask = Callable[[], Awaitable[Answer]]
"""Asks the models. Raises Failure."""
Keep = Callable[[Answer, bytes], Awaitable[None]]
"""Keeps an answer that has come whole."""


class Flights(LastingTasks):
    """A child of the root, for as long as identical requests are joined."""

    def __init__(self, on_crash: OnCrash, max_bytes: int) -> None:
        super().__init__()
        self._on_crash = on_crash
        self._max_bytes = max_bytes
        self._flights: dict[str, Flight] = {}

    def view(self) -> dict[str, Any]:
        """This child's detail in /admin/actors."""
        return {"in_flight": len(self._flights)}

    @property
    def runs(self) -> bool:
        """Not while it restarts: then everybody asks for themselves."""
        return self._nursery is not None

    def find(self, key: str) -> Flight | None:
        """One that can be joined."""
        flight = self._flights.get(key)
        return flight if flight is not None and flight.joinable else None

    def start(self, key: str, ask: Ask, keep: Keep, record: RequestRecord, clock: Callable[[], float]) -> Flight:
        """Begins to ask, where it `runs`; whoever starts it boards it without an await in between."""
        assert self._nursery is not None, "nothing takes off while it does not run"
        flight = self._flights[key] = record.fate = Flight(self._max_bytes)
        self._nursery.start_soon(self._fly, key, flight, ask, keep, record, clock, name=f"flight {record.id}")
        return flight

    async def _fly(
        self, key: str, flight: Flight, ask: Ask, keep: Keep, record: RequestRecord, clock: Callable[[], float]
    ) -> None:
        try:
            with flight.scope:
                await self._ask(flight, ask, keep, record, clock)
        except Failure as failure:
            if record.call is not None:  # whose attempts are forgotten once the record is finished
                flight.asked_in_vain = of_failure(record.call, failure)
            record.failure = failure
            record.finish(describe(failure).status, ERROR, clock())
            flight.end(failure)
        except Exception as bug:  # one answer's crash is its own
            self._on_crash(bug, record.request_id)
            crash = record.failure = CallCrashed("The gateway failed to handle this request.")
            record.finish(describe(crash).status, ERROR, clock())
            flight.end(crash)
        finally:
            if self._flights.get(key) is flight:
                del self._flights[key]
            flight.end(Unavailable("The gateway has ended before the answer was there."))
            record.finish(CLIENT_CLOSED_REQUEST, DISCONNECTED, clock())

    async def _ask(
        self, flight: Flight, ask: Ask, keep: Keep, record: RequestRecord, clock: Callable[[], float]
    ) -> None:
        answer = await ask()
        body = answer.body
        flight.begin(answer)
        if isinstance(body, bytes):
            await flight.add(body)
            await keep(answer, body)
            flight.end()
            record.bytes_out = len(body)
            record.finish(answer.status, OK, clock())
            return
        try:
            while (piece := await body.receive()) is not None:
                await flight.add(piece)
            if record.failure is None and (whole := flight.whole) is not None:
                await keep(answer, whole)
            flight.told = record.failure
        finally:
            body.close()
        flight.end()
