"""The table of a chat request's properties is complete; whether it is true, ../test_fidelity.py asks."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.dialects.chat.fidelity import TABLE
from gateway.dialects.chat.request_shapes import ChatRequest
from tests.dialects.responses.test_fidelity import kinds
from tests.shared_material import openapi

PLAIN = {"role", "content", "tool_calls", "tool_call_id"}
"""Members of a message that go without saying."""
EXTENSIONS = {"cache_control", "images", "reasoning", "reasoning_content", "reasoning_details"}
"""Those of other providers."""


def properties_of(schema: dict[str, Any]) -> set[str]:
    if "$ref" in schema:
        return properties_of(openapi()["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    made_of = [*schema.get("allOf", ()), *schema.get("oneOf", ())]
    return set(schema.get("properties", {})).union(*map(properties_of, made_of))


def rows(prefix: str) -> set[str]:
    found = {name.removeprefix(prefix) for name in TABLE if name.startswith(prefix)}
    return {name for name in found if not {".", "["} & set(name)}


def test_every_property_of_the_specification_has_a_row() -> None:
    assert properties_of({"$ref": "#/components/schemas/CreateChatCompletionRequest"}) <= set(TABLE)


def test_every_member_that_is_read_has_a_row_and_no_row_is_idle() -> None:
    read = {field.name for field in msgspec.structs.fields(ChatRequest)}
    assert read == {name for name in TABLE if "." not in name}


def test_so_has_every_member_of_a_message_and_every_kind_of_part() -> None:
    members = properties_of({"$ref": "#/components/schemas/ChatCompletionRequestMessage"})
    assert members - PLAIN == rows("messages[].") - EXTENSIONS
    said = ("ChatCompletionRequestUserMessageContentPart", "ChatCompletionRequestAssistantMessageContentPart")
    assert set().union(*map(kinds, said)) == rows("messages[].content[].") - {"prompt_cache_breakpoint"}


def test_so_has_every_kind_of_tool_and_of_choice() -> None:
    """But for functions, which the rows of all speak of, and for the ones that are allowed."""
    assert kinds("ChatCompletionTool") | kinds("CustomToolChatCompletions") == {"function"} | rows("tools[].") - {
        "cache_control"
    }
    assert kinds("ChatCompletionToolChoiceOption") == {"function", "allowed_tools"} | rows("tool_choice.")
