"""The one record of an API request, written along its way and told once when it is over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from actors.errors import Failure
from actors.letters import Call

OK: Final = "ok"
ERROR: Final = "error"
DISCONNECTED: Final = "disconnected"

CLIENT_CLOSED_REQUEST: Final = 499
"""What nginx logs for a client that did not wait; never sent."""


class RequestRecord:
    """What is known of one API request; all times on the actors' clock.

    `on_finished` gets it exactly once, from the first `finish`: a unary request's when its answer is ready, a streamed
    one's when its body is closed.
    """

    __slots__ = (
        "_on_finished",
        "bytes_out",
        "call",
        "client",
        "ended_at",
        "endpoint",
        "failure",
        "first_content_at",
        "id",
        "model",
        "outcome",
        "request_id",
        "started_at",
        "status",
        "stream",
    )

    def __init__(
        self,
        *,
        endpoint: str,
        id: str,
        request_id: str,
        started_at: float,
        on_finished: Callable[[RequestRecord], None],
    ) -> None:
        self._on_finished = on_finished
        self.endpoint = endpoint
        """The path without its prefix: "chat/completions"."""
        self.id = id
        """Our own, never used twice."""
        self.request_id = request_id
        """What correlates this request with others: the client's choice, else `id`."""
        self.started_at = started_at
        self.ended_at = started_at
        self.first_content_at: float | None = None
        """When a streamed answer's first content came."""
        self.status = 0
        self.outcome = ""
        """OK, ERROR or DISCONNECTED; "" until `finish`."""
        self.failure: Failure | None = None
        """What an ERROR was, where it was a Failure."""
        self.stream = False
        self.model = ""
        """As the client named it; "" where it named none."""
        self.client = ""
        """The client key's label."""
        self.call: Call | None = None
        """None where the request never got as far."""
        self.bytes_out = 0
        """Of the body."""

    def finish(self, status: int, outcome: str, now: float) -> None:
        """The request is over; only the first time counts."""
        if self.outcome:
            return
        self.status = status
        self.outcome = outcome
        self.ended_at = now
        self._on_finished(self)
