"""A GenerateContentRequest out of the official package's own types, which know no members but Gemini's."""

from __future__ import annotations

from typing import Any

import msgspec
from google.genai import types
from google.genai._common import BaseModel  # the base of all of its types: camel case, no unknown members

from gateway.dialects.codec import finish_steps
from gateway.dialects.conversation import Conversation, Part, Text, Turn
from gateway.dialects.gemini.codec import GeminiProvider

MODEL = "gemini-2.5-flash"
NEWER_MODEL = "gemini-3-flash-preview"


class GenerateContentRequest(BaseModel):
    contents: list[types.Content]
    system_instruction: types.Content | None = None
    tools: list[types.Tool] | None = None
    tool_config: types.ToolConfig | None = None
    generation_config: types.GenerationConfig | None = None
    service_tier: types.ServiceTier | None = None


def sent(request: Conversation, model: str = MODEL) -> dict[str, Any]:
    """What Gemini is sent, once the official types have found it valid."""
    body = finish_steps(GeminiProvider().encode(request, model))
    GenerateContentRequest.model_validate_json(body)
    decoded: dict[str, Any] = msgspec.json.decode(body)
    return decoded


def asked(*turns: Turn, **settings: Any) -> Conversation:
    """A conversation, by default of one short question."""
    return Conversation(model="gemini", turns=list(turns) or [user("Hi")], **settings)


def user(*parts: Part | str, field: str = "") -> Turn:
    return _turn("user", parts, field)


def model_said(*parts: Part | str, field: str = "") -> Turn:
    return _turn("assistant", parts, field)


def system(*parts: Part | str, field: str = "") -> Turn:
    return _turn("system", parts, field)


def _turn(role: Any, parts: tuple[Part | str, ...], field: str) -> Turn:
    return Turn(role, [Text(part) if isinstance(part, str) else part for part in parts], field=field)
