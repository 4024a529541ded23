"""Chat completions: tools, and which of them may be called, for a provider."""

from __future__ import annotations

from typing import Any, Final

from gateway.dialects.chat.fidelity import NAME
from gateway.dialects.chat.flavour import Flavour
from gateway.dialects.chat.provider_refusals import refused, refused_field
from gateway.dialects.conversation import Conversation, NativeTool, Tool, ToolChoice

Members = dict[str, Any]

_WEB_SEARCH: Final = "web_search"
_SEARCH_SETTINGS: Final = frozenset({"search_context_size", "user_location"})
_HINTS: Final = frozenset({"type", "name", "cache_control", "max_uses", "external_web_access"})
"""Settings that do not change what is searched."""


def tool_members(request: Conversation, flavour: Flavour) -> Members:
    """The members about tools, where there is anything to say. Raises InvalidRequest."""
    members: Members = {}
    tools = [_tool(tool, flavour) for tool in _offered(request, flavour)]
    for native in request.native_tools:
        _add_native(members, tools, native, flavour)
    if tools:
        members["tools"] = tools
    if request.tool_choice is not None:
        if request.tools:
            members["tool_choice"] = _choice(request.tool_choice, flavour)
        elif request.tool_choice.forces:
            raise refused(request, "tool_choice", flavour, "there are no functions to choose from.")
    if request.parallel_tool_calls is not None and request.tools:
        members["parallel_tool_calls"] = request.parallel_tool_calls
    return members


def _offered(request: Conversation, flavour: Flavour) -> list[Tool]:
    """The tools; where the choice cannot be narrowed, only those that may be called."""
    choice = request.tool_choice
    if choice is None or choice.allowed is None or flavour.allowed_tools:
        return request.tools
    return [tool for tool in request.tools if tool.name in choice.allowed]


def _tool(tool: Tool, flavour: Flavour) -> Members:
    function: Members = {"name": tool.name}
    if tool.description is not None:
        function["description"] = tool.description
    if tool.parameters is not None:
        function["parameters"] = tool.parameters
    if tool.strict is not None:
        function["strict"] = tool.strict
    written: Members = {"type": "function", "function": function}
    if flavour.cache_control and tool.cache_control is not None:
        written["cache_control"] = tool.cache_control
    return written


def _choice(choice: ToolChoice, flavour: Flavour) -> str | Members:
    if choice.mode == "tool":
        return {"type": "function", "function": {"name": choice.name}}
    if choice.allowed is None or not flavour.allowed_tools or choice.mode == "none":
        return choice.mode
    tools = [{"type": "function", "function": {"name": name}} for name in choice.allowed]
    return {"type": "allowed_tools", "allowed_tools": {"mode": choice.mode, "tools": tools}}


def _add_native(members: Members, tools: list[Members], tool: NativeTool, flavour: Flavour) -> None:
    """Web search, where the provider has it; a chat client's own tool as it is."""
    if tool.dialect == NAME and "type" in tool.value:
        tools.append(tool.value)
        return
    if flavour.web_search == "none" or not tool.type.startswith(_WEB_SEARCH):
        raise refused_field(tool.field, flavour, f"it has no tool like '{tool.type}'.")
    settings = _search_settings(tool, flavour)
    if flavour.web_search == "web_search_options":
        members["web_search_options"] = settings
    else:
        tools.append({"type": flavour.web_search} | ({"parameters": settings} if settings else {}))


def _search_settings(tool: NativeTool, flavour: Flavour) -> Members:
    if tool.dialect == NAME:
        return tool.value
    settings: Members = {}
    for name, value in tool.value.items():
        if value in (None, [], {}) or name in _HINTS:
            continue
        if name not in _SEARCH_SETTINGS:
            raise refused_field(f"{tool.field}.{name}", flavour, "its web search has no such setting.")
        settings[name] = value
    location = settings.get("user_location")
    if isinstance(location, dict) and flavour.web_search == "web_search_options" and "approximate" not in location:
        # Anthropic and Responses write the place beside the type, chat completions within it.
        place = {name: value for name, value in location.items() if name != "type"}
        settings["user_location"] = {"type": "approximate", "approximate": place}
    return settings
