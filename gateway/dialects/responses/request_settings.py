"""Responses: what is asked beside the words, as the pivot's settings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple, cast

import msgspec

from gateway.dialects.conversation import NativeTool, OutputFormat, ReasoningWish, Tool, ToolChoice
from gateway.dialects.decoded_weight import check_tools
from gateway.dialects.fidelity import Dropped
from gateway.dialects.reading import check_effort, invalid, missing, read, refuse
from gateway.dialects.responses import shapes
from gateway.dialects.responses.fidelity import check_searcher, judge_kind
from gateway.dialects.responses.namespaces import in_one_name

NAME: Final = "openai_responses"

_LOGPROBS: Final = "message.output_text.logprobs"

_kind_decoder: Final = msgspec.json.Decoder(shapes.Kind)
_function_decoder: Final = msgspec.json.Decoder(shapes.FunctionTool)
_search_decoder: Final = msgspec.json.Decoder(shapes.ToolSearch)
_namespace_decoder: Final = msgspec.json.Decoder(shapes.Namespace)


class Tools(NamedTuple):
    """What `tools` holds."""

    functions: list[Tool]
    natives: list[NativeTool]
    """Those that a provider is to run."""
    namespaced: dict[str, tuple[str, str]]
    """Namespace and name of the functions that stand in one, by their name among `functions`."""


def read_tools(tools: list[msgspec.Raw] | None, target: str) -> Tools:
    """The client's functions, and the tools that a provider is to run."""
    read_so_far = functions, natives, namespaced = Tools([], [], {})
    check_tools(tools or ())
    for index, raw in enumerate(tools or ()):
        field = f"tools[{index}]"
        kind = read(_kind_decoder, raw, field).type
        if kind == "function":
            functions.append(_read_function(read(_function_decoder, raw, field), field, target))
        elif kind == "namespace":
            namespace = read(_namespace_decoder, raw, field)
            check_tools([*functions, *namespace.tools])
            for function in _read_namespace(namespace, field, target):
                functions.append(in_one_name(namespace.name, namespace.description, function))
                namespaced[functions[-1].name] = (namespace.name, function.name)
        else:
            fate = judge_kind("tools[]", kind, field, target)
            if not isinstance(fate, Dropped):
                natives.append(NativeTool(NAME, kind, msgspec.json.decode(raw), field))
            else:
                check_searcher(read(_search_decoder, raw, field).execution, field, target)
    return read_so_far


def read_tool_choice(choice: str | shapes.Choice | None, target: str) -> ToolChoice | None:
    """Which tools may or must be called."""
    match choice:
        case None:
            return None
        case "none" | "auto" | "required":
            return ToolChoice(cast("Any", choice))
        case str():
            return invalid("tool_choice", "expected none, auto, required or an object")
    match choice.type:
        case "function":
            if not choice.name:
                missing("tool_choice.name")
            return ToolChoice("tool", name=choice.name)
        case "allowed_tools":
            return _read_allowed(choice, target)
        case other:
            judge_kind("tool_choice", other, "tool_choice", target)
            return invalid("tool_choice.type", f"there is no choice of the type '{other}'")


def read_format(text: shapes.TextSettings | None) -> OutputFormat | None:
    """The form that the answer must have; None for free text."""
    wanted = text.format if text is not None else None
    if wanted is None or wanted.type == "text":
        return None
    if wanted.type == "json_object":
        return OutputFormat()
    if wanted.type != "json_schema":
        invalid("text.format.type", "expected text, json_schema or json_object")
    if wanted.schema is None:
        missing("text.format.schema")
    return OutputFormat(wanted.schema, wanted.name, wanted.description, wanted.strict)


def read_reasoning_wish(reasoning: shapes.ReasoningSettings | None) -> ReasoningWish | None:
    """How much is to be thought, and whether the client wants to see it."""
    if reasoning is None or (reasoning.effort is None and not _wants_summary(reasoning)):
        return None
    check_effort(reasoning.effort, "reasoning.effort")
    return ReasoningWish(effort=reasoning.effort, visible=True if _wants_summary(reasoning) else None)


def read_logprobs(request: shapes.CreateResponse, target: str) -> int | None:
    """How many alternatives a token shall carry; None where nobody asked for probabilities."""
    for index, name in enumerate(request.include or []):
        judge_kind("include[]", name, f"include[{index}]", target)
    if _LOGPROBS in (request.include or ()):
        return request.top_logprobs or 0
    return request.top_logprobs or None


def _read_function(tool: shapes.FunctionTool, field: str, target: str) -> Tool:
    if not tool.name:
        missing(f"{field}.name")
    if tool.allowed_callers is not None and "direct" not in tool.allowed_callers:
        refuse(f"{field}.allowed_callers", "only OpenAI's models call tools from programs.", target)
    return Tool(tool.name, tool.description, tool.parameters, tool.strict)


def _read_namespace(namespace: shapes.Namespace, field: str, target: str) -> Iterator[Tool]:
    for index, raw in enumerate(namespace.tools):
        place = f"{field}.tools[{index}]"
        kind = read(_kind_decoder, raw, place).type
        if kind != "function":
            judge_kind("tools[]", kind, place, target)
            invalid(f"{place}.type", "a namespace is of functions and custom tools")
        yield _read_function(read(_function_decoder, raw, place), place, target)


def _read_allowed(choice: shapes.Choice, target: str) -> ToolChoice:
    if choice.mode not in ("auto", "required"):
        invalid("tool_choice.mode", "expected auto or required")
    names = []
    for index, tool in enumerate(choice.tools or []):
        if tool.type != "function" or not tool.name:
            refuse(f"tool_choice.tools[{index}]", "only functions can be allowed.", target)
        names.append(tool.name)
    return ToolChoice(cast("Any", choice.mode), allowed=names)


def _wants_summary(reasoning: shapes.ReasoningSettings) -> bool:
    return (reasoning.summary or reasoning.generate_summary) is not None
