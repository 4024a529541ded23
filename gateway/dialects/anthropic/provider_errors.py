"""What an error answer says (https://platform.claude.com/docs/en/api/errors)."""

from __future__ import annotations

from typing import Final

import msgspec

from gateway.dialects.openai_errors import ProviderMessage

STATUS_OF_TYPE: Final = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "conflict_error": 409,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
"""The HTTP status of each, for one that came where HTTP had said 200 already."""


_ERROR: Final = b'"error"'


class _Error(msgspec.Struct, gc=False):
    type: str | None = None
    message: str | None = None


class _Envelope(msgspec.Struct, gc=False):
    error: _Error


_decode = msgspec.json.Decoder(_Envelope).decode


def read_error(body: bytes) -> ProviderMessage | None:
    """None where the body is no error object. The `request_id` beside it stands in a header too."""
    if _ERROR not in body:
        return None  # most are answers
    try:
        error = _decode(body).error
    except (ValueError, RecursionError):
        return None
    kind = error.type or ""
    return ProviderMessage(message=error.message or "", type=kind, status=STATUS_OF_TYPE.get(kind))
