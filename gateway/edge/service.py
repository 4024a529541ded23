"""What all connections of a server share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from gateway.edge.answer_head import FieldLines
from gateway.edge.asgi import ASGIApp, Scope
from gateway.edge.limits import ServerLimits
from gateway.errors import GatewayError
from gateway.exchange import Handler

OnCrash = Callable[[BaseException, Scope | None], None]

HandlerOf = Callable[[tuple[str, str]], Handler | None]
"""Who answers requests of a method and path without ASGI; None: the app does."""


OnRefusal = Callable[[bytes, Mapping[bytes, bytes], GatewayError], bytes]
"""Told of a request that the server refuses before anybody answers it: its target and header fields, as far as they
came. It returns the id that the request has; b"" for none."""


class IncompleteAnswer(Exception):
    """An application returned before its answer was complete."""


class Closable(Protocol):
    """A connection, as far as it is to be ended."""

    def close(self) -> None: ...

    def end_if_idle(self) -> bool:
        """Ends it unless a request has begun, be it that only the kernel knows of it; whether it did."""
        ...


@dataclass(slots=True, kw_only=True)
class Service:
    """One server's app and bounds, and which of its connections could make room for others."""

    app: ASGIApp
    handler_of: HandlerOf
    limits: ServerLimits
    clock: Callable[[], float]
    lines: FieldLines
    on_crash: OnCrash
    on_refusal: OnRefusal
    idle: dict[Closable, None] = field(default_factory=dict)
    """Connections that wait for a request, the longest idle first."""
    parting: dict[Closable, None] = field(default_factory=dict)
    """Connections whose last answer is out, the longest first."""
    crowded: bool = False
    """No room for another connection: those that are free to end, should."""
    requests: int = 0

    def let_part(self, connection: Closable) -> None:
        """One more has had its last answer; beyond `max_parting` the one that had it first goes."""
        self.idle.pop(connection, None)
        self.parting[connection] = None
        if len(self.parting) > self.limits.max_parting:
            next(iter(self.parting)).close()

    def make_room(self) -> bool:
        """Closes whom it hurts least: the longest idle connection, else the one that has been parting longest.

        Whether there was any.
        """
        while self.idle:
            connection = next(iter(self.idle))
            if connection.end_if_idle():
                return True
            self.idle.pop(connection, None)
        if not self.parting:
            return False
        next(iter(self.parting)).close()
        return True
