"""What the sandbox says: it depends on nothing but the request."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from gateway.dialects.codec import finish_steps
from gateway.dialects.conversation import Conversation
from gateway.errors import InvalidRequest, ModelNotFound
from gateway.providers.sandbox import LOREM, THOUGHT, Said, answer, read_request
from gateway.providers.schema_example import example

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {"type": "function", "function": {"name": "get_weather", "parameters": CITY}}
CLOCK = {"type": "function", "function": {"name": "clock"}}


def chat(text: Any = "Hi", **more: Any) -> Conversation:
    messages = more.pop("messages", [{"role": "user", "content": text}])
    return finish_steps(read_request(json.dumps({"model": "m", "messages": messages, **more}).encode()))


def test_echo_says_the_last_user_message_back() -> None:
    messages = [
        {"role": "user", "content": "first"},
        {"role": "user", "content": "  Salve,\n mundi! "},
        {"role": "assistant", "content": "x"},
    ]
    said = answer("echo", chat(messages=messages))
    assert "".join(said.pieces) == "  Salve,\n mundi! "
    assert said == Said(["  Salve,", "\n mundi!", " "], "stop")


def test_echo_reads_the_text_parts() -> None:
    parts = [
        {"type": "text", "text": "a"},
        {"type": "image_url", "image_url": {"url": "x"}},
        {"type": "text", "text": "b"},
    ]
    assert answer("echo", chat(parts)).pieces == ["ab"]


def test_echo_of_nothing_is_nothing() -> None:
    assert answer("echo", chat(messages=[{"role": "system", "content": "x"}])).pieces == []


def test_lorem_answers_in_latin() -> None:
    assert "".join(answer("lorem", chat()).pieces) == LOREM


def test_the_length_can_be_limited() -> None:
    said = answer("lorem", chat(max_tokens=3))
    assert said == Said(["Lorem", " ipsum", " dolor"], "length")
    thoughtful = answer("lorem", chat(max_tokens=2, reasoning_effort="high"))
    assert thoughtful == Said([], "length", thoughts=["Quid", " quaeritur?"])


@pytest.mark.parametrize(
    ("wish", "thinks"),
    [
        ({}, False),
        ({"reasoning_effort": "minimal"}, True),
        ({"reasoning_effort": "none"}, False),
        ({"reasoning_effort": None}, False),
        ({"reasoning": {"max_tokens": 2000}}, True),
        ({"include_reasoning": True}, False),
        ({"reasoning": {"enabled": False}}, False),
        ({"reasoning": {"effort": "none"}}, False),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, True),
        ({"thinking": {"type": "disabled"}, "reasoning_effort": "high"}, False),
    ],
)
def test_thoughts_come_where_they_are_asked_for_in_any_words(wish: dict[str, Any], thinks: bool) -> None:
    said = answer("lorem", chat(**wish))
    assert "".join(said.thoughts) == (THOUGHT if thinks else "")
    assert "".join(said.pieces) == LOREM
    assert answer("echo", chat(**wish)).thoughts == ()


def test_an_unknown_model_is_named() -> None:
    with pytest.raises(ModelNotFound, match="sandbox/echo, sandbox/lorem"):
        answer("gpt", chat())
    with pytest.raises(InvalidRequest, match="/v1/embeddings"):
        answer("embedding", chat())


def allowed(*names: str, mode: str) -> dict[str, Any]:
    tools = [{"type": "function", "function": {"name": name}} for name in names]
    return {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": tools}}


@pytest.mark.parametrize(
    ("more", "tool"),
    [
        ({}, None),
        ({"tool_choice": "required"}, "get_weather"),
        ({"tool_choice": {"type": "function", "function": {"name": "clock"}}}, "clock"),
        ({"text": "call clock, please"}, "clock"),
        ({"text": "call clock, please", "tool_choice": "none"}, None),
        ({"tool_choice": allowed("clock", mode="required")}, "clock"),
        ({"text": "get_weather or clock?", "tool_choice": allowed("clock", mode="auto")}, "clock"),
        ({"text": "get_weather", "tool_choice": allowed("clock", mode="auto")}, None),
    ],
)
def test_a_tool_is_called_where_it_is_asked_for_or_mentioned(more: dict[str, Any], tool: str | None) -> None:
    said = answer("lorem", chat(**{"tools": [WEATHER, CLOCK], **more}))
    assert said.tool == tool
    assert said.finish_reason == ("stop" if tool is None else "tool_calls")


def test_arguments_fit_the_tools_schema() -> None:
    said = answer("lorem", chat(tools=[WEATHER], tool_choice="required"))
    jsonschema.validate(json.loads("".join(said.pieces)), CITY)


def test_after_a_tools_result_there_is_text() -> None:
    """Or a client's loop of calls would have no end."""
    messages = [
        {"role": "user", "content": "get_weather"},
        {"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "get_weather", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "1", "content": "get_weather: 20"},
    ]
    assert answer("lorem", chat(messages=messages, tools=[WEATHER])).tool is None
    assert "".join(answer("echo", chat(messages=messages)).pieces) == "get_weather"


def test_structured_output_fits_its_schema() -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "c", "schema": CITY}}
    jsonschema.validate(json.loads("".join(answer("lorem", chat(response_format=wanted)).pieces)), CITY)
    assert json.loads("".join(answer("lorem", chat(response_format={"type": "json_object"})).pieces)) == {"text": LOREM}


