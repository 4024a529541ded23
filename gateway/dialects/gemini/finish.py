"""Why Gemini's answers end, in the pivot's words (https://ai.google.dev/api/generate-content#FinishReason)."""

from __future__ import annotations

from typing import Final

from gateway.dialects.conversation import Finish
from gateway.errors import UpstreamBroken

_NAMES: Final = ("FINISH_REASON_UNSPECIFIED", "STOP", "MAX_TOKENS", "SAFETY", "RECITATION", "OTHER")
"""By number, for a proxy that did not ask for names; those after them only occur as names."""
_FAILED: Final = frozenset(
    {
        "MALFORMED_FUNCTION_CALL",
        "MALFORMED_RESPONSE",
        "MISSING_THOUGHT_SIGNATURE",
        "TOO_MANY_TOOL_CALLS",
        "UNEXPECTED_TOOL_CALL",
    }
)
"""The model's own failure, no end of an answer."""


def reason_name(reason: str | int | None) -> str:
    """The reason's name; "" for an answer that goes on."""
    if isinstance(reason, int):
        reason = _NAMES[reason] if 0 <= reason < len(_NAMES) else "OTHER"
    return "" if reason in (None, "FINISH_REASON_UNSPECIFIED") else reason or ""


def finish_of(reason: str, message: str | None, *, called: bool) -> Finish:
    """How an answer with the finish reason `reason` ended; `called` says whether it has calls of functions.

    STOP stands for calls too. Reasons beyond STOP and MAX_TOKENS, those added last week included, mean that an
    answer was taken away or cut short: never that it is finished. Raises UpstreamBroken where the model failed to
    write its answer, for then another attempt may do better; calls that it did write are kept.
    """
    if reason == "MAX_TOKENS":
        return Finish.LENGTH
    if reason == "STOP" or (reason in _FAILED and called):
        return Finish.TOOL_CALLS if called else Finish.STOP
    if reason in _FAILED:
        raise UpstreamBroken(message or f"The model's answer ended with {reason}.")
    return Finish.CONTENT_FILTER
