"""Conversations written short, and what they become on the wire."""

from __future__ import annotations

import json
from typing import Any

from gateway.dialects.anthropic.provider_codec import AnthropicProvider
from gateway.dialects.codec import finish_steps
from gateway.dialects.conversation import Conversation, Part, Text, Turn
from tests.dialects.anthropic.wire_types import problems

OLD, BOTH, NEW, NEWEST = "claude-sonnet-4-0", "claude-opus-4-6", "claude-opus-5", "claude-opus-5-5"
"""Budgets alone; budgets and adaptive; adaptive unless told not to; always."""


def user(*parts: Part | str) -> Turn:
    return Turn("user", as_parts(parts))


def assistant(*parts: Part | str) -> Turn:
    return Turn("assistant", as_parts(parts))


def system(*parts: Part | str) -> Turn:
    return Turn("system", as_parts(parts))


def as_parts(parts: tuple[Part | str, ...]) -> list[Part]:
    return [Text(part) if isinstance(part, str) else part for part in parts]


def ask(*turns: Turn, **more: Any) -> Conversation:
    """The turns stand in the client's request as messages[0] and so on."""
    for index, turn in enumerate(turns):
        turn.field = turn.field or f"messages[{index}]"
    return Conversation(model="m", turns=list(turns or (user("hi"),)), **more)


def encoded(request: Conversation, model: str = OLD, limit: int | None = None) -> dict[str, Any]:
    """The body, which the official client would have sent too. Raises InvalidRequest."""
    body: dict[str, Any] = json.loads(finish_steps(AnthropicProvider(lambda _: limit).encode(request, model)))
    assert problems(body) == []
    return body


def messages(*turns: Turn, model: str = OLD) -> Any:
    return encoded(ask(*turns), model)["messages"]
