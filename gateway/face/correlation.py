"""The id that ties a request to the client's own logs, to the provider's and to ours."""

from __future__ import annotations

import re

from gateway.exchange import Request
from gateway.telemetry.trace_context import TRACEPARENT, parent_of

_NAMES = (b"x-request-id", b"x-correlation-id")
_ACCEPTED = re.compile(rb"[!-~]{1,128}").fullmatch


def request_id_of(request: Request) -> str | None:
    """The id that the client chose: at most 128 visible ASCII characters, or its trace id; None where there is none."""
    fields = request.fields
    for name in _NAMES:
        value = fields.get(name)
        if value is not None and _ACCEPTED(value):
            return value.decode("ascii")
    if TRACEPARENT in fields and (parent := parent_of(fields)) is not None:
        return parent.trace_id.decode("ascii")
    return None
