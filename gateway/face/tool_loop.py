"""Conversations in which the gateway runs tools: the model is asked, what it calls is run, and it is asked again.

All turns have one deadline, and each is a call of its own to the router: queued, retried, limited and billed like any
other, with a record and a line in the log. What goes wrong with a tool is its result, for the model to see.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import msgspec
import trio

from actors.errors import CallCrashed, Failure
from actors.letters import Call
from gateway.dialects.led_request import ODD
from gateway.dialects.tool_turns import ToolTurns, WantedCall
from gateway.errors import InvalidRequest, ToolResultTooLarge, describe
from gateway.exchange import Answer, BodyStream, Headers, Request
from gateway.face.api import Reporting
from gateway.face.correlation import told_to_services
from gateway.face.errors import RenderError
from gateway.face.ingress import Ingress
from gateway.face.model_calls import ModelCalls, ModelServices
from gateway.face.provenance import COST
from gateway.face.record import CLIENT_CLOSED_REQUEST, DISCONNECTED, ERROR, OK, RequestRecord
from gateway.face.tool_services import ToolServices
from gateway.face.tool_stream import ToolStream
from gateway.keys.caller import Caller
from gateway.neighbour import Behalf, ToolRan
from gateway.orchestrator.tools import read_arguments
from gateway.telemetry.trace_context import Trace

MOST_CALLS: Final = 16
"""Of one turn that are run; what is called beyond them is told so."""


class Asking(msgspec.Struct, frozen=True):
    """Who asks for what."""

    request: Request
    record: RequestRecord
    caller: Caller
    first: Call
    """What the router would have been asked, if the client had meant no tools of ours; it is never asked."""


class ToolLoop:
    """Leads such conversations for one endpoint."""

    def __init__(self, calls: ModelCalls, services: ToolServices, models: ModelServices) -> None:
        self._calls = calls
        self._services = services
        self.definitions = services.definitions
        self._reporting = models.reporting
        self._ingress = models.ingress

    def lead(self, asking: Asking, turns: ToolTurns) -> Led:
        """A conversation that is ready for its first turn, with the tools as models see them. Raises Failure."""
        led = Led(self._calls, self._services, self._reporting, self._ingress, asking, turns)
        asking.record.filling = led.prepare().filling  # the client hears of the first turn's window
        asking.record.call = None
        return led

    async def answer(self, led: Led, *, render_break: RenderError) -> Answer:
        """The final answer: whole, or a stream that begins with the first turn's. Raises Failure."""
        asking = led.asking
        if asking.record.stream:
            first = await led.ask()
            stream = ToolStream(led, streamed(first), render_break, asking.record, self._reporting)
            return Answer(first.status, first.headers, stream)
        while True:
            answer = await led.ask()
            wanted = led.take(answer)
            if not wanted:
                return answer
            await led.run(wanted)


