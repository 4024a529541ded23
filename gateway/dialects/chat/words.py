"""Chat completions: the words for why an answer ended and how it was served, both ways."""

from __future__ import annotations

from typing import Final

from gateway.dialects.conversation import Finish

FINISH_WORDS: Final = {
    Finish.STOP: "stop",
    Finish.LENGTH: "length",
    Finish.TOOL_CALLS: "tool_calls",
    Finish.CONTENT_FILTER: "content_filter",
    Finish.REFUSAL: "content_filter",
    Finish.PAUSE: "length",
}
"""A pause is an answer that is not whole; `length` is the only word for that."""

_FINISHES: Final = {
    "length": Finish.LENGTH,
    "model_length": Finish.LENGTH,
    "tool_calls": Finish.TOOL_CALLS,
    "function_call": Finish.TOOL_CALLS,
    "content_filter": Finish.CONTENT_FILTER,
}
_FAILURES: Final = frozenset({"error", "insufficient_system_resource"})
_TIERS: Final = frozenset({"auto", "default", "flex", "scale", "priority", "fast"})
_OTHER_TIERS: Final = {"standard": "default", "standard_only": "default"}
"""Anthropic's."""


def finish_of(word: str, *, called: bool) -> Finish:
    """Why the answer ended; some say `stop` where functions are called, and an unknown word is an end all the same."""
    finish = _FINISHES.get(word, Finish.STOP)
    return Finish.TOOL_CALLS if finish is Finish.STOP and called else finish


def is_failure(word: str) -> bool:
    """Whether the word says that the provider could not go on (OpenRouter, DeepSeek)."""
    return word in _FAILURES


def tier_of(word: str | None) -> str | None:
    """The service tier in OpenAI's words; None for one that it does not know."""
    if word is None:
        return None
    word = _OTHER_TIERS.get(word, word)
    return word if word in _TIERS else None
