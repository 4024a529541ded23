"""The one record of an API request, written along its way and told once when it is over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from actors.errors import Failure
from actors.letters import Call, Candidate
from gateway.context.filling import Filling
from gateway.errors import describe
from gateway.exchange import Fate
from gateway.keys.purse import Purse
from gateway.telemetry.trace_context import Trace

OK: Final = "ok"
ERROR: Final = "error"
DISCONNECTED: Final = "disconnected"

CLIENT_CLOSED_REQUEST: Final = 499
"""What nginx logs for a client that did not wait; never sent."""

OTHER_ENDPOINT: Final = "other"
"""What a request for no endpoint of ours counts as."""


class RequestRecord(msgspec.Struct, eq=False):
    """What is known of one API request; all times on the actors' clock.

    `on_finished` gets it exactly once, from the first `finish`: a unary request's when its answer is ready, a streamed
    one's when its body is closed.
    """

    endpoint: str
    """The path without its prefix: "chat/completions"."""
    id: str
    """Our own, never used twice."""
    request_id: str
    """What correlates this request with others: the client's choice, else `id`."""
    started_at: float
    on_finished: Callable[[RequestRecord], None]
    fate: Fate | None = None
    """Of the client; None for what no client waits for, and once all is over."""
    ended_at: float = 0.0
    """Set by `finish`."""
    first_content_at: float | None = None
    """When a streamed answer's first content came."""
    status: int = 0
    outcome: str = ""
    """OK, ERROR or DISCONNECTED; "" until `finish`."""
    failure: Failure | None = None
    """What an ERROR was, where it was a Failure."""
    stream: bool = False
    model: str = ""
    """As the client named it; "" where it named none."""
    client: str = ""
    """The client key's label."""
    call: Call | None = None
    """None where the request never got as far."""
    trace: Trace | None = None
    """None where nobody traces."""
    purse: Purse | None = None
    """Where the client's key has a budget."""
    cache: str | None = None
    """What came of asking the cache: hit, miss or joined; None where nobody asked it."""
    bytes_out: int = 0
    """Of the body."""
    filling: Filling | None = None
    """How full the prompt makes context windows; None where nobody measures."""
    asked_in_vain: Sequence[tuple[bytes, bytes]] = ()
    """Who was asked, of a failure that several requests share."""
    warning: bytes | None = None
    """What of the client's wishes was passed over, as it is told."""

    def tell_context(self, candidate: Candidate) -> None:
        """The client hears of the context window of this one."""
        filling = self.filling
        if filling is not None and filling.candidate is not candidate:
            filling.tell_of(candidate)

    def finish(self, status: int, outcome: str, now: float) -> None:
        """The request is over; only the first time counts.

        DISCONNECTED is what a handler makes of being cancelled: where its client is still there, the record says what
        that is told instead.
        """
        if self.outcome:
            return
        if outcome == DISCONNECTED and self.fate is not None and (refusal := self.fate.refusal) is not None:
            self.failure = refusal
            self.fate.told_as(self.request_id)
            outcome, status = ERROR, self.status if self.fate.opened else describe(refusal).status
        self.fate = None
        self.status = status
        self.outcome = outcome
        self.ended_at = now
        self.on_finished(self)
        if self.failure is not None:
            _forget_way(self.failure)
        if self.call is not None:
            for attempt in self.call.attempts:
                if attempt.failure is not None:
                    _forget_way(attempt.failure)
            self.call.dissolve()


def _forget_way(failure: BaseException | None) -> None:
    """All has been told: the frames that a failure came through hold the request with its body, which holds it."""
    while failure is not None and failure.__traceback__ is not None:
        failure.__traceback__ = None
        failure = failure.__cause__ or failure.__context__
