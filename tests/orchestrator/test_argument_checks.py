"""Arguments of tools: the verdict is JSON Schema's own, found in bounded time, with turns for others in between."""

from __future__ import annotations

import time
from typing import Any

import pytest
import trio
from jsonschema import Draft202012Validator

from gateway.dialects.codec import finish_steps
from gateway.errors import InvalidRequest
from gateway.neighbour import Behalf
from gateway.orchestrator.argument_checks import MOST_VALUES, checker, count_values
from gateway.orchestrator.own_tools import orchestrator_tools
from gateway.orchestrator.tools import Tool, ToolBox

ITEMS: list[Any] = [
    *({"type": kind} for kind in ("string", "integer", "number", "boolean", "null", "array", ["string", "null"])),
    {"type": "string", "minLength": 1, "description": "A text."},
    {"type": "string", "minLength": 1, "maxLength": 1},
    {"type": "integer", "minimum": 0},
    {"minLength": 2},
    {"enum": ["a", 1]},
    True,
    False,
]
LISTS: list[Any] = [
    *(
        [],
        [True],
        [1, -1],
        [1.0, 2],
        [1.5, 1],
        ["a", "b"],
        ["a", "ab"],
        ["a", ""],
        [None],
        [[]],
        ["a", 1],
        [1, "a", ""],
    ),
    *("a", 1, None, {"a": "b"}),
]


@pytest.mark.parametrize("first", [{}, {"prefixItems": [{"type": "integer"}]}], ids=["all alike", "but for the first"])
@pytest.mark.parametrize("items", ITEMS, ids=str)
def test_what_is_wrong_is_what_json_schema_says(items: Any, first: Any) -> None:
    """Of lists that are looked at in one go too, alone or as one of several forms."""
    form = {"type": "array", "items": items, **first}
    for said in (form, {"anyOf": [form, {"type": "null"}]}):
        schema = {"type": "object", "properties": {"it": said}}
        check, valid = checker(schema), Draft202012Validator(schema).is_valid
        for given in LISTS:
            assert (finish_steps(check({"it": given})) is None) == valid({"it": given}), given


def tool_of_anything(asked: list[Any]) -> Tool:
    async def run(arguments: dict[str, Any], behalf: Behalf) -> object:
        asked.append(arguments)
        return "done"

    return Tool(name="any", description="", schema={"properties": {"rows": {"items": {"type": "object"}}}}, run=run)


async def test_many_long_checks_at_once_leave_others_their_turns(autojump_clock: trio.testing.MockClock) -> None:
    """Sixteen calls of one turn, and somebody else who has one turn for each of them."""
    asked: list[Any] = []
    box, arguments, turns = ToolBox([tool_of_anything(asked)]), {"rows": [{"a": 1}] * 200}, 0

    async with trio.open_nursery() as nursery:
        for _ in range(16):
            nursery.start_soon(box.run, "any", arguments, Behalf(1.0, [], None))
        while len(asked) < 16:
            before = len(asked)
            await trio.lowlevel.checkpoint()
            turns += 1
            assert len(asked) <= before + 1
    assert turns >= 16


async def test_more_than_can_be_checked_in_one_go_is_refused_unchecked() -> None:
    asked: list[Any] = []
    box = ToolBox([tool_of_anything(asked)])
    await box.run("any", {"rows": [{}] * (MOST_VALUES - 2)}, Behalf(1.0, [], None))
    for rows in (MOST_VALUES - 1, 100_000):
        with pytest.raises(InvalidRequest) as refused:
            await box.run("any", {"rows": [{}] * rows}, Behalf(1.0, [], None))
        assert refused.value.param == "arguments"
    assert len(asked) == 1


def test_values_are_counted_however_they_are_nested() -> None:
    assert count_values({"a": [1, {"b": [[]]}], "c": None}, 100) == 7
    assert count_values([[1] * 10] * 10, 50) == 51


ROW = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"$ref": "#/$defs/word"}}, "required": ["a"]}
ROWS = {
    "$defs": {"word": {"allOf": [{"type": "string"}, {"minLength": 1}]}},
    "properties": {"rows": {"type": "array", "items": ROW, "uniqueItems": True}},
}


def test_many_values_are_looked_at_a_few_at_a_time() -> None:
    """The mistake in the last of 1,300 rows is found after some hundred turns of others, none of them kept long."""
    rows: list[Any] = [{"a": number, "b": "text"} for number in range(1300)]
    check = checker(ROWS)
    steps, longest, began = 0, 0.0, time.thread_time()
    for _ in check({"rows": [*rows, {"a": "1"}]}):
        steps, longest, began = steps + 1, max(longest, time.thread_time() - began), time.thread_time()
    assert steps > 150
    assert longest < 10 * 0.001
    assert finish_steps(check({"rows": rows})) is None
    mistake = finish_steps(check({"rows": [*rows, {"a": "1"}]}))
    assert mistake is not None
    assert list(mistake.absolute_path) == ["rows", 1300, "a"]


UNIQUE: list[Any] = [[1, 1.0], [1, True], [0, False], [[1], [True]], [{"a": 1, "b": 2}, {"b": 2.0, "a": 1}], ["1", 1]]


@pytest.mark.parametrize("items", UNIQUE, ids=str)
def test_what_is_alike_is_what_json_schema_says(items: list[Any]) -> None:
    schema = {"properties": {"it": {"uniqueItems": True}}}
    for given in (items, [*items, None], [items, items], [None, [None], {}, {"a": None}]):
        judged = finish_steps(checker(schema)({"it": given})) is None
        assert judged == Draft202012Validator(schema).is_valid({"it": given})


@pytest.mark.parametrize("name", ["generate_embeddings", "extract_keywords"])
def test_as_many_texts_as_may_be_take_no_time(name: str) -> None:
    """0.2 ms each; one by one it was 14."""
    (schema,) = [tool.schema for tool in orchestrator_tools(None) if tool.name == name]  # type: ignore[arg-type]
    check, (member, *_) = checker(schema), schema["required"]
    took: list[float] = []
    for _ in range(5):
        began = time.process_time()
        assert finish_steps(check({member: ["a text of some words"] * 2048})) is None
        took.append(time.process_time() - began)
    assert min(took) <= 10 * 0.0003