TREE = {
    "type": "object",
    "properties": {"value": {"type": "integer"}, "left": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}},
    "required": ["value", "left"],
}


@pytest.mark.parametrize(
    "schema",
    [
        CITY,
        {"type": "array", "items": {"type": "number", "minimum": 3}, "minItems": 2},
        {"type": ["null", "string"], "minLength": 9},
        {"type": "string", "maxLength": 2},
        {"type": "string", "format": "date"},
        {"enum": ["a", "b"]},
        {"const": 7},
        {"type": "integer", "exclusiveMinimum": 4, "multipleOf": 5},
        {"type": "number", "maximum": -2},
        {"type": "boolean"},
        {"type": "null"},
        {"allOf": [CITY, {"properties": {"city": {"enum": ["Roma"]}}}]},
        {"$ref": "#/$defs/C", "$defs": {"C": CITY}},
        TREE,
        {},
    ],
)
def test_an_example_fits_its_schema(schema: dict[str, Any]) -> None:
    jsonschema.validate(example(schema), schema)


@pytest.mark.parametrize(
    "schema",
    [
        None,
        7,
        True,
        {"$ref": "#/nowhere"},
        {"$ref": "#"},
        {"$ref": 7},
        {"type": 7},
        {"enum": []},
        {"anyOf": []},
        {"type": "array", "minItems": 10**9},
        {"type": "number", "multipleOf": 5e-324},
        {"type": "number", "multipleOf": 10**400},
        {"type": "string", "minLength": 10**9},
        {"properties": [1]},
        {"type": "integer", "minimum": 10**400},
        {"properties": {name: {"$ref": "#"} for name in "abcdefghij"}, "required": list("abcdefghij")},
    ],
)
def test_a_senseless_schema_ends_in_some_value(schema: object) -> None:
    assert len(json.dumps(example(schema))) < 20_000


@pytest.mark.parametrize(
    ("stop", "said"), [("sit", "Lorem ipsum dolor "), (["amet", "dolor"], "Lorem ipsum "), ([], LOREM)]
)
def test_an_answer_ends_before_the_first_stop_sequence(stop: str | list[str], said: str) -> None:
    told = answer("lorem", chat(stop=stop))
    assert ("".join(told.pieces), told.finish_reason) == (said, "stop")
    assert "".join(answer("echo", chat("one two", stop="two")).pieces) == "one "
