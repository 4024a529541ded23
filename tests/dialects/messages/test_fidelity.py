"""The table of Messages' properties is complete; whether it is true, ../test_fidelity.py asks."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Iterator
from typing import Any, get_args, get_type_hints

import typing_extensions
from anthropic.types import (
    content_block_param,
    message_count_tokens_params,
    message_create_params,
    tool_param,
    tool_union_param,
)
from anthropic.types.beta import beta_content_block_param, beta_tool_param, beta_tool_union_param
from anthropic.types.beta import message_create_params as beta_params

from gateway.dialects.messages.fidelity import TABLE
from gateway.dialects.messages.request_shapes import CreateMessage, CustomTool, OutputConfig, Thinking, ToolChoice

UNTYPED = {"stream", "temperature", "top_p", "top_k"}
"""Members that the client sends but its base type leaves to others."""
OLDER = {"anthropic_beta", "anthropic_version", "output_format"}
"""Members of the API, or of those who serve it too, that the client's types do not have, or no longer."""


def properties(*types: Any) -> set[str]:
    return {name for each in types for name in get_type_hints(each)}


def kinds(union: Any) -> set[str]:
    """The types of the blocks that a union is of, as they are written."""
    found: set[str] = set()
    for each in get_args(union):
        if inspect.isclass(each) and typing_extensions.is_typeddict(each):
            literal = get_type_hints(each)["type"]
            found |= {kind for kind in _words(literal) if isinstance(kind, str)}
        elif typing.get_origin(each) in (typing.Union, typing.Annotated):
            found |= kinds(each)
    return found


def _words(literal: Any) -> Iterator[Any]:
    """What a literal may be, also one that may be left out."""
    for each in get_args(literal):
        if typing.get_origin(each) is typing.Literal:
            yield from get_args(each)
        else:
            yield each


def rows(prefix: str) -> set[str]:
    return {name.removeprefix(prefix) for name in TABLE if name.startswith(prefix) and "." not in name[len(prefix) :]}


def test_every_property_of_the_official_types_has_its_row_and_its_field() -> None:
    official = properties(
        message_create_params.MessageCreateParamsBase,
        message_create_params.MessageCreateParamsStreaming,
        message_count_tokens_params.MessageCountTokensParams,
        beta_params.MessageCreateParamsBase,
    )
    top_level = {name for name in TABLE if "." not in name}
    assert official <= top_level
    assert top_level - official <= UNTYPED | OLDER
    assert top_level == set(CreateMessage.__struct_fields__)


def test_every_kind_of_block_has_its_row() -> None:
    official = kinds(content_block_param.ContentBlockParam) | kinds(beta_content_block_param.BetaContentBlockParam)
    assert len(official) > 20
    assert official == rows("messages[].content[].")


def test_every_member_of_a_tool_is_known() -> None:
    assert set(CustomTool.__struct_fields__) == properties(tool_param.ToolParam, beta_tool_param.BetaToolParam)
    plain = {"name", "type", "description", "input_schema"}
    assert set(CustomTool.__struct_fields__) - plain <= rows("tools[].")


def test_so_is_every_member_of_thinking_output_config_and_tool_choice() -> None:
    hints = get_type_hints(beta_params.MessageCreateParamsBase)
    assert set(Thinking.__struct_fields__) == properties(*get_args(hints["thinking"]))
    assert set(OutputConfig.__struct_fields__) == properties(hints["output_config"]) == rows("output_config.")
    assert set(ToolChoice.__struct_fields__) == properties(*get_args(hints["tool_choice"]))


def test_every_kind_of_tool_has_its_row() -> None:
    """Without the date at its end."""
    official = kinds(tool_union_param.ToolUnionParam) | kinds(beta_tool_union_param.BetaToolUnionParam)
    families = {re.sub(r"_\d+$", "", kind) for kind in official - {"custom"}}
    assert families == rows("tools[].") - set(CustomTool.__struct_fields__)
