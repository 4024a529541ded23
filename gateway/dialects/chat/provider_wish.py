"""How much a model shall think, as each of the providers is told."""

from __future__ import annotations

from typing import Any, Final

from gateway.dialects.chat.flavour import Flavour
from gateway.dialects.chat.provider_refusals import refused
from gateway.dialects.conversation import Conversation, ReasoningWish

Members = dict[str, Any]

_LOW_BELOW_TOKENS: Final = 4096
_MEDIUM_BELOW_TOKENS: Final = 16384
"""A budget in words, for those who take no number: what OpenRouter makes of these efforts for a long answer."""


def reasoning_members(request: Conversation, flavour: Flavour) -> Members:
    """The members that say so. Raises InvalidRequest."""
    wish = request.reasoning
    if not flavour.forced_calls_while_thinking and _forces_a_call(request):
        return _put_off(request, wish, flavour)
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


def _forces_a_call(request: Conversation) -> bool:
    choice = request.tool_choice
    return choice is not None and choice.forces and bool(request.tools)


def _put_off(request: Conversation, wish: ReasoningWish | None, flavour: Flavour) -> Members:
    """Its models think unless told not to, and refuse to be forced meanwhile: an effort alone gives way to the call."""
    if wish is not None and wish.enabled is not False and (wish.enabled or wish.budget_tokens is not None):
        raise refused(request, "tool_choice", flavour, "a model that reasons cannot be made to call a function.")
    return {"thinking": {"type": "disabled"}}


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
