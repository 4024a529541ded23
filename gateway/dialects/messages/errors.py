"""Errors of the Messages dialect, as its clients are sent them (https://platform.claude.com/docs/en/api/errors)."""

from __future__ import annotations

from typing import Final

import msgspec

from gateway.dialects.sse import encode_event
from gateway.errors import Description

_TYPES: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}


class _Error(msgspec.Struct, omit_defaults=True):
    type: str
    message: str
    details: dict[str, str | list[str]] | None = None


class _Envelope(msgspec.Struct, tag_field="type", tag="error", omit_defaults=True):
    error: _Error
    request_id: str | None = None


_encode: Final = msgspec.json.Encoder().encode
_NO_THREAD: Final[dict[str, str | list[str]]] = {"error_code": "thread_unsupported_request", "unsupported": ["thread"]}
"""Tool runners of Anthropic's own clients begin a thread unasked; told this they go on without one, and send all of the
conversation (`anthropic.lib.threads` of the official client; the API's pages do not name it).
"""


def error_type(status: int) -> str:
    """Anthropic's word for a failure of this HTTP status."""
    return _TYPES.get(status) or ("invalid_request_error" if 400 <= status < 500 else "api_error")


def error_body(description: Description, request_id: str | None = None) -> bytes:
    """The body of an error answer; where a field is wrong the message names it, as it has no member of its own."""
    message = description.message
    if description.param is not None and description.param not in message:
        message = f"{description.param}: {message}"
    details = _NO_THREAD if description.param == "thread" else None
    return _encode(_Envelope(_Error(error_type(description.status), message, details), request_id))


def error_event(description: Description, request_id: str | None = None) -> bytes:
    """The same as an event, for a stream whose status has long been sent."""
    return encode_event(error_body(description, request_id), b"error")
