"""The table of a chat request's properties is complete; whether it is true, ../test_fidelity.py asks."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.dialects.chat.fidelity import TABLE
from gateway.dialects.chat.request_shapes import ChatRequest
from tests.shared_material import openapi


def properties_of(schema: dict[str, Any]) -> set[str]:
    if "$ref" in schema:
        return properties_of(openapi()["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    return set(schema.get("properties", {})).union(*(properties_of(each) for each in schema.get("allOf", [])))


def test_every_property_of_the_specification_has_a_row() -> None:
    assert properties_of({"$ref": "#/components/schemas/CreateChatCompletionRequest"}) <= set(TABLE)


def test_every_member_that_is_read_has_a_row_and_no_row_is_idle() -> None:
    read = {field.name for field in msgspec.structs.fields(ChatRequest)}
    assert read == {name for name in TABLE if "." not in name}