class Led:
    """One conversation under way.

    Its first turn is prepared, and may be counted, before it is asked; all others are when they are asked.
    """

    def __init__(
        self,
        calls: ModelCalls,
        services: ToolServices,
        reporting: Reporting,
        ingress: Ingress,
        asking: Asking,
        turns: ToolTurns,
    ) -> None:
        self.turns = turns
        self._calls = calls
        self._services = services
        self._reporting = reporting
        self._ingress = ingress
        self.asking = asking
        self._record = asking.record
        self._turn = 0
        self._call: Call | None = None
        """Of a turn that is prepared, and not asked yet."""
        self._turn_record: RequestRecord | None = None
        self._held_bytes = 0
        self._costs: list[Decimal | None] = []

    @property
    def turn_failure(self) -> Failure | None:
        """Why the turn that is over broke, where it did."""
        return None if self._turn_record is None else self._turn_record.failure

    def prepare(self) -> RequestRecord:
        """Makes the next turn's call, and the record that it has. Raises Failure."""
        asking = self.asking
        self._turn += 1
        body = self.turns.body(last=self._turn >= self._services.max_turns)
        self._held_bytes = len(body)
        own = self._turn_record = self._new_record()
        first = asking.first
        call = self._calls.call(asking.request, own, asking.caller, body, first.payload.fallbacks)
        call.deadline = min(call.deadline, first.deadline)
        self._call = call
        return own

    async def count(self) -> None:
        """Has the prompt of the turn that is prepared counted, where that is wanted. Raises ContextUnavailable."""
        own = self._turn_record
        if self._call is not None and own is not None:
            await self._calls.count(self._call, own)

    async def ask(self) -> Answer:
        """The next turn; its record is finished here only where it fails. Raises Failure."""
        clock, is_prepared = self._reporting.clock, self._call is not None
        if not is_prepared:
            self.prepare()
        call, own = self._call, self._turn_record
        assert call is not None, "it is prepared"
        assert own is not None, "it is prepared"
        try:
            if not is_prepared:
                await self.count()
            self._call = None
            return await self._calls.answer(call, own)
        except Failure as failure:
            own.failure = failure
            own.finish(describe(failure).status, ERROR, clock())
            raise
        except Exception:
            own.finish(500, ERROR, clock())
            raise
        except BaseException:  # cancelled: the client has gone
            own.finish(CLIENT_CLOSED_REQUEST, DISCONNECTED, clock())
            raise

    def take(self, answer: Answer) -> list[WantedCall]:
        """A whole turn is answered: what it wants run; where that is nothing, `answer` is made the client's."""
        own = self._turn_record
        assert own is not None, "one has been asked"
        assert isinstance(answer.body, bytes), "no stream was asked for"
        own.bytes_out = len(answer.body)
        own.finish(answer.status, OK, self._reporting.clock())
        self._costs.append(next((Decimal(value.decode()) for name, value in answer.headers if name == COST), None))
        try:
            wanted = self.turns.take(answer.body)
            if not wanted:
                answer.body = self.turns.whole(answer.body)
        except ODD:
            wanted = []  # of a shape that nobody knows, but paid for: it goes to the client as it is
        if not wanted:
            answer.headers = _with_cost(answer.headers, self._costs)
        return wanted

    async def run(self, wanted: Sequence[WantedCall]) -> None:
        """Runs what the turn has called, all at once."""
        results: dict[int, str] = {}

        async def run_one(place: int, call: WantedCall) -> None:
            results[place] = await self._result(call)

        held = self._ingress.hold(self._held_bytes, 0)
        try:
            async with trio.open_nursery() as nursery:
                for place, call in enumerate(wanted[:MOST_CALLS]):
                    nursery.start_soon(run_one, place, call)
        finally:
            self._ingress.let_go(held)
        beyond = _error(InvalidRequest(f"At most {MOST_CALLS} tools are run at a time: call it again."))
        self.turns.add_results([(call, results.get(place, beyond)) for place, call in enumerate(wanted)])

    async def _result(self, call: WantedCall) -> str:
        """What the tool says, else what went wrong."""
        clock, record = self._reporting.clock, self._record
        began = clock()
        trace = self._reporting.trace_within(record.trace)
        said, failure = await self._outcome(call, trace)
        self._services.on_ran(ToolRan(call.name, record.request_id, self._turn, began, clock(), failure, trace))
        return said if failure is None else _error(failure)

    async def _outcome(self, call: WantedCall, trace: Trace | None) -> tuple[str, Failure | None]:
        most, first = self._services.max_result_bytes, self.asking.first
        told = told_to_services(self._record.request_id, trace, first.payload.headers)
        try:
            behalf = Behalf(first.deadline, told, self._record)
            said = await self._services.tools.run(call.name, read_arguments(call.arguments), behalf)
        except Failure as failure:
            return "", failure
        except Exception as bug:  # one tool's crash is its own; the model learns nothing of our insides
            self._reporting.on_crash(bug, self._record.request_id)
            return "", CallCrashed("The tool failed.")
        except BaseException:  # cancelled: the client has gone, which is noted before the tool's end is told
            self._record.finish(CLIENT_CLOSED_REQUEST, DISCONNECTED, self._reporting.clock())
            raise
        if len(said) > most:
            return "", ToolResultTooLarge(f"The result is longer than {most} bytes.")
        return _plain(said), None

    def _new_record(self) -> RequestRecord:
        """A turn's own."""
        record, reporting = self._record, self._reporting
        own = RequestRecord(
            record.endpoint, reporting.new_id(), record.request_id, reporting.clock(), reporting.on_finished
        )
        own.client = record.client
        own.trace = reporting.trace_within(record.trace)
        return own


def streamed(answer: Answer) -> BodyStream:
    """The body of a streamed answer."""
    assert not isinstance(answer.body, bytes), "a stream was asked for"
    return answer.body


def _plain(said: bytes) -> str:
    """A text as it is, anything else as the JSON that it is."""
    return str(msgspec.json.decode(said)) if said.startswith(b'"') else said.decode()


def _with_cost(headers: Headers, costs: Sequence[Decimal | None]) -> Headers:
    """What all turns have cost; nothing where that of one is not known."""
    others = [field for field in headers if field[0] != COST]
    known = [cost for cost in costs if cost is not None]
    if len(known) < len(costs):
        return others
    return [*others, (COST, f"{sum(known, Decimal(0)):f}".encode())]


def _error(failure: Failure) -> str:
    """A tool's result where it has none, for the model to read."""
    description = describe(failure)
    error = {"message": description.message, "code": description.code, "param": description.param}
    return msgspec.json.encode({"error": error}).decode()
