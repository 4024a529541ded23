"""The body of a streamed answer whose tools the gateway runs: what the client may see of all its turns, in order."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Protocol

from actors.errors import CallCrashed, Failure
from actors.relay import Sink
from gateway.dialects.led_request import ODD
from gateway.dialects.tool_turns import ToolTurns, WantedCall
from gateway.errors import UpstreamBroken, describe
from gateway.exchange import Answer, BodyStream
from gateway.face.api import Reporting
from gateway.face.errors import RenderError
from gateway.face.record import CLIENT_CLOSED_REQUEST, DISCONNECTED, ERROR, OK, RequestRecord


class Led(Protocol):
    """The conversation, as far as its stream needs it."""

    @property
    def turns(self) -> ToolTurns: ...
    @property
    def turn_failure(self) -> Failure | None:
        """Why the turn that is over broke, where it did."""
        ...

    def ask(self) -> Awaitable[Answer]:
        """The next turn. Raises Failure."""
        ...

    def run(self, wanted: Sequence[WantedCall]) -> Awaitable[None]:
        """Runs what the turn has called."""
        ...


class ToolStream:
    """A BodyStream; closing it finishes the client's record, as each turn's body does its own."""

    def __init__(
        self, led: Led, first: BodyStream, render_break: RenderError, record: RequestRecord, reporting: Reporting
    ) -> None:
        self._led = led
        self._body: BodyStream | None = first
        """The turn that is being told; none while tools are run."""
        self._render_break = render_break
        self._record = record
        self._reporting = reporting
        self._outcome = ""
        record.status = 200

    async def receive(self) -> bytes | None:
        """The next piece. What goes wrong between two turns ends the stream as a turn's own failure does."""
        try:
            while not self._outcome and self._body is not None:
                if shown := await self._next(self._body):
                    self._record.bytes_out += len(shown)
                    return shown
        except Failure as failure:
            return self._break(failure)
        except Exception as bug:
            self._reporting.on_crash(bug, self._record.request_id)
            return self._break(CallCrashed("The gateway failed to go on with this answer."))
        return None

    def pass_to(self, sink: Sink) -> None:
        """Every piece is read on its way: none goes past this."""

    def close(self) -> None:
        self._close_turn()
        status = self._record.status if self._outcome else CLIENT_CLOSED_REQUEST
        self._record.finish(status, self._outcome or DISCONNECTED, self._reporting.clock())

    async def _next(self, body: BodyStream) -> bytes:
        """What the client may see next; b"" where there is nothing yet."""
        turns = self._led.turns
        piece = await body.receive()
        if piece is not None:
            return turns.feed(piece)
        try:
            wanted = turns.end_turn()
            last = b"" if wanted else turns.finish()
        except ODD as problem:
            raise UpstreamBroken("The provider's answer ended with something that is no such end.") from problem
        if not wanted:
            self._record.failure = self._led.turn_failure
            self._outcome = OK if self._record.failure is None else ERROR
            return last
        self._close_turn()
        await self._led.run(wanted)
        answer = await self._led.ask()
        assert not isinstance(answer.body, bytes), "a stream was asked for"
        self._body = answer.body
        return b""

    def _close_turn(self) -> None:
        body, self._body = self._body, None
        if body is not None:
            body.close()

    def _break(self, failure: Failure) -> bytes:
        self._outcome = ERROR
        self._record.failure = failure
        return self._render_break(describe(failure))
