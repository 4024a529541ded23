"""Responses: a failure as the end of a stream that has begun, or of a response that ran in the background.

Before that it is the error object of OpenAI's other endpoints (`openai_errors`).
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from gateway.dialects.sse import encode_event
from gateway.errors import Description

_CODES: Final = frozenset({"rate_limit_exceeded", "invalid_prompt", "server_error"})
"""Those of the specification's response errors that a failure of ours can be."""

_encode = msgspec.json.Encoder().encode


def error_event(description: Description, sequence_number: int = 0) -> bytes:
    """The `error` event, where nothing is known of the answer that broke."""
    event = {"type": "error", **failure_members(description), "sequence_number": sequence_number}
    return encode_event(_encode(event), b"error")


def failure_members(description: Description) -> dict[str, Any]:
    """What an `error` event says."""
    return {"code": description.code, "message": description.message, "param": description.param}


def failed_response(response: dict[str, Any], description: Description) -> dict[str, Any]:
    """The response with what became of it."""
    code = description.code if description.code in _CODES else "server_error"
    return {**response, "status": "failed", "error": {"code": code, "message": description.message}}
