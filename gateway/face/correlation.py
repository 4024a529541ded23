"""The id that ties a request to the client's own logs, to the provider's and to ours."""

from __future__ import annotations

import re
from collections.abc import Mapping

from gateway.dialects.envelope import RawHeaders
from gateway.exchange import REQUEST_ID
from gateway.telemetry.trace_context import TRACEPARENT, Trace, parent_of

_NAMES = (REQUEST_ID, b"x-correlation-id")
_NAMING = frozenset({*_NAMES, TRACEPARENT})
_ACCEPTED = re.compile(rb"[!-~]{1,128}").fullmatch


def told_to_services(request_id: str, trace: Trace | None, passed_on: RawHeaders) -> RawHeaders:
    """What services beside the gateway are told of a request: its id, and whose child in a trace their work is; where
    nobody traces, what is `passed_on` of the client's own trace.
    """
    return [(REQUEST_ID, request_id.encode("ascii")), *(passed_on if trace is None else trace.headers(0))]


def request_id_of(fields: Mapping[bytes, bytes]) -> str | None:
    """The id that the client chose: at most 128 visible ASCII characters, or its trace id; None where there is none."""
    if fields.keys().isdisjoint(_NAMING):
        return None
    for name in _NAMES:
        value = fields.get(name)
        if value is not None and _ACCEPTED(value):
            return value.decode("ascii")
    if TRACEPARENT in fields and (parent := parent_of(fields)) is not None:
        return parent.trace_id.decode("ascii")
    return None
