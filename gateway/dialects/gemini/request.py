"""A conversation as a GenerateContentRequest (https://ai.google.dev/api/generate-content#request-body)."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from gateway.dialects.codec import Steps
from gateway.dialects.conversation import Conversation
from gateway.dialects.gemini.contents import Contents
from gateway.dialects.gemini.generation import generation_config
from gateway.dialects.gemini.refusals import refuse
from gateway.dialects.gemini.tools import encode_tools
from gateway.dialects.mistakes import unreadable

_TIERS: Final = {"flex": "flex", "priority": "priority"}
_USUAL_TIERS: Final = (None, "auto", "default", "standard", "standard_only")

_encode = msgspec.json.Encoder().encode


def encode_request(request: Conversation, model: str) -> Steps[bytes]:
    """The body, some turns a step. Raises InvalidRequest for what Gemini cannot be asked."""
    gathered = Contents(model)
    try:
        yield from gathered.add(request.turns)
        return _encode(_body(request, model, gathered))
    except RecursionError as problem:
        raise unreadable(problem) from problem


def _body(request: Conversation, model: str, gathered: Contents) -> dict[str, Any]:
    if not gathered.contents:
        field = request.turns[-1].field if request.turns else ""
        refuse(field or "messages", "it answers the user, who says nothing here.")
    body: dict[str, Any] = {"contents": gathered.contents.value()}
    if gathered.system:
        body["systemInstruction"] = {"parts": gathered.system}
    body |= encode_tools(request, model)
    if config := generation_config(request, model):
        body["generationConfig"] = config
    if tier := _service_tier(request.service_tier):
        body["serviceTier"] = tier
    return body


def _service_tier(wanted: str | None) -> str | None:
    if wanted in _USUAL_TIERS:
        return None
    if wanted not in _TIERS:
        refuse("service_tier", f"it has no tier '{wanted}'.")
    return _TIERS[wanted]
