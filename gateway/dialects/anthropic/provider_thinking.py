"""A wish for reasoning in the terms of the model that is asked: a budget of tokens, or an effort.

https://platform.claude.com/docs/en/build-with-claude/thinking and .../effort. A model that adapts gets an effort, also
in place of a budget that it does not take; an older one gets a budget, also for an effort.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from gateway.dialects.anthropic.provider_models import Abilities, Off
from gateway.dialects.anthropic.provider_refusals import refused
from gateway.dialects.anthropic.provider_wire import Thinking
from gateway.dialects.conversation import Conversation, ReasoningWish

LEAST_BUDGET: Final = 1024

_BUDGETS: Final = {
    "minimal": LEAST_BUDGET,
    "low": 2048,
    "medium": 8192,
    "high": 16_384,
    "xhigh": 24_576,
    "max": 24_576,
}
_EFFORTS: Final = {
    "minimal": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "xhigh",
    "max": "max",
}
_EFFORT_UP_TO: Final = ((2048, "low"), (8192, "medium"), (16_384, "high"))
"""What a budget stands for where none is taken."""
_SHARE_OF_ANSWER: Final = 0.8
"""How much of the answer may go into thinking where the client leaves that open."""
_LEAST_ANSWER: Final = 4096
"""What is left for the answer where the client bounds the thinking alone."""


class Plan(NamedTuple):
    max_tokens: int
    thinking: Thinking | None = None
    effort: str | None = None


class Circumstances(NamedTuple):
    """What else in the request bears on it."""

    forced: bool
    """A function must be called."""
    bare: bool
    """The model is amid a turn that did not begin with signed thinking."""
    limit: int
    """How many tokens the answer may have where the client does not say."""


def plan(request: Conversation, can: Abilities, around: Circumstances) -> Plan:
    """How the model shall think, and how much it may write. Raises InvalidRequest for what it cannot do."""
    wish = request.reasoning
    unmoved = Plan(_max_tokens(request, around))
    if wish is None:
        return unmoved
    if wish.effort is not None and wish.effort != "none" and wish.effort not in _EFFORTS:
        raise refused(request, "reasoning", f"there is no effort '{wish.effort}'.")
    if wish.enabled is False or wish.effort == "none":
        return unmoved._replace(thinking=_off(request, can))
    if not _is_wanted(wish):
        return unmoved._replace(thinking=_shown(wish) if can.off is not Off.UNSAID else None)
    if not can.thinks:
        raise refused(request, "reasoning", "this model does not reason.")
    if can.adapts and (wish.budget_tokens is None or not can.takes_budget):
        return unmoved._replace(thinking=_shown(wish) or Thinking("adaptive"), effort=_effort(wish, can))
    return _manual(request, wish, around) or unmoved


def _is_wanted(wish: ReasoningWish) -> bool:
    return bool(wish.enabled) or wish.effort is not None or wish.budget_tokens is not None


def _off(request: Conversation, can: Abilities) -> Thinking | None:
    if can.off is Off.NEVER:
        raise refused(request, "reasoning", "this model always reasons; the least is an effort of 'low'.")
    return None if can.off is Off.UNSAID else Thinking(can.off.value)


def _shown(wish: ReasoningWish) -> Thinking | None:
    """Adaptive thinking that is shown, or is not, as the client wishes; None where it left that open."""
    if wish.visible is None:
        return None
    return Thinking("adaptive", display="summarized" if wish.visible else "omitted")


def _effort(wish: ReasoningWish, can: Abilities) -> str | None:
    if wish.effort is not None:
        effort = _EFFORTS[wish.effort]
    elif wish.budget_tokens is not None:
        budget = wish.budget_tokens
        effort = next((word for most, word in _EFFORT_UP_TO if budget <= most), "xhigh")
    else:
        return None
    return "max" if effort == "xhigh" and not can.has_xhigh else effort


def _manual(request: Conversation, wish: ReasoningWish, around: Circumstances) -> Plan | None:
    """A budget; None where the model cannot think this time and the client has not insisted.

    It cannot where a function is forced, nor amid a turn whose thinking is not at hand: the API answers both with 400.
    """
    if around.forced:
        if wish.enabled or wish.budget_tokens is not None:
            raise refused(
                request, "tool_choice", "a model that reasons with a budget cannot be made to call a function."
            )
        return None
    if around.bare:
        return None
    if wish.budget_tokens is not None:
        return _as_budgeted(request, wish.budget_tokens, around)
    budget = _BUDGETS[wish.effort or "medium"]
    budget = min(budget, int(_max_tokens(request, around) * _SHARE_OF_ANSWER))
    return None if budget < LEAST_BUDGET else _budgeted(request, budget, around)


def _as_budgeted(request: Conversation, budget: int, around: Circumstances) -> Plan:
    if budget < LEAST_BUDGET:
        raise refused(request, "reasoning", f"a budget must be {LEAST_BUDGET} tokens at least.")
    if request.max_tokens is not None and request.max_tokens <= budget:
        raise refused(request, "max_tokens", f"it must be more than the {budget} tokens that reasoning may take of it.")
    return _budgeted(request, budget, around)


def _budgeted(request: Conversation, budget: int, around: Circumstances) -> Plan:
    max_tokens = _max_tokens(request, around)
    if max_tokens <= budget:
        max_tokens = budget + _LEAST_ANSWER
    return Plan(max_tokens, Thinking("enabled", budget_tokens=budget))


def _max_tokens(request: Conversation, around: Circumstances) -> int:
    return around.limit if request.max_tokens is None else request.max_tokens
