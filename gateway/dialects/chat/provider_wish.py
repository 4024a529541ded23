"""How much a model shall think, as each of the providers is told."""

from __future__ import annotations

from typing import Any, Final

from gateway.dialects.chat.flavour import Flavour
from gateway.dialects.conversation import ReasoningWish

Members = dict[str, Any]

_LOW_BELOW_TOKENS: Final = 4096
_MEDIUM_BELOW_TOKENS: Final = 16384
"""A budget in words, for those who take no number: what OpenRouter makes of these efforts for a long answer."""


def reasoning_members(wish: ReasoningWish | None, flavour: Flavour) -> Members:
    """The members that say so."""
    if wish is None:
        return {}
    if flavour.wish == "reasoning":
        return _openrouter(wish)
    if flavour.wish == "thinking":
        return _deepseek(wish)
    effort = effort_of(wish)
    return {} if effort is None else {"reasoning_effort": effort}


def effort_of(wish: ReasoningWish) -> str | None:
    """The wish as one word; None where nothing was said of how much.

    "Not at all" is left to the model's own default unless it was said as an effort: models that do not reason refuse
    to be told not to.
    """
    if wish.effort is not None or wish.enabled is False:
        return wish.effort
    if wish.budget_tokens is not None:
        if wish.budget_tokens < _LOW_BELOW_TOKENS:
            return "low"
        return "medium" if wish.budget_tokens < _MEDIUM_BELOW_TOKENS else "high"
    return "medium" if wish.enabled else None


def _openrouter(wish: ReasoningWish) -> Members:
    """https://openrouter.ai/docs/use-cases/reasoning-tokens: an effort or a budget, not both."""
    settings: Members = {}
    if wish.enabled is False:
        settings["enabled"] = False
    elif wish.budget_tokens is not None:
        settings["max_tokens"] = wish.budget_tokens
    elif wish.effort is not None:
        settings["effort"] = wish.effort
    elif wish.enabled:
        settings["enabled"] = True
    if wish.visible is not None:
        settings["exclude"] = not wish.visible
    return {"reasoning": settings} if settings else {}


def _deepseek(wish: ReasoningWish) -> Members:
    """https://api-docs.deepseek.com/guides/thinking_mode: on or off, and an effort beside it."""
    if wish.enabled is False or wish.effort == "none":
        return {"thinking": {"type": "disabled"}}
    members: Members = {}
    if wish.enabled or wish.budget_tokens is not None or wish.effort is not None:
        members["thinking"] = {"type": "enabled"}
    if wish.effort is not None:
        members["reasoning_effort"] = wish.effort
    return members
