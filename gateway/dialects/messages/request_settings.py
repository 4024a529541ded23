"""Messages: what a client asks beside the words, as the pivot's settings."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

from gateway.dialects.conversation import NativeTool, OutputFormat, ReasoningWish, Tool, ToolChoice
from gateway.dialects.decoded_weight import check_tools
from gateway.dialects.messages.fidelity import NAME, judge
from gateway.dialects.messages.request_shapes import CreateMessage, CustomTool, Thinking
from gateway.dialects.messages.request_shapes import OutputFormat as WrittenFormat
from gateway.dialects.reading import invalid, missing, read


class _Kind(msgspec.Struct, gc=False):
    type: str | None = None


_kind_decoder: Final = msgspec.json.Decoder(_Kind)
_tool_decoder: Final = msgspec.json.Decoder(CustomTool)
_object_decoder: Final = msgspec.json.Decoder(dict[str, Any])
_MODES: Final[dict[str, Literal["auto", "none", "required", "tool"]]] = {
    "auto": "auto",
    "any": "required",
    "none": "none",
    "tool": "tool",
}
_THINKS: Final = {"enabled": True, "adaptive": True, "disabled": False, "between_tools": False}
"""Thinking between tools alone is the least that some models can be brought to."""
_EFFORTS: Final = frozenset({"low", "medium", "high", "xhigh", "max"})
_LEAST_BUDGET: Final = 1024
_OMITTED: Final = "omitted"
_SEARCH_FOR_TOOLS: Final = "tool_search_tool"
"""Left out where the model is told of all tools from the start."""


def read_tools(request: CreateMessage, target: str) -> tuple[list[Tool], list[NativeTool]]:
    """The client's functions, and the tools that Anthropic runs or has taught its models."""
    functions: list[Tool] = []
    natives: list[NativeTool] = []
    check_tools(request.tools or ())
    for index, raw in enumerate(request.tools or ()):
        field = f"tools[{index}]"
        kind = read(_kind_decoder, raw, field).type
        if kind in (None, "custom"):
            functions.append(_function(read(_tool_decoder, raw, field), field, target))
        elif target == NAME or not str(kind).startswith(_SEARCH_FOR_TOOLS):
            natives.append(_native(str(kind), read(_object_decoder, raw, field), field, target))
    return functions, natives


def read_tool_choice(request: CreateMessage) -> tuple[ToolChoice | None, bool | None]:
    """Which tools may or must be called, and whether several at a time."""
    choice = request.tool_choice
    if choice is None:
        return None, None
    mode = _MODES.get(choice.type)
    if mode is None:
        invalid("tool_choice.type", "expected auto, any, tool or none")
    if mode == "tool" and choice.name is None:
        missing("tool_choice.name")
    one_at_a_time = choice.disable_parallel_tool_use
    return ToolChoice(mode, choice.name if mode == "tool" else None), False if one_at_a_time else None


def read_output_format(request: CreateMessage) -> OutputFormat | None:
    """The form that the answer must have; None for free text."""
    config = request.output_config
    if config is not None and config.format is not None:
        return _format(config.format, "output_config.format")
    return None if request.output_format is None else _format(request.output_format, "output_format")


def read_reasoning_wish(request: CreateMessage) -> ReasoningWish | None:
    """How much is to be thought. The effort of a model that shall not think is of no concern to reasoning."""
    effort = None if request.output_config is None else request.output_config.effort
    if effort is not None and effort not in _EFFORTS:
        invalid("output_config.effort", "expected low, medium, high, xhigh or max")
    thinking = request.thinking
    if thinking is None:
        return None if effort is None else ReasoningWish(effort)
    enabled = _THINKS.get(thinking.type)
    if enabled is None:
        invalid("thinking.type", "expected enabled, adaptive, between_tools or disabled")
    if not enabled:
        return ReasoningWish(enabled=False)
    visible = None if thinking.display is None else thinking.display != _OMITTED
    return ReasoningWish(effort, _budget(thinking, request.max_tokens), enabled, visible)


def _budget(thinking: Thinking, max_tokens: int) -> int | None:
    budget = thinking.budget_tokens
    if thinking.type != "enabled":
        return None
    if budget is None:
        missing("thinking.budget_tokens")
    if budget < _LEAST_BUDGET:
        invalid("thinking.budget_tokens", f"expected {_LEAST_BUDGET} at least")
    if budget >= max_tokens:
        invalid("max_tokens", "expected more than thinking.budget_tokens, which are part of it")
    return budget


def _function(tool: CustomTool, field: str, target: str) -> Tool:
    judge("tools[].allowed_callers", f"{field}.allowed_callers", tool.allowed_callers, target)
    return Tool(tool.name, tool.description, tool.input_schema, tool.strict, tool.cache_control)


def _native(kind: str, value: dict[str, Any], field: str, target: str) -> NativeTool:
    """Of another provider's tool it is all the same who calls it and when it is shown to the model."""
    if target == NAME:
        return NativeTool(NAME, kind, value, field)
    judge("tools[].allowed_callers", f"{field}.allowed_callers", value.get("allowed_callers"), target)
    kept = {name: each for name, each in value.items() if name not in _BESIDE_THE_TOOL}
    return NativeTool(NAME, kind, kept, field)


_BESIDE_THE_TOOL: Final = frozenset(
    {
        "allowed_callers",
        "cache_control",
        "defer_loading",
        "eager_input_streaming",
        "input_examples",
        "response_inclusion",
    }
)


def _format(form: WrittenFormat, field: str) -> OutputFormat:
    """Anthropic keeps to every schema; OpenAI does to one without optional properties, and refuses the others."""
    if form.type != "json_schema":
        invalid(f"{field}.type", "expected json_schema")
    return OutputFormat(form.schema, strict=True if _requires_all(form.schema) else None)


def _requires_all(schema: object) -> bool:
    """Whether no object in it may leave a property out, or have one more."""
    if isinstance(schema, list):
        return all(_requires_all(each) for each in schema)
    if not isinstance(schema, dict):
        return True
    properties = schema.get("properties")
    if isinstance(properties, dict):
        required = schema.get("required")
        if schema.get("additionalProperties") is not False or not isinstance(required, list):
            return False
        if not properties.keys() <= set(map(str, required)):
            return False
    return all(_requires_all(each) for each in schema.values())
