"""One answer for several: what becomes of its readers when it breaks in a way that no provider can."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from actors.errors import CallCrashed, Failure, Unavailable
from actors.relay import Sink
from gateway.dialects.openai_errors import error_event
from gateway.exchange import Answer
from gateway.face.flight import Flight, Passenger
from gateway.face.flights import Flights
from gateway.face.record import RequestRecord


class Body:
    """Two pieces, a second each, and then `end`."""

    def __init__(self, end: BaseException | None) -> None:
        self._end = end
        self._left = [b"data: 1\n\n", b"data: 2\n\n"]
        self.closed = False

    async def receive(self) -> bytes | None:
        await trio.sleep(1)
        if self._left:
            return self._left.pop(0)
        if self._end is not None:
            raise self._end
        return None

    def pass_to(self, sink: Sink) -> None:
        raise AssertionError("a flight's pieces are read")

    def close(self) -> None:
        self.closed = True


class House:
    def __init__(self) -> None:
        self.crashes: list[Exception] = []
        self.kept: list[bytes] = []
        self.records: list[RequestRecord] = []
        self.flights = Flights(lambda bug, _: self.crashes.append(bug), max_bytes=1000)

    def record(self) -> RequestRecord:
        return RequestRecord("chat/completions", "i", "i", 0.0, self.records.append)

    def fly(self, answer: Answer) -> Flight:
        async def ask() -> Answer:
            await trio.sleep(1)
            return answer

        async def keep(answer: Answer, whole: bytes) -> None:
            self.kept.append(whole)

        return self.flights.start("key", ask, keep, self.record(), trio.current_time)

    async def read(self, flight: Flight, heard: list[bytes], deadline: float = 60.0) -> None:
        passenger = Passenger(flight, self.record(), deadline, trio.current_time, error_event)
        answer = await passenger.answer(list)
        if isinstance(answer.body, bytes):
            heard.append(answer.body)
            return
        while (piece := await passenger.receive()) is not None:
            heard.append(piece)
        passenger.close()


async def test_a_crash_within_a_stream_is_an_error_for_every_reader_and_kept_by_nobody(
    autojump_clock: MockClock,
) -> None:
    """No end that could pass for a whole answer."""
    house, body = House(), Body(RuntimeError("a bug"))
    heard: tuple[list[bytes], list[bytes]] = ([], [])
    async with trio.open_nursery() as nursery:
        await nursery.start(house.flights.run)
        flight = house.fly(Answer(200, [], body))
        async with trio.open_nursery() as readers:
            for each in heard:
                readers.start_soon(house.read, flight, each)
        nursery.cancel_scope.cancel()
    for pieces in heard:
        assert pieces[:2] == [b"data: 1\n\n", b"data: 2\n\n"]
        assert b'"error"' in pieces[2]
    assert [type(bug) for bug in house.crashes] == [RuntimeError]
    assert (house.kept, body.closed) == ([], True)
    assert [type(record.failure) for record in house.records] == [CallCrashed] * 3


@pytest.mark.parametrize("after_s", [0.5, 2.5], ids=["before it begins", "within it"])
async def test_what_the_end_of_the_gateway_cuts_is_told_so(autojump_clock: MockClock, after_s: float) -> None:
    house, body = House(), Body(None)
    heard: list[bytes] = []
    failures: list[type[Failure]] = []
    life = trio.CancelScope()

    async def live(*, task_status: trio.TaskStatus[None]) -> None:
        with life:
            await house.flights.run(task_status=task_status)

    async def read(flight: Flight) -> None:
        try:
            await house.read(flight, heard)
        except Failure as failure:
            failures.append(type(failure))

    async with trio.open_nursery() as nursery:
        await nursery.start(live)
        nursery.start_soon(read, house.fly(Answer(200, [], body)))
        await trio.sleep(after_s)
        life.cancel()
    assert trio.current_time() == after_s
    if after_s < 1:
        assert (heard, failures) == ([], [Unavailable])
    else:
        assert (heard[0], b'"error"' in heard[1], len(heard), failures) == (b"data: 1\n\n", True, 2, [])
    assert house.kept == []
    assert {record.outcome for record in house.records} == {"error"}, "nobody has gone"
    assert house.flights.view() == {"in_flight": 0}
    assert not house.flights.runs
