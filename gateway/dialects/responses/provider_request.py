"""Responses: a conversation as the request for OpenAI (https://platform.openai.com/docs/api-reference/responses/create).

Nothing is kept there: the conversation is sent whole each time, its reasoning encrypted, as the answer brought it.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

import msgspec

from gateway.dialects.chat.flavour import OPENAI
from gateway.dialects.chat.provider_wish import effort_of
from gateway.dialects.chat.words import tier_of
from gateway.dialects.codec import Steps
from gateway.dialects.conversation import Conversation, NativeTool, OutputFormat, ReasoningWish, Tool, ToolChoice
from gateway.dialects.long_array import PIECES_AT_ONCE, LongArray
from gateway.dialects.responses.provider_items import write_turn
from gateway.dialects.responses.provider_refusals import refused, refused_field

Members = dict[str, Any]

LEAST_OUTPUT_TOKENS: Final = 16
"""OpenAI takes no lower bound on an answer."""
_SEARCH_SETTINGS: Final = frozenset({"search_context_size", "user_location", "filters"})
_HINTS: Final = frozenset({"type", "name", "cache_control", "max_uses"})
"""Settings that do not change what is searched."""

_encode: Final = msgspec.json.Encoder().encode


def encode(request: Conversation, model: str) -> Steps[bytes]:
    """The body, some turns a step. Raises InvalidRequest for what this API cannot be asked."""
    items: LongArray[Members] = LongArray()
    pieces = 0
    for turn in request.turns:
        items.open += write_turn(turn)
        pieces += len(turn.parts) or 1
        if pieces >= PIECES_AT_ONCE:
            items.write()
            yield pieces
            pieces = 0
    body: Members = {
        "model": model,
        "input": items.value(),
        "store": False,
        "include": ["reasoning.encrypted_content"],
    }
    if request.stream:
        body["stream"] = True
    _check(request)
    body |= _tool_members(request)
    body |= _answer_members(request)
    body |= _account_members(request)
    return _encode(body)


def _check(request: Conversation) -> None:
    """What nothing here stands for."""
    if request.stop:
        raise refused(request, "stop", "it knows no stop sequences.")
    if request.top_k is not None:
        raise refused(request, "top_k", "it has no such setting.")


def _answer_members(request: Conversation) -> Members:
    """What the answer shall be like."""
    members: Members = {}
    if request.max_tokens is not None:
        members["max_output_tokens"] = max(request.max_tokens, LEAST_OUTPUT_TOKENS)
    for name in ("temperature", "top_p"):
        if (value := getattr(request, name)) is not None:
            members[name] = value
    if request.reasoning is not None and (reasoning := _reasoning(request.reasoning)):
        members["reasoning"] = reasoning
    text: Members = {}
    if request.output_format is not None:
        text["format"] = _format(request.output_format)
    if request.verbosity is not None:
        text["verbosity"] = request.verbosity
    if text:
        members["text"] = text
    return members


def _reasoning(wish: ReasoningWish) -> Members:
    """Thoughts are shown, as a summary, to those who ask for any and do not ask to be spared them."""
    settings: Members = {}
    effort = effort_of(wish)
    if effort is not None:
        settings["effort"] = effort
    if wish.visible or (wish.visible is None and effort not in (None, "none")):
        settings["summary"] = "auto"
    return settings


def _format(wanted: OutputFormat) -> Members:
    if wanted.schema is None and wanted.name is None:
        return {"type": "json_object"}
    form: Members = {"type": "json_schema", "name": wanted.name or "answer"}
    for name in ("description", "schema", "strict"):
        if (value := getattr(wanted, name)) is not None:
            form[name] = value
    return form


def _account_members(request: Conversation) -> Members:
    """How the request is served and on whose behalf; nothing of it changes the answer."""
    members: Members = {}
    if request.service_tier is not None:
        tier = tier_of(request.service_tier)
        if tier is None:
            raise refused(request, "service_tier", f"it has no tier '{request.service_tier}'.")
        members["service_tier"] = tier
    if request.cache_key is not None:
        members["prompt_cache_key"] = request.cache_key
    if request.user is not None:
        longest = OPENAI.longest_user or 0
        user = request.user
        members["safety_identifier"] = user if len(user) <= longest else hashlib.sha256(user.encode()).hexdigest()
    return members


def _tool_members(request: Conversation) -> Members:
    members: Members = {}
    tools = [_tool(tool) for tool in request.tools] + [_native(tool) for tool in request.native_tools]
    if tools:
        members["tools"] = tools
    if request.tool_choice is not None:
        if request.tools:
            members["tool_choice"] = _choice(request.tool_choice)
        elif request.tool_choice.forces:
            raise refused(request, "tool_choice", "there are no functions to choose from.")
    if request.parallel_tool_calls is not None and request.tools:
        members["parallel_tool_calls"] = request.parallel_tool_calls
    return members


def _tool(tool: Tool) -> Members:
    written: Members = {"type": "function", "name": tool.name, "parameters": tool.parameters}
    if tool.description is not None:
        written["description"] = tool.description
    # Left out it would be true here, and false everywhere else.
    written["strict"] = tool.strict is True
    return written


def _native(tool: NativeTool) -> Members:
    if not tool.type.startswith("web_search"):
        raise refused_field(tool.field, f"it has no tool like '{tool.type}'.")
    settings = {name: value for name, value in tool.value.items() if value not in (None, [], {}) and name not in _HINTS}
    if domains := settings.pop("allowed_domains", None):
        settings["filters"] = {"allowed_domains": domains}
    for name in settings.keys() - _SEARCH_SETTINGS:
        raise refused_field(f"{tool.field}.{name}", "its web search has no such setting.")
    return {"type": "web_search", **settings}


def _choice(choice: ToolChoice) -> str | Members:
    if choice.mode == "tool":
        return {"type": "function", "name": choice.name}
    if choice.allowed is None or choice.mode == "none":
        return choice.mode
    tools = [{"type": "function", "name": name} for name in choice.allowed]
    return {"type": "allowed_tools", "mode": choice.mode, "tools": tools}
