"""Gemini's error objects (https://ai.google.dev/gemini-api/docs/troubleshooting, https://google.aip.dev/193).

They come as {"error": {...}} or, where a stream was asked for without `alt=sse`, as an array of one.
"""

from __future__ import annotations

import math
from typing import Any, Final

import msgspec

from gateway.dialects.openai_errors import ProviderMessage

_STATUSES: Final = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "OUT_OF_RANGE": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "ABORTED": 409,
    "RESOURCE_EXHAUSTED": 429,
    "CANCELLED": 499,
    "UNKNOWN": 500,
    "INTERNAL": 500,
    "DATA_LOSS": 500,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
"""What HTTP says for each canonical code (https://github.com/googleapis/googleapis: google/rpc/code.proto)."""
_ABOVE_THE_NUMBER: Final = frozenset({"UNAUTHENTICATED", "RESOURCE_EXHAUSTED"})
"""They are what they are, whichever HTTP status they came with."""
_BAD_KEY_REASONS: Final = frozenset({"API_KEY_INVALID", "API_KEY_EXPIRED"})
_UNAUTHORIZED: Final = 401

_TYPES: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "invalid_request_error",
    429: "rate_limit_error",
}
_ERROR: Final = b'"error"'
_CODES: Final = {401: "invalid_api_key", 404: "not_found", 429: "rate_limit_exceeded"}


def read_error(body: bytes) -> ProviderMessage | None:
    """What an error answer says, in OpenAI's words where it has them; None where the body is none of Gemini's."""
    if _ERROR not in body:
        return None  # most are answers, of which some are large
    try:
        document = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        return None
    if isinstance(document, list):
        document = next((each for each in document if isinstance(each, dict) and each.get("error")), None)
    error = document.get("error") if isinstance(document, dict) else None
    if not error:
        return None
    if not isinstance(error, dict):
        return ProviderMessage(message=str(error))
    return _message(error)


def _message(error: dict[str, Any]) -> ProviderMessage:
    details = error.get("details")
    details = [each for each in details if isinstance(each, dict)] if isinstance(details, list) else []
    status = _status(error, details)
    code = _CODES.get(status or 0) or str(error.get("status") or error.get("code") or "").lower()
    kind = _TYPES.get(status or 0, "server_error")
    if code == "rate_limit_exceeded" and _is_used_up(details):
        kind = code = "insufficient_quota"
    text = error.get("message")
    return ProviderMessage(
        message=text if isinstance(text, str) else "",
        type=kind,
        code=code,
        status=status,
        retry_after=_retry_after(details),
    )


def _status(error: dict[str, Any], details: list[dict[str, Any]]) -> int | None:
    """A bad key is 400 to Gemini."""
    if any(each.get("reason") in _BAD_KEY_REASONS for each in details if isinstance(each.get("reason"), str)):
        return _UNAUTHORIZED
    word, number = str(error.get("status")), error.get("code")
    if word in _ABOVE_THE_NUMBER:
        return _STATUSES[word]
    if isinstance(number, int) and not isinstance(number, bool) and 400 <= number <= 599:
        return number
    return _STATUSES.get(word)


def _is_used_up(details: list[dict[str, Any]]) -> bool:
    """A quota of the day: no wait within a request's life cures it."""
    for each in details:
        violations = each.get("violations")
        for violation in violations if isinstance(violations, list) else ():
            if isinstance(violation, dict) and "PerDay" in str(violation.get("quotaId")):
                return True
    return False


def _retry_after(details: list[dict[str, Any]]) -> float | None:
    """Seconds, of a RetryInfo's `retryDelay` ("48s", "0.5s")."""
    for each in details:
        delay = each.get("retryDelay")
        if isinstance(delay, str) and delay.endswith("s"):
            try:
                seconds = float(delay[:-1])
            except ValueError:
                continue
            if math.isfinite(seconds) and seconds >= 0:
                return seconds
    return None
