"""What is asked beside the words: tools, structure, sampling, and what this API has no place for."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.dialects.anthropic.provider_codec import AnthropicProvider
from gateway.dialects.anthropic.provider_request import JSON_ALONE
from gateway.dialects.conversation import (
    NativeTool,
    OutputFormat,
    ReasoningWish,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from gateway.errors import InvalidRequest
from tests.dialects.anthropic.talking import BOTH, NEW, OLD, ask, assistant, encoded, system, user

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
F, G = Tool("f", "what f does", SCHEMA), Tool("g")


def asked(model: str = OLD, **members: Any) -> dict[str, Any]:
    body = encoded(ask(user("hi"), **members), model)
    del body["messages"], body["model"], body["max_tokens"]
    return body


def refused(model: str = OLD, **members: Any) -> str:
    """The field that the refusal names."""
    with pytest.raises(InvalidRequest) as refusal:
        asked(model, **members)
    assert refusal.value.param is not None
    return refusal.value.param


def test_where_and_what_for() -> None:
    codec = AnthropicProvider()
    assert codec.name == "anthropic_messages"
    assert codec.path("claude-opus-5", stream=True) == codec.path("claude-opus-5", stream=False) == b"/v1/messages"


def test_an_answer_always_has_a_bound() -> None:
    """The client's, else the catalogue's, else what every model of the generation can do."""
    assert encoded(ask(max_tokens=7), OLD, 100)["max_tokens"] == 7
    assert encoded(ask(), OLD, 100)["max_tokens"] == 100
    assert encoded(ask(), NEW)["max_tokens"] == 64_000
    assert encoded(ask(), "claude-3-opus-20240229")["max_tokens"] == 4096


def test_members_that_have_the_same_meaning() -> None:
    members: dict[str, Any] = {"temperature": 0.5, "top_k": 5, "stream": True}
    assert asked(**members, stop=["END"], user="u-1") == {
        **members,
        "stop_sequences": ["END"],
        "metadata": {"user_id": "u-1"},
    }


def test_what_changes_no_answer_is_passed_over() -> None:
    assert asked(seed=1, cache_key="k", metadata={"a": "b"}, verbosity="low", frequency_penalty=0.0) == {}


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"choices": 2}, "n"),
        ({"logprobs": 0}, "logprobs"),
        ({"frequency_penalty": 0.1}, "frequency_penalty"),
        ({"presence_penalty": -1.0}, "presence_penalty"),
        ({"stop": ["a", " \n"]}, "stop"),
        ({"service_tier": "flex"}, "service_tier"),
    ],
)
def test_what_would_change_the_answer_is_refused(members: dict[str, Any], param: str) -> None:
    assert refused(**members) == param


@pytest.mark.parametrize(
    ("tier", "sent"), [("auto", "auto"), ("default", "standard_only"), ("priority", "auto"), ("standard_only",) * 2]
)
def test_service_tiers(tier: str, sent: str) -> None:
    assert asked(service_tier=tier) == {"service_tier": sent}


# Sampling.


@pytest.mark.parametrize("member", ["temperature", "top_p"])
@pytest.mark.parametrize("value", [1.01, 2.0, -0.1])
def test_values_beyond_the_range_are_refused_not_clipped(member: str, value: float) -> None:
    assert refused(**{member: value}) == member


def test_older_models_take_temperature_and_top_p_together() -> None:
    assert asked(temperature=0.2, top_p=0.9) == {"temperature": 0.2, "top_p": 0.9}


def test_later_ones_take_one_of_them() -> None:
    assert asked(BOTH, temperature=0.2, top_p=1.0) == {"temperature": 0.2}
    assert asked(BOTH, temperature=1.0, top_p=0.9) == {"top_p": 0.9}
    assert refused(BOTH, temperature=0.2, top_p=0.9) == "top_p"


@pytest.mark.parametrize(("member", "value"), [("temperature", 0.0), ("top_p", 0.5), ("top_k", 1)])
def test_the_newest_take_none(member: str, value: float) -> None:
    assert refused(NEW, **{member: value}) == member
    assert asked(NEW, temperature=1.0, top_p=1.0) == {}


@pytest.mark.parametrize(("member", "value"), [("temperature", 0.0), ("top_p", 0.5), ("top_k", 1)])
def test_a_model_that_reasons_takes_hardly_any(member: str, value: float) -> None:
    wish = ReasoningWish("low")
    assert refused(reasoning=wish, **{member: value}) == member
    assert asked(reasoning=wish, temperature=1.0, top_p=0.95) == {
        "thinking": {"type": "enabled", "budget_tokens": 2048},
        "top_p": 0.95,
    }


# Structured output.


def test_a_schema_is_closed_where_it_is_open() -> None:
    """The API wants that said; what follows the closed schema follows the open one."""
    schema = {
        "type": "object",
        "properties": {
            "type": {"type": "object", "additionalProperties": True},
            "list": {"type": "array", "items": {"type": ["object", "null"], "enum": [{"type": "object"}]}},
            "default": {"type": "object"},
        },
        "$defs": {"x": {"type": "object"}},
        "anyOf": [{"$ref": "#/$defs/x"}],
    }
    assert asked(output_format=OutputFormat(schema, name="n", strict=True)) == {
        "output_config": {
            "format": {
                "type": "json_schema",
                "schema": {
                    "type": "object",
                    "properties": {
                        "type": {"type": "object", "additionalProperties": True},
                        "list": {
                            "type": "array",
                            "items": {
                                "type": ["object", "null"],
                                "enum": [{"type": "object"}],
                                "additionalProperties": False,
                            },
                        },
                        "default": {"type": "object", "additionalProperties": False},
                    },
                    "$defs": {"x": {"type": "object", "additionalProperties": False}},
                    "anyOf": [{"$ref": "#/$defs/x"}],
                    "additionalProperties": False,
                },
            }
        }
    }


def test_a_schema_and_an_effort_stand_together() -> None:
    body = asked(NEW, output_format=OutputFormat(SCHEMA), reasoning=ReasoningWish("low"))
    assert body["output_config"] == {
        "format": {"type": "json_schema", "schema": {**SCHEMA, "additionalProperties": False}},
        "effort": "low",
    }


def test_json_without_a_schema_is_an_instruction() -> None:
    body = encoded(ask(system("be brief"), user("hi"), output_format=OutputFormat()))
    assert body["system"] == [{"type": "text", "text": "be brief"}, {"type": "text", "text": JSON_ALONE}]


def test_a_bottomless_schema_is_a_mistake_of_the_client() -> None:
    schema: dict[str, Any] = {}
    for _ in range(5000):
        schema = {"items": schema}
    with pytest.raises(InvalidRequest, match="nested too deeply"):
        asked(output_format=OutputFormat(schema))


# Tools.


def test_functions() -> None:
    tools = [F, G, Tool("h", parameters=SCHEMA, strict=True, cache_control={"type": "ephemeral"})]
    assert asked(tools=tools) == {
        "tools": [
            {"name": "f", "description": "what f does", "input_schema": SCHEMA},
            {"name": "g", "input_schema": {"type": "object", "properties": {}}},
            {
                "name": "h",
                "input_schema": {**SCHEMA, "additionalProperties": False},
                "strict": True,
                "cache_control": {"type": "ephemeral"},
            },
        ]
    }


@pytest.mark.parametrize(
    ("choice", "parallel", "sent"),
    [
        (None, None, None),
        (None, True, None),
        (None, False, {"type": "auto", "disable_parallel_tool_use": True}),
        (ToolChoice("auto"), None, {"type": "auto"}),
        (ToolChoice("none"), False, {"type": "none"}),
        (ToolChoice("required"), True, {"type": "any"}),
        (ToolChoice("required"), False, {"type": "any", "disable_parallel_tool_use": True}),
        (ToolChoice("tool", "g"), None, {"type": "tool", "name": "g"}),
    ],
)
def test_choices(choice: ToolChoice | None, parallel: bool | None, sent: dict[str, Any] | None) -> None:
    assert asked(tools=[F, G], tool_choice=choice, parallel_tool_calls=parallel).get("tool_choice") == sent


def test_functions_that_may_not_be_called_are_not_shown() -> None:
    body = asked(tools=[F, G], tool_choice=ToolChoice("required", allowed=["g"]))
    assert [tool["name"] for tool in body["tools"]] == ["g"]
    assert body["tool_choice"] == {"type": "any"}


def test_a_choice_among_no_tools() -> None:
    assert asked(tool_choice=ToolChoice("auto"), parallel_tool_calls=False) == {}
    assert asked(tool_choice=ToolChoice("none")) == {}
    assert refused(tool_choice=ToolChoice("required")) == "tool_choice"


def test_tools_that_were_taken_away_are_named_and_not_to_be_called() -> None:
    """The API wants to know the tools whose calls it is shown."""
    talk = (user("go"), assistant(ToolCall("t", "f", "{}"), ToolCall("u", "f", "{}")), user(ToolResult("t", [])))
    body = encoded(ask(*talk))
    assert body["tools"] == [{"name": "f", "input_schema": {"type": "object"}}]
    assert body["tool_choice"] == {"type": "none"}


def native(type_: str, dialect: str = "openai_responses", **value: Any) -> NativeTool:
    return NativeTool(dialect, type_, {"type": type_, **value}, "tools[0]")


def test_tools_of_this_api_are_passed_on() -> None:
    tool = native("web_fetch_20250910", "anthropic_messages", name="web_fetch", max_uses=2)
    assert asked(native_tools=[tool]) == {"tools": [tool.value]}


def test_a_web_search_is_a_web_search() -> None:
    place = {"type": "approximate", "city": "Trier", "country": "DE", "region": None}
    sent = {"type": "web_search_20250305", "name": "web_search"}
    where = {"user_location": {"type": "approximate", "city": "Trier", "country": "DE"}}
    assert asked(native_tools=[native("web_search")]) == {"tools": [sent]}
    flat = native("web_search", user_location=place, filters={"allowed_domains": ["a.de"]})
    assert asked(native_tools=[flat]) == {"tools": [{**sent, "allowed_domains": ["a.de"], **where}]}
    deep = native("web_search", "openai_chat", user_location={"type": "approximate", "approximate": place})
    assert asked(native_tools=[deep]) == {"tools": [{**sent, **where}]}


def test_code_is_run_in_a_container_of_the_providers_choice() -> None:
    assert asked(native_tools=[native("code_interpreter", container={"type": "auto"})]) == {
        "tools": [{"type": "code_execution_20250825", "name": "code_execution"}]
    }
    assert refused(native_tools=[native("code_interpreter", container="cntr_1")]) == "tools[0]"
    assert refused(native_tools=[native("code_interpreter", container={"type": "auto", "file_ids": ["f"]})])


def test_tools_that_only_others_run_are_refused() -> None:
    assert refused(native_tools=[native("file_search", vector_store_ids=["v"])]) == "tools[0]"
