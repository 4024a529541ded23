"""What follows a connection's last answer: its client gets the time to read it.

A socket that is closed with input unread resets its connection, and a reset destroys what the client has not read yet:
whoever is refused while sending a large body would never hear why. So what still comes is read and dropped, as nginx
does it (lingering_close, https://nginx.org/en/docs/http/ngx_http_core_module.html): until the client closes or is
silent, within bounds of time and bytes. How many may part at a time is the service's to say.
"""

from __future__ import annotations

from collections.abc import Callable

from gateway.edge.alarm import Deadline
from gateway.edge.limits import ServerLimits


class Parting:
    """A connection whose sending side has ended. `close` is called when its time is over."""

    __slots__ = ("_close", "_ends_at", "_least_until", "_left_bytes", "_limits", "_patience")

    def __init__(
        self, limits: ServerLimits, patience: Deadline, close: Callable[[], None], *, amid_request: bool
    ) -> None:
        """`amid_request`: the client has begun what it has not finished, and may go on with it."""
        now = patience.now()
        self._limits = limits
        self._patience = patience
        self._close = close
        self._left_bytes = limits.linger_bytes
        self._least_until = now + limits.linger_least_s
        self._ends_at = now + limits.linger_s
        self._await_more(limits.linger_silence_s if amid_request else limits.linger_least_s)

    def drop(self, data: bytes) -> bool:
        """The client has sent more; whether it may go on."""
        self._left_bytes -= len(data)
        self._await_more(self._limits.linger_silence_s)
        return self._left_bytes > 0

    def end_by(self, deadline: float) -> None:
        """A drain's: whoever has had the least time by then has had enough."""
        self._ends_at = min(self._ends_at, max(deadline, self._least_until))
        self._patience.set(min(self._patience.at, self._ends_at) - self._patience.now(), self._close)

    def _await_more(self, seconds: float) -> None:
        self._patience.set(min(seconds, self._ends_at - self._patience.now()), self._close)
