"""Requests that an engine refuses before any handler has them: malformed, too large or too slow.

They are requests all the same: each has an id, which its client may have chosen, one line in the log, its numbers and
a span.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from gateway.errors import GatewayError
from gateway.face.api import ApiEndpoint, Reporting
from gateway.face.correlation import request_id_of
from gateway.face.record import ERROR, OTHER_ENDPOINT, RequestRecord
from gateway.face.routes import Route
from gateway.telemetry.trace_context import METHOD_UNKNOWN

_TAKES_BODIES: Final = "POST"


class TurnedAway:
    """Tells of such a request. How long it took is not known: its time is 0."""

    __slots__ = ("_endpoints", "_reporting")

    def __init__(self, routes: Iterable[Route], reporting: Reporting) -> None:
        self._reporting = reporting
        self._endpoints = {
            route.rule.encode(): route.handler.name
            for route in routes
            if route.method == _TAKES_BODIES and isinstance(route.handler, ApiEndpoint)
        }

    def __call__(self, target: bytes, fields: Mapping[bytes, bytes], refusal: GatewayError) -> bytes:
        """The request's id; of `target` and `fields` as much as had come."""
        reporting = self._reporting
        own_id, now = reporting.new_id(), reporting.clock()
        request_id = request_id_of(fields) or own_id
        endpoint = self._endpoints.get(target.partition(b"?")[0], OTHER_ENDPOINT)
        record = RequestRecord(endpoint, own_id, request_id, now, reporting.on_finished)
        if reporting.traces is not None:
            record.trace = reporting.traces.begin(METHOD_UNKNOWN, fields)
        record.failure = refusal
        record.finish(refusal.status, ERROR, now)
        return request_id.encode("ascii")
