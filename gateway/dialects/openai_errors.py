"""Errors of OpenAI's dialect: the object we send, and the one a provider sent.

https://platform.openai.com/docs/guides/error-codes. OpenRouter's `code` is a number (the HTTP status), and what its
own upstream said stands in `metadata` (https://openrouter.ai/docs/api-reference/errors).
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from gateway.dialects.sse import encode_event
from gateway.errors import Description


class _Error(msgspec.Struct):
    message: str
    type: str
    param: str | None
    code: str | None


class _Envelope(msgspec.Struct):
    error: _Error


_BAD_GATEWAY: Final = 502
_STATUS_OF_WORD: Final = {
    "invalid_request_error": 400,
    "invalid_prompt": 400,
    "context_length_exceeded": 400,
    "authentication_error": 401,
    "invalid_api_key": 401,
    "permission_error": 403,
    "model_not_found": 404,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "insufficient_quota": 429,
}

_encode = msgspec.json.Encoder().encode


class ProviderMessage(msgspec.Struct):
    """What a provider's error object says, as far as it says it in a form that is understood."""

    message: str = ""
    type: str = ""
    code: str = ""
    status: int | None = None
    """The HTTP status that the object itself names."""
    is_flat: bool = False
    """It stands by itself, not in an `error`: no client of OpenAI's would read it (vLLM, FastAPI)."""
    metadata: dict[str, Any] = msgspec.field(default_factory=dict)
    retry_after: float | None = None
    """Seconds to wait, where the object itself says so and no header does (Gemini)."""


def error_body(description: Description) -> bytes:
    """The body of an error answer."""
    error = _Error(description.message, description.type, description.param, description.code)
    return _encode(_Envelope(error))


def error_event(description: Description) -> bytes:
    """The same as an event, for a stream whose status has long been sent."""
    return encode_event(error_body(description))


def envelop(error: bytes) -> bytes:
    """An error answer's body around an error object that stood elsewhere."""
    return b'{"error":' + error + b"}"


def read_error(body: bytes) -> ProviderMessage | None:
    """What an error answer's body says; None where it is no JSON object with an `error`, a `message` or a `detail`."""
    try:
        document = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict):
        return None
    error = document.get("error")
    is_flat = not error
    if is_flat:
        error = {**document, "message": document.get("message") or _detail(document.get("detail"))}
        if not error["message"]:
            return None
    if not isinstance(error, dict):
        return ProviderMessage(message=str(error))
    code, metadata = error.get("code"), error.get("metadata")
    return ProviderMessage(
        is_flat=is_flat,
        message=_text(error.get("message")),
        type=_text(error.get("type")),
        code=_text(code),
        status=_status(code),
        metadata=metadata if isinstance(metadata, dict) else {},
    )


def status_of(said: ProviderMessage | None) -> int:
    """The HTTP status an error object stands for where HTTP itself said 200."""
    if said is None:
        return _BAD_GATEWAY
    if said.status is not None:
        return said.status
    return _STATUS_OF_WORD.get(said.code) or _STATUS_OF_WORD.get(said.type) or _BAD_GATEWAY


def _status(code: object) -> int | None:
    """An HTTP error status, written as a number or as text."""
    if isinstance(code, str) and len(code) == 3 and code.isascii() and code.isdecimal():
        code = int(code)
    return code if isinstance(code, int) and not isinstance(code, bool) and 400 <= code <= 599 else None


def _detail(detail: object) -> str:
    """What FastAPI says: a sentence, or what is wrong with each field (https://fastapi.tiangolo.com/tutorial/handling-errors)."""
    if not isinstance(detail, list):
        return _text(detail)
    mistakes = [each for each in detail if isinstance(each, dict)]
    return "; ".join(
        f"{'.'.join(map(str, place))}: {each.get('msg')}"
        for each in mistakes
        if isinstance(place := each.get("loc"), list)
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)
