"""Chat completions: what a client asks beside the words, as the pivot's settings."""

from __future__ import annotations

from typing import Any, Final, cast

import msgspec

from gateway.dialects.chat.fidelity import NAME, judge
from gateway.dialects.chat.request_shapes import AllowedTools, ChatRequest, Choice, FunctionTool, Name, Thinking
from gateway.dialects.conversation import NativeTool, OutputFormat, ReasoningWish, Tool, ToolChoice
from gateway.dialects.decoded_weight import check_tools
from gateway.dialects.reading import check_effort, invalid, missing, read


class _Kind(msgspec.Struct, gc=False):
    type: str


_kind_decoder: Final = msgspec.json.Decoder(_Kind)
_function_decoder: Final = msgspec.json.Decoder(FunctionTool)
_NO_CUSTOM: Final = "only OpenAI's own models have custom tools"
_THINKING: Final = {"enabled": True, "adaptive": True, "disabled": False}


def read_tools(request: ChatRequest, target: str) -> tuple[list[Tool], list[NativeTool]]:
    """The client's functions, and the tools that a provider is to run."""
    functions: list[Tool] = []
    natives: list[NativeTool] = []
    check_tools(request.tools or ())
    for index, raw in enumerate(request.tools or ()):
        field = f"tools[{index}]"
        kind = read(_kind_decoder, raw, field).type
        if kind == "function":
            tool = read(_function_decoder, raw, field)
            function = tool.function
            functions.append(
                Tool(function.name, function.description, function.parameters, function.strict, tool.cache_control)
            )
        elif kind == "custom":
            judge("tools[].custom", f"{field}.custom", target)
            invalid(f"{field}.type", _NO_CUSTOM)
        else:
            natives.append(NativeTool(NAME, kind, msgspec.json.decode(raw), field))
    for old in request.functions or []:
        functions.append(Tool(old.name, old.description, old.parameters, old.strict))
    if request.web_search_options is not None:
        natives.append(NativeTool(NAME, "web_search", request.web_search_options, "web_search_options"))
    return functions, natives


def read_tool_choice(request: ChatRequest, target: str) -> ToolChoice | None:
    """Which tools may or must be called."""
    if request.tool_choice is not None:
        return _read_choice(request.tool_choice, target)
    match request.function_call:
        case None:
            return None
        case "none" | "auto":
            return ToolChoice(cast("Any", request.function_call))
        case Name(name=name):
            return ToolChoice("tool", name)
        case _:
            return invalid("function_call", "expected none, auto or an object with a function's name")


def read_output_format(request: ChatRequest) -> OutputFormat | None:
    """The form that the answer must have; None for free text."""
    wanted = request.response_format
    if wanted is None or wanted.type == "text":
        return None
    if wanted.type == "json_object":
        return OutputFormat()
    if wanted.type != "json_schema":
        invalid("response_format.type", "expected text, json_schema or json_object")
    if wanted.json_schema is None:
        missing("response_format.json_schema")
    form = wanted.json_schema
    return OutputFormat(form.schema, form.name, form.description, form.strict)


def read_reasoning_wish(request: ChatRequest) -> ReasoningWish | None:
    """How much is to be thought, put together from the members of several APIs."""
    check_effort(request.reasoning_effort, "reasoning_effort")
    wish = ReasoningWish(effort=request.reasoning_effort, visible=request.include_reasoning)
    if request.reasoning is not None:
        said = request.reasoning
        check_effort(said.effort, "reasoning.effort")
        if said.effort is not None and wish.effort not in (None, said.effort):
            invalid("reasoning.effort", "it contradicts 'reasoning_effort'")
        wish.effort = said.effort or wish.effort
        wish.budget_tokens, wish.enabled = said.max_tokens, said.enabled
        if said.exclude is not None or said.summary is not None:
            wish.visible = not said.exclude
    if request.thinking is not None:
        _add_thinking(wish, request.thinking)
    return None if wish == ReasoningWish() else wish


def read_logprobs(request: ChatRequest) -> int | None:
    """How many alternatives a token shall carry; None where nobody asked for probabilities."""
    if request.logprobs:
        return request.top_logprobs or 0
    if request.top_logprobs:
        invalid("top_logprobs", "it asks for 'logprobs' to be true")
    return None


def _read_choice(choice: str | Choice, target: str) -> ToolChoice:
    match choice:
        case "none" | "auto" | "required":
            return ToolChoice(cast("Any", choice))
        case Choice(type="function"):
            if choice.function is None:
                missing("tool_choice.function")
            return ToolChoice("tool", choice.function.name)
        case Choice(type="allowed_tools"):
            if choice.allowed_tools is None:
                missing("tool_choice.allowed_tools")
            return _read_allowed(choice.allowed_tools)
        case Choice(type="custom"):
            judge("tool_choice.custom", "tool_choice.custom", target)
            return invalid("tool_choice.type", _NO_CUSTOM)
        case Choice():
            return invalid("tool_choice.type", "expected function, allowed_tools or custom")
        case _:
            return invalid("tool_choice", "expected none, auto, required or an object")


def _read_allowed(allowed: AllowedTools) -> ToolChoice:
    if allowed.mode not in ("auto", "required"):
        invalid("tool_choice.allowed_tools.mode", "expected auto or required")
    names = []
    for index, tool in enumerate(allowed.tools):
        if tool.function is None:
            invalid(f"tool_choice.allowed_tools.tools[{index}]", "only functions can be allowed")
        names.append(tool.function.name)
    return ToolChoice(cast("Any", allowed.mode), allowed=names)


def _add_thinking(wish: ReasoningWish, thinking: Thinking) -> None:
    if thinking.type not in _THINKING:
        invalid("thinking.type", "expected enabled, adaptive or disabled")
    wish.enabled = _THINKING[thinking.type]
    wish.budget_tokens = wish.budget_tokens if thinking.budget_tokens is None else thinking.budget_tokens
    if thinking.display is not None:
        wish.visible = thinking.display != "omitted"
