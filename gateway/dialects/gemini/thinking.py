"""How much a model shall think: a level for Gemini 3 and later, a budget of tokens for those before.

https://ai.google.dev/gemini-api/docs/thinking and, for the budget of an effort,
https://ai.google.dev/gemini-api/docs/openai#thinking
"""

from __future__ import annotations

from typing import Any, Final

from gateway.dialects.conversation import EFFORTS, Conversation, ReasoningWish
from gateway.dialects.gemini.models import generation, is_pro
from gateway.dialects.gemini.refusals import refuse

_BUDGETS: Final = {"minimal": 1024, "low": 1024, "medium": 8192, "high": 24576, "xhigh": 32768, "max": 32768}
_LEVELS: Final = {
    "minimal": "MINIMAL",
    "low": "LOW",
    "medium": "MEDIUM",
    "high": "HIGH",
    "xhigh": "HIGH",
    "max": "HIGH",
}
_LEVEL_BUDGETS: Final = ((1024, "LOW"), (8192, "MEDIUM"))
"""The largest budget that a level stands for; beyond them it is HIGH."""
_DYNAMIC: Final = -1
"""The model decides for itself."""


def thinking_config(request: Conversation, model: str) -> dict[str, Any] | None:
    """None where nothing was said. A model that cannot be kept from thinking thinks as little as it can.

    Raises InvalidRequest for an effort that is none.
    """
    wish = request.reasoning
    if wish is None:
        return None
    if wish.effort is not None and wish.effort not in EFFORTS:
        refuse(request.spelling.get("reasoning", "reasoning"), f"there is no effort '{wish.effort}'.")
    idle = wish.enabled is False or wish.effort == "none" or wish.budget_tokens == 0
    if idle or wish.effort is not None or wish.budget_tokens is not None or wish.enabled:
        config = _level(wish, model, idle) if generation(model)[0] >= 3 else _budget(wish, model, idle)
        if not idle and wish.visible is not False:
            config["includeThoughts"] = True
        return config
    return {"includeThoughts": wish.visible} if wish.visible is not None else None


def _level(wish: ReasoningWish, model: str, idle: bool) -> dict[str, Any]:
    if idle:
        level = "MINIMAL"
    elif wish.budget_tokens is not None:
        budget = wish.budget_tokens
        level = next((name for most, name in _LEVEL_BUDGETS if budget <= most), "HIGH")
    elif wish.effort is not None:
        level = _LEVELS[wish.effort]
    else:
        return {}
    return {"thinkingLevel": _offered(level, model)}


def _offered(level: str, model: str) -> str:
    """Pro models have no MINIMAL, and the first of them no MEDIUM: the next level up is what comes closest."""
    if not is_pro(model):
        return level
    if level == "MINIMAL":
        return "LOW"
    return "HIGH" if level == "MEDIUM" and generation(model) == (3, 0) else level


def _budget(wish: ReasoningWish, model: str, idle: bool) -> dict[str, Any]:
    least, most = (128, 32768) if is_pro(model) else (0, 24576)
    if idle:
        return {"thinkingBudget": least}
    wanted = wish.budget_tokens
    if wanted is None:
        wanted = _BUDGETS[wish.effort] if wish.effort is not None else _DYNAMIC
    if wanted != _DYNAMIC:
        if "flash-lite" in model:
            least = 512
        wanted = min(max(wanted, least), most)
    return {"thinkingBudget": wanted}
