"""How freely the model chooses its words, within what it lets one say of it.

https://platform.claude.com/docs/en/api/messages/create, and of thinking
https://platform.claude.com/docs/en/build-with-claude/thinking. Where a value would be refused, one that is the default
anyway is left out.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from gateway.dialects.anthropic.provider_models import Abilities
from gateway.dialects.anthropic.provider_refusals import refused
from gateway.dialects.conversation import Conversation

DEFAULT: Final = 1.0
"""Of temperature and of top_p."""
_LEAST_TOP_P_THINKING: Final = 0.95


class Sampling(NamedTuple):
    temperature: float | None
    top_p: float | None
    top_k: int | None


def check_sampling(request: Conversation, can: Abilities, *, thinks: bool) -> Sampling:
    """Raises InvalidRequest for a value that this model, or a model that `thinks`, does not take."""
    asked = Sampling(request.temperature, request.top_p, request.top_k)
    for member, value in (("temperature", asked.temperature), ("top_p", asked.top_p)):
        if value is not None and not 0 <= value <= 1:
            raise refused(request, member, f"it must lie between 0 and 1, and is {value:g}.")
    if not can.samples:
        return _refuse_all(request, asked)
    if thinks:
        return _as_thinking(request, asked)
    return asked if can.samples_both_ways else _one_way(request, asked)


def _refuse_all(request: Conversation, asked: Sampling) -> Sampling:
    for member, value in zip(asked._fields, asked, strict=True):
        if value is not None and (member == "top_k" or value != DEFAULT):
            raise refused(request, member, "this model does not let it be set.")
    return Sampling(None, None, None)


def _as_thinking(request: Conversation, asked: Sampling) -> Sampling:
    if asked.temperature is not None and asked.temperature != DEFAULT:
        raise refused(request, "temperature", "it cannot be set while the model reasons.")
    if asked.top_k is not None:
        raise refused(request, "top_k", "it cannot be set while the model reasons.")
    if asked.top_p is not None and asked.top_p < _LEAST_TOP_P_THINKING:
        raise refused(request, "top_p", f"it must be {_LEAST_TOP_P_THINKING} at least while the model reasons.")
    return Sampling(None, None if asked.top_p == DEFAULT else asked.top_p, None)


def _one_way(request: Conversation, asked: Sampling) -> Sampling:
    if asked.temperature is None or asked.top_p is None:
        return asked
    if asked.top_p == DEFAULT:
        return asked._replace(top_p=None)
    if asked.temperature == DEFAULT:
        return asked._replace(temperature=None)
    raise refused(request, "top_p", "this model takes either temperature or top_p, not both.")
