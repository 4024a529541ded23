"""Parameters of the gateway's own configuration, on a conversation; `parameters.py` puts them into a client's body."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from gateway.dialects.conversation import Conversation, ReasoningWish

_SAME_NAME: Final = (
    "temperature",
    "top_p",
    "top_k",
    "frequency_penalty",
    "presence_penalty",
    "seed",
    "verbosity",
    "service_tier",
)
"""As chat completions call them."""

Replaced = dict[str, Any]
"""Members of a conversation that have been set, with what stood there before."""


def add_parameters(conversation: Conversation, parameters: Mapping[str, Any]) -> Replaced:
    """Sets what the client has left out, null being the same as absent."""
    replaced: Replaced = {}
    if not parameters:
        return replaced
    for member, value in _wanted(conversation, parameters):
        replaced[member] = getattr(conversation, member)
        setattr(conversation, member, value)
    return replaced


def withdraw(conversation: Conversation, replaced: Replaced, field: str | None) -> bool:
    """Takes back what a provider may have refused in `field`, as the client would call it; False where nothing is left.

    A refusal can be about two members that do not go together and name the client's: then all are taken back.
    """
    named = [member for member in replaced if conversation.spelling.get(member, member) == field]
    withdrawn = named or list(replaced)
    for member in withdrawn:
        setattr(conversation, member, replaced.pop(member))
    return bool(withdrawn)


def _wanted(conversation: Conversation, parameters: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name in _SAME_NAME:
        if name in parameters and getattr(conversation, name) is None:
            yield name, parameters[name]
    length = parameters.get("max_completion_tokens", parameters.get("max_tokens"))
    if length is not None and conversation.max_tokens is None:
        yield "max_tokens", length
    if "stop" in parameters and not conversation.stop:
        stop = parameters["stop"]
        yield "stop", [stop] if isinstance(stop, str) else list(stop)
    if "reasoning_effort" in parameters and not _says_how_much(conversation.reasoning):
        wish = conversation.reasoning or ReasoningWish()
        yield "reasoning", msgspec.structs.replace(wish, effort=parameters["reasoning_effort"])
    # Without tools there is nothing to do at a time, and some refuse the word.
    if "parallel_tool_calls" in parameters and conversation.tools and conversation.parallel_tool_calls is None:
        yield "parallel_tool_calls", parameters["parallel_tool_calls"]


def _says_how_much(wish: ReasoningWish | None) -> bool:
    return wish is not None and not (wish.effort is None and wish.budget_tokens is None and wish.enabled is None)
