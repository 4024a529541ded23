"""The body of a streamed answer: what the call's relay brings, and the truth where it breaks."""

from __future__ import annotations

from actors.errors import CallCrashed, Failure
from actors.letters import Call, Clock
from actors.relay import Relay, Sink
from gateway.errors import describe
from gateway.face.api import OnCrash
from gateway.face.errors import RenderError
from gateway.face.record import CLIENT_CLOSED_REQUEST, DISCONNECTED, ERROR, OK, RequestRecord
from gateway.face.router import Router


class RelayedBody:
    """A BodyStream over `relay`, which is the call's.

    A stream that broke beyond recovery ends with one error event, and nothing after it that a client could take for
    a whole answer. Closing leaves the call: whatever still runs for it stops, and the record is finished.
    """

    __slots__ = ("_call", "_clock", "_on_crash", "_outcome", "_record", "_relay", "_render_event", "_router")

    def __init__(
        self,
        call: Call,
        relay: Relay,
        record: RequestRecord,
        router: Router,
        *,
        clock: Clock,
        render_event: RenderError,
        on_crash: OnCrash,
    ) -> None:
        self._call = call
        self._relay = relay
        self._record = record
        self._router = router
        self._clock = clock
        self._render_event = render_event
        self._on_crash = on_crash
        self._outcome = ""

    async def receive(self) -> bytes | None:
        """The next piece, as large as what has come since the last one."""
        if self._outcome:
            return None
        try:
            piece = await self._relay.receive()
        except Failure as failure:
            return self._break(failure)
        except Exception as bug:
            self._on_crash(bug, self._record.request_id)
            return self._break(CallCrashed("The gateway failed to go on with this answer."))
        if piece is None:
            self._outcome = OK
        return piece

    def pass_to(self, sink: Sink) -> None:
        self._relay.pass_to(sink)

    def close(self) -> None:
        # The relay counts what passed by here as well; what it drops when the call is left does not count.
        self._record.bytes_out += self._relay.delivered_bytes
        self._router.leave(self._call)
        if self._outcome:
            self._record.finish(self._record.status, self._outcome, self._clock())
        else:
            self._record.finish(CLIENT_CLOSED_REQUEST, DISCONNECTED, self._clock())

    def _break(self, failure: Failure) -> bytes:
        self._outcome = ERROR
        self._record.failure = failure
        event = self._render_event(describe(failure))
        self._record.bytes_out += len(event)
        return event
