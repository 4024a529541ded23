"""Which models go on with a text that is given to them as the beginning of their own answer, and how they are asked to.

All others begin a new answer behind it, or refuse it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from gateway.dialects.anthropic.provider_models import abilities


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefixForm:
    """How a provider is given the beginning of an answer: as a last message of the assistant."""

    members: dict[str, Any] = field(default_factory=dict)
    """What that message has beside its role and content."""
    path: bytes | None = None
    """Where such a request goes, if not to the usual place."""


PLAIN: Final = PrefixForm()
"""Anthropic, up to Claude 4.5: https://platform.claude.com/docs/en/build-with-claude/working-with-messages, "prefill".

OpenRouter passes it on to models that have it:
https://openrouter.ai/docs/api-reference/overview#assistant-prefill.
"""
DEEPSEEK: Final = PrefixForm(members={"prefix": True}, path=b"/beta/chat/completions")
"""https://api-docs.deepseek.com/guides/chat_prefix_completion; for models that do not reason first."""

_CLAUDE_AT_OPENROUTER: Final = "anthropic/"
_DEEPSEEK_CHAT: Final = "deepseek-chat"


def prefix_form(kind: str, provider: str, model: str) -> PrefixForm | None:
    """How `model` of a provider of this kind and name is given a prefix; None where it takes none."""
    if kind == "anthropic":
        return PLAIN if abilities(model).prefills else None
    if provider == "openrouter":
        return PLAIN if model.startswith(_CLAUDE_AT_OPENROUTER) and abilities(model).prefills else None
    if provider == "deepseek":
        return DEEPSEEK if model == _DEEPSEEK_CHAT else None
    return None
