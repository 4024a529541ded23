"""What is kept of a response: continued, referred to, listed."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from gateway.dialects.conversation import Reasoning, Text, ToolCall
from gateway.dialects.responses.kept import (
    Kept,
    Place,
    continued,
    deleted,
    item_at,
    items_of,
    list_input,
    place_of,
    read_kept,
    reference_of,
    with_members,
)
from gateway.errors import InvalidRequest
from tests.dialects.responses.answers import reply, whole
from tests.shared_material import openai_schema


def raw(value: Any) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))


def plain(items: list[msgspec.Raw]) -> list[Any]:
    return [json.loads(bytes(item)) for item in items]


def kept(*items: Any, status: str = "completed") -> Kept:
    answer = whole(reply(Reasoning("hm", "s"), Text("yes"), ToolCall("c", "f", "{}")))
    return Kept(raw({**answer, "status": status}), [raw(item) for item in items])


USER = {"role": "user", "content": "hi"}


def test_what_is_kept_comes_back() -> None:
    before = kept(USER)
    after = read_kept(before.to_bytes())
    assert bytes(after.response) == bytes(before.response)
    assert plain(after.input) == [USER]


def test_a_string_is_a_message_and_nothing_is_nothing() -> None:
    assert plain(items_of(raw("hi"))) == [{"type": "message", **USER}]
    assert items_of(raw(None)) == []
    assert plain(items_of(raw([USER]))) == [USER]


def test_a_response_continues_with_its_input_and_its_output() -> None:
    first, *output = plain(continued(kept(USER)))
    assert first == USER
    assert [item["type"] for item in output] == ["reasoning", "message", "function_call"]


@pytest.mark.parametrize("status", ["queued", "in_progress", "failed", "cancelled"])
def test_one_without_an_end_cannot_be_continued(status: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        continued(kept(USER, status=status))
    assert caught.value.param == "previous_response_id"
    assert status in caught.value.message


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ({"type": "item_reference", "id": "msg_1"}, "msg_1"),
        ({"type": None, "id": "msg_1"}, "msg_1"),
        ({"id": "msg_1"}, "msg_1"),
        ({"id": "msg_1", "role": "user", "content": "x"}, None),
        ({"type": "reasoning", "id": "rs_1", "summary": []}, None),
        ({"type": 3}, None),
    ],
)
def test_a_reference_is_an_id_and_nothing_else(item: Any, expected: str | None) -> None:
    assert reference_of(raw(item)) == expected


@pytest.mark.parametrize(
    ("item_id", "expected"),
    [
        ("msg_0123_1", Place("resp_0123", 1, False)),
        ("msg_0123_in0", Place("resp_0123", 0, True)),
        ("msg_68a72e32db2c8196ba2a8493582cabde", None),
        ("rs_tmp_k3j4", None),
        ("1235b7ba-fdc9-4a1c-bfe4-6137c207baf3", None),
        ("", None),
    ],
)
def test_an_id_of_ours_says_where_its_item_stands(item_id: str, expected: Place | None) -> None:
    assert place_of(item_id) == expected


def test_an_item_is_found_by_its_place_under_its_own_name_only() -> None:
    response = kept(USER)
    found = item_at(response, Place("resp_0123", 1, False), "msg_0123_1")
    assert found is not None
    assert json.loads(bytes(found))["type"] == "message"
    assert item_at(response, Place("resp_0123", 1, False), "fc_0123_1") is None
    assert item_at(response, Place("resp_0123", 9, False), "msg_0123_9") is None
    assert item_at(response, Place("resp_0123", 0, True), "msg_0123_in0") is response.input[0]
    assert response.item("fc_0123_2") is not None
    assert response.item("fc_0123_3") is None


def test_input_items_are_listed_as_the_specification_has_them() -> None:
    response = kept(
        USER,
        {"role": "assistant", "content": "Yes?"},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "1"},
        {"type": "message", "id": "msg_theirs", "role": "user", "content": [{"type": "input_text", "text": "go"}]},
    )
    page = list_input(response, after=None, limit=20, order="asc")
    openai_schema("ResponseItemList").validate(page)
    assert [item["id"] for item in page["data"]] == [
        "msg_0123_in0",
        "msg_0123_in1",
        "fc_0123_in2",
        "fco_0123_in3",
        "msg_theirs",
    ]
    assert page["data"][0]["content"] == [{"type": "input_text", "text": "hi"}]
    assert (page["first_id"], page["last_id"], page["has_more"]) == ("msg_0123_in0", "msg_theirs", False)


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_pages_add_up_to_the_whole(order: str) -> None:
    response = kept(*[{"role": "user", "content": str(number)} for number in range(7)])
    texts: list[str] = []
    after = None
    while True:
        page = list_input(response, after=after, limit=3, order=order)
        texts += [item["content"][0]["text"] for item in page["data"]]
        after = page["last_id"]
        if not page["has_more"]:
            break
    assert texts == sorted("0123456", reverse=order == "desc")


def test_after_must_be_one_of_them() -> None:
    with pytest.raises(InvalidRequest) as caught:
        list_input(kept(USER), after="msg_0", limit=1, order="asc")
    assert caught.value.param == "after"
    assert list_input(kept(), after=None, limit=1, order="asc") == {
        "object": "list",
        "data": [],
        "first_id": None,
        "last_id": None,
        "has_more": False,
    }


def test_small_objects() -> None:
    assert deleted("resp_1") == {"id": "resp_1", "object": "response", "deleted": True}
    assert bytes(with_members(b'{"a":1,"response":2}', response=raw({"b": 3}))) == b'{"a":1,"response":{"b":3}}'
    with pytest.raises(ValueError, match="Expected"):
        with_members(b"[]", a=1)
