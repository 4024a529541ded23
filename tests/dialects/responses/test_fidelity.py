"""The table of Responses' properties is complete; whether it is true, ../test_fidelity.py asks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.dialects.chat.flavour import DEEPSEEK
from gateway.dialects.codec import finish_steps
from gateway.dialects.conversation import Reasoning, Text, ToolCall
from gateway.dialects.fidelity import GEMINI, OPENAI_CHAT
from gateway.dialects.responses.codec import ResponsesClient
from gateway.dialects.responses.fidelity import TABLE
from gateway.dialects.responses.shapes import CreateResponse, ReasoningSettings, TextSettings
from gateway.errors import InvalidRequest
from tests.dialects.chat.wire import written_request
from tests.shared_material import openapi


def properties(name: str) -> set[str]:
    """Those of a schema of OpenAI's specification, with what it is made of."""
    schema = openapi()["components"]["schemas"][name]
    found = set(schema.get("properties", {}))
    for each in schema.get("allOf", []):
        found |= properties(each["$ref"].split("/")[-1]) if "$ref" in each else set(each["properties"])
    return found


def test_every_property_of_the_specification_has_its_row_and_its_field() -> None:
    top_level = {name for name in TABLE if "." not in name}
    assert top_level - {"client_metadata"} == properties("CreateResponse")
    assert top_level == set(CreateResponse.__struct_fields__)


def test_so_has_every_member_of_text_and_reasoning() -> None:
    text = {name.removeprefix("text.") for name in TABLE if name.startswith("text.")}
    assert text - {"format.json_schema"} == properties("ResponseTextParam")
    assert {name.removeprefix("reasoning.") for name in TABLE if name.startswith("reasoning.")} == properties(
        "Reasoning"
    )
    assert set(TextSettings.__struct_fields__) == properties("ResponseTextParam")
    assert set(ReasoningSettings.__struct_fields__) == properties("Reasoning")


def kinds(name: str) -> set[str]:
    """What `type` may be in a schema of the specification, with all that it is made of."""
    return set(_kinds({"$ref": f"#/components/schemas/{name}"}))


def _kinds(schema: dict[str, Any]) -> Iterator[str]:
    if "$ref" in schema:
        schema = openapi()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    for each in (*schema.get("oneOf", ()), *schema.get("anyOf", ()), *schema.get("allOf", ())):
        yield from _kinds(each)
    written = schema.get("properties", {}).get("type", {})
    if "$ref" in written:
        written = openapi()["components"]["schemas"][written["$ref"].rpartition("/")[2]]
    yield from (kind for kind in written.get("enum", ()) if kind is not None)


_OF_ALL = {"id", "phase", "status", "annotations", "detail", "prompt_cache_breakpoint"}
"""Rows of what several kinds have in common."""


@pytest.mark.parametrize(
    ("place", "schemas", "more"),
    [
        ("input[]", ("InputItem", "ItemResource"), {"item_reference"}),
        ("input[].content[]", ("InputContent", "OutputMessageContent"), {"input_audio"}),
        ("tools[]", ("Tool",), set()),
        ("tool_choice", ("ToolChoiceParam",), set()),
    ],
)
def test_every_kind_of_the_specification_has_its_row(place: str, schemas: tuple[str, ...], more: set[str]) -> None:
    """Each is carried, mapped or refused by name, as the table says; a new kind is a row that is missing here."""
    rows = {name.removeprefix(f"{place}.") for name in TABLE if name.startswith(f"{place}.")}
    assert {name for name in rows if "." not in name} - _OF_ALL == more.union(*map(kinds, schemas))


def test_so_has_all_that_can_be_included() -> None:
    extras = set(openapi()["components"]["schemas"]["IncludeEnum"]["enum"])
    assert {name.removeprefix("include[].") for name in TABLE if name.startswith("include[].")} == extras


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"input": [{"role": "user", "content": "hi", "nick": "Ann"}]}, "input[0].nick"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_text", "text": "hi", "bold": True}]}]},
            "input[0].content[0].bold",
        ),
        ({"input": [{"type": "function_call_output", "call_id": "c", "output": "4", "took": 3}]}, "input[0].took"),
        ({"input": [{"type": "new_call", "id": "x"}]}, "input[0]"),
        ({"tools": [{"type": "function", "name": "f", "size": 3}]}, "tools[0].size"),
        ({"tools": [{"type": "new_tool"}]}, "tools[0]"),
        ({"tool_choice": {"type": "function", "name": "f", "now": True}}, "tool_choice.now"),
        ({"text": {"style": "brief"}}, "text.style"),
        ({"text": {"format": {"type": "text", "colour": 1}}}, "text.format.colour"),
        ({"reasoning": {"pace": "slow"}}, "reasoning.pace"),
        ({"reasoning": {"effort": "bogus"}}, "reasoning.effort"),
        ({"include": ["everything"]}, "include[0]"),
    ],
)
def test_what_nobody_knows_is_named(members: dict[str, Any], param: str) -> None:
    body = json.dumps({"model": "m", "input": "hi", **members}).encode()
    with pytest.raises(InvalidRequest) as caught:
        finish_steps(ResponsesClient().decode(body, GEMINI))
    assert caught.value.param == param


def test_what_a_model_said_may_hold_more() -> None:
    """Clients send answers back as they came, also what is new in them."""
    spoken = {"role": "assistant", "content": [{"type": "output_text", "text": "ho", "shape": 1}], "mood": "good"}
    thought = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm.", "shape": 1}], "mood": "good"}
    called = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}", "mood": "good"}
    body = json.dumps({"model": "m", "input": [spoken, thought, called]}).encode()
    [turn] = finish_steps(ResponsesClient().decode(body, GEMINI)).turns
    assert [type(part) for part in turn.parts] == [Text, Reasoning, ToolCall]


def test_what_a_single_provider_does_not_take_is_named_as_the_client_calls_it() -> None:
    text = {"format": {"type": "json_schema", "name": "a", "schema": {"type": "object"}}}
    body = json.dumps({"model": "deepseek-chat", "input": "Hi.", "text": text}).encode()
    with pytest.raises(InvalidRequest) as caught:
        written_request(finish_steps(ResponsesClient().decode(body, OPENAI_CHAT)), DEEPSEEK)
    assert caught.value.param == "text.format"
