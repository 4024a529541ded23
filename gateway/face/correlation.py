"""The id that ties a request to the client's own logs, to the provider's and to ours."""

from __future__ import annotations

import re

from gateway.exchange import Headers, Request

_NAMES = (b"x-request-id", b"x-correlation-id")
_ACCEPTED = re.compile(rb"[!-~]{1,128}").fullmatch
_TRACEPARENT = re.compile(rb"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?").fullmatch
"""https://www.w3.org/TR/trace-context/#traceparent-header; an all-zero trace id is invalid."""


def request_id_of(request: Request) -> str | None:
    """The id that the client chose: at most 128 visible ASCII characters, or its trace id; None where there is none."""
    fields = request.fields
    for name in _NAMES:
        value = fields.get(name)
        if value is not None and _ACCEPTED(value):
            return value.decode("ascii")
    trace = fields.get(b"traceparent")
    if trace is not None and (found := _TRACEPARENT(trace)):
        return found[1].decode("ascii")
    return None


def trace_context(request: Request) -> Headers:
    """The client's trace context as it came, for the provider."""
    trace = request.fields.get(b"traceparent")
    if trace is None or not _TRACEPARENT(trace):
        return []
    state = request.fields.get(b"tracestate")
    return [(b"traceparent", trace)] if state is None else [(b"traceparent", trace), (b"tracestate", state)]
