"""Tools, and which of them may be called (https://ai.google.dev/api/caching#Tool)."""

from __future__ import annotations

from typing import Any, Final

from gateway.dialects.conversation import Conversation, NativeTool, Tool, ToolChoice
from gateway.dialects.fidelity import GEMINI
from gateway.dialects.gemini.models import generation
from gateway.dialects.gemini.refusals import refuse

_LIKE: Final = {
    "web_search": "googleSearch",
    "web_search_options": "googleSearch",
    "web_fetch": "urlContext",
    "code_interpreter": "codeExecution",
    "code_execution": "codeExecution",
}
"""Gemini's own tools by what others call theirs, without the date or "preview" at its end."""
_HINTS: Final = frozenset(
    {
        "type",
        "name",
        "cache_control",
        "search_context_size",
        "user_location",
        "max_uses",
        "external_web_access",
        "container",
        "allowed_callers",
        "max_content_tokens",
    }
)
"""Settings that do not change what the tool is; whatever else is set cannot be had."""
_MODES: Final = {"auto": "AUTO", "none": "NONE", "required": "ANY", "tool": "ANY"}


def encode_tools(request: Conversation, model: str) -> dict[str, Any]:
    """The members `tools` and `toolConfig`, where there is anything to say. Raises InvalidRequest."""
    tools: list[dict[str, Any]] = []
    if request.tool_choice is not None and request.tool_choice.forces and not request.tools:
        refuse("tool_choice", "there are no functions to choose from.")
    if request.tools:
        tools.append({"functionDeclarations": [_declaration(tool) for tool in request.tools]})
    tools += [_native(tool) for tool in request.native_tools]
    if not tools:
        return {}
    config: dict[str, Any] = {}
    if request.tools and (calling := _calling(request.tool_choice, request.tools)):
        config["functionCallingConfig"] = calling
    if request.tools and request.native_tools and generation(model)[0] >= 3:
        config["includeServerSideToolInvocations"] = True  # else both kinds cannot be had together
    return {"tools": tools} | ({"toolConfig": config} if config else {})


def _declaration(tool: Tool) -> dict[str, Any]:
    declaration: dict[str, Any] = {"name": tool.name}
    if tool.description is not None:
        declaration["description"] = tool.description
    if tool.parameters:
        declaration["parametersJsonSchema"] = tool.parameters
    return declaration


def _calling(choice: ToolChoice | None, tools: list[Tool]) -> dict[str, Any]:
    """VALIDATED leaves the choice to the model as AUTO does, but keeps it to the schemas and to the names allowed."""
    strict = any(tool.strict for tool in tools)
    if choice is None:
        return {"mode": "VALIDATED"} if strict else {}
    mode = _MODES[choice.mode]
    if mode == "AUTO" and (strict or choice.allowed is not None):
        mode = "VALIDATED"
    allowed = [choice.name] if choice.name is not None else choice.allowed
    return {"mode": mode} | ({"allowedFunctionNames": allowed} if allowed and mode != "NONE" else {})


def _native(tool: NativeTool) -> dict[str, Any]:
    if tool.dialect == GEMINI:
        return {tool.type: tool.value}
    name = next((ours for theirs, ours in _LIKE.items() if _is_kind(tool.type, theirs)), None)
    if name is None:
        refuse(tool.field, f"it has no tool like '{tool.type}'.")
    for setting, value in tool.value.items():
        if setting not in _HINTS and value not in (None, [], {}):
            refuse(f"{tool.field}.{setting}", "its own tool has no such setting.")
    if isinstance(container := tool.value.get("container"), dict) and container.get("file_ids"):
        refuse(f"{tool.field}.container.file_ids", "its code sees no files.")
    return {name: {}}


def _is_kind(written: str, kind: str) -> bool:
    """web_search, web_search_preview, web_search_20250305 and web_search_2025_08_26 are one kind."""
    rest = written.removeprefix(kind)
    return written.startswith(kind) and (not rest or rest.startswith("_preview") or rest.replace("_", "").isdecimal())
