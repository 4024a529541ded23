"""The table of Messages' properties: complete, and true of what the codec does."""

from __future__ import annotations

import inspect
import typing
from typing import Any, get_args, get_type_hints

import pytest
import typing_extensions
from anthropic.types import content_block_param, message_count_tokens_params, message_create_params, tool_param
from anthropic.types.beta import beta_content_block_param, beta_tool_param
from anthropic.types.beta import message_create_params as beta_params

from gateway.dialects.fidelity import TARGET_NAMES, Dropped, Fate, Mapped, Refused
from gateway.dialects.messages.fidelity import TABLE
from gateway.dialects.messages.request_shapes import CreateMessage, CustomTool, OutputConfig, Thinking, ToolChoice
from gateway.errors import InvalidRequest
from tests.dialects.messages.asking import HI, decoded

TARGETS = sorted(TARGET_NAMES)
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
            found |= set(get_args(literal))
        elif typing.get_origin(each) in (typing.Union, typing.Annotated):
            found |= kinds(each)
    return found


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
    assert rows("tools[].") == set(CustomTool.__struct_fields__) - plain


def test_so_is_every_member_of_thinking_output_config_and_tool_choice() -> None:
    hints = get_type_hints(beta_params.MessageCreateParamsBase)
    assert set(Thinking.__struct_fields__) == properties(*get_args(hints["thinking"]))
    assert set(OutputConfig.__struct_fields__) == properties(hints["output_config"]) == rows("output_config.")
    assert set(ToolChoice.__struct_fields__) == properties(*get_args(hints["tool_choice"]))


def test_every_row_says_it_for_every_target() -> None:
    assert all(sorted(row) == TARGETS for row in TABLE.values())


_SAMPLES: dict[str, Any] = {
    "anthropic_beta": ["x"],
    "anthropic_version": "2023-06-01",
    "betas": ["x"],
    "billing_policy": {"type": "billing_policy"},
    "cache_control": {"type": "ephemeral"},
    "compaction": {"type": "summarize"},
    "container": "container_1",
    "context_management": {"edits": []},
    "diagnostics": {"previous_message_id": "msg_1"},
    "fallback_credit_token": "t",
    "fallbacks": "default",
    "inference_geo": "us",
    "max_tokens": 100,
    "mcp_servers": [{"type": "url", "url": "https://example.org", "name": "x"}],
    "messages": [HI],
    "metadata": {"user_id": "u"},
    "model": "m",
    "output_config": {"effort": "low", "task_budget": {"type": "tokens", "total": 20_000}},
    "output_format": {"type": "json_schema", "schema": {"type": "object"}},
    "service_tier": "auto",
    "speed": "fast",
    "stop_sequences": ["END"],
    "stream": True,
    "system": "Be brief.",
    "temperature": 1.0,
    "thinking": {"type": "adaptive", "block_binding": {}},
    "thread": {"type": "create"},
    "tool_choice": {"type": "auto"},
    "tools": [{"name": "f", "input_schema": {"type": "object"}}],
    "top_k": 5,
    "top_p": 0.5,
    "user_profile_id": "u",
    "workspace_id": "w",
}


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", sorted(name for name in TABLE if "." not in name))
def test_the_codec_does_what_the_table_says(name: str, target: str) -> None:
    assert_fate(TABLE[name][target], name, target, {name: _SAMPLES[name]})
    if isinstance(fate := TABLE[name][target], Refused):
        for idle in fate.idle:
            decoded(target, **{name: idle})


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("kind", sorted(rows("messages[].content[].")))
def test_so_it_does_with_a_block(kind: str, target: str) -> None:
    """Those that it understands have their own tests."""
    fate = TABLE[f"messages[].content[].{kind}"][target]
    if isinstance(fate, Mapped):
        return
    content = [{"type": kind, "anything": True}, {"type": "text", "text": "x"}]
    messages = [{"role": "assistant", "content": content}, HI]
    assert_fate(fate, "messages[0].content[0]", target, {"messages": messages})
    if isinstance(fate, Dropped):
        assert len(decoded(target, messages=messages).turns[0].parts) == 1


_WITHIN: dict[str, tuple[str, Any]] = {
    "messages[].clear_at": ("messages[0].clear_at", {"messages": [{**HI, "clear_at": "next_user_message"}, HI]}),
    "messages[].output_config": (
        "messages[0].output_config",
        {"messages": [{**HI, "role": "system", "output_config": {"effort": "low"}}, HI]},
    ),
    "messages[-1].role": ("messages[1]", {"messages": [HI, {"role": "assistant", "content": "I"}]}),
    "tool_choice.disable_parallel_tool_use": (
        "tool_choice.disable_parallel_tool_use",
        {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}},
    ),
    "tools[].allowed_callers": (
        "tools[0].allowed_callers",
        {"tools": [{"name": "f", "input_schema": {}, "allowed_callers": ["code_execution_20260120"]}]},
    ),
    "tools[].input_examples": (
        "tools[0].input_examples",
        {"tools": [{"name": "f", "input_schema": {}, "input_examples": [{"a": 1}]}]},
    ),
    "tools[].defer_loading": (
        "tools[0].defer_loading",
        {"tools": [{"name": "f", "input_schema": {}, "defer_loading": True}]},
    ),
}


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("row", sorted(_WITHIN))
def test_and_with_a_member_of_a_property(row: str, target: str) -> None:
    field, members = _WITHIN[row]
    assert_fate(TABLE[row][target], field, target, members)


def assert_fate(fate: Fate, field: str, target: str, members: dict[str, Any]) -> None:
    if not isinstance(fate, Refused):
        decoded(target, **members)
        return
    with pytest.raises(InvalidRequest) as caught:
        decoded(target, **members)
    assert caught.value.param == field
    assert TARGET_NAMES[target] in caught.value.message
