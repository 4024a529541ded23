"""The table of Responses' properties: complete, and true of what the codec does."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from gateway.dialects.chat.flavour import DEEPSEEK
from gateway.dialects.codec import finish_steps
from gateway.dialects.conversation import Conversation
from gateway.dialects.fidelity import ANTHROPIC_MESSAGES, OPENAI_CHAT, OPENAI_RESPONSES, TARGET_NAMES, Mapped, Refused
from gateway.dialects.responses.codec import ResponsesClient
from gateway.dialects.responses.fidelity import TABLE
from gateway.dialects.responses.shapes import CreateResponse, ReasoningSettings, TextSettings
from gateway.errors import InvalidRequest
from tests.dialects.chat.wire import written_request
from tests.shared_material import openapi

TARGETS = [target for target in TARGET_NAMES if target != OPENAI_RESPONSES]
"""Whoever has OpenAI's Responses is passed on what its clients ask."""


def properties(name: str) -> set[str]:
    """Those of a schema of OpenAI's specification, with what it is made of."""
    schema = openapi()["components"]["schemas"][name]
    found = set(schema.get("properties", {}))
    for each in schema.get("allOf", []):
        found |= properties(each["$ref"].split("/")[-1]) if "$ref" in each else set(each["properties"])
    return found


def test_every_property_of_the_specification_has_its_row_and_its_field() -> None:
    top_level = {name for name in TABLE if "." not in name}
    assert properties("CreateResponse") <= top_level
    assert top_level == set(CreateResponse.__struct_fields__)


def test_so_has_every_member_of_text_and_reasoning() -> None:
    assert {name.removeprefix("text.") for name in TABLE if name.startswith("text.")} == properties("ResponseTextParam")
    assert {name.removeprefix("reasoning.") for name in TABLE if name.startswith("reasoning.")} == properties(
        "Reasoning"
    )
    assert set(TextSettings.__struct_fields__) == properties("ResponseTextParam")
    assert set(ReasoningSettings.__struct_fields__) == properties("Reasoning")


def test_every_row_says_it_for_every_target() -> None:
    assert all(set(row) == set(TARGETS) for row in TABLE.values())


_SAMPLES: dict[str, Any] = {
    "context_management": [{"type": "compaction"}],
    "conversation": "conv_1",
    "include": ["reasoning.encrypted_content"],
    "input": "hi",
    "instructions": "Be brief.",
    "max_output_tokens": 100,
    "max_tool_calls": 3,
    "metadata": {"a": "b"},
    "model": "m",
    "moderation": {"model": "omni-moderation-latest"},
    "parallel_tool_calls": False,
    "prompt": {"id": "p"},
    "prompt_cache_key": "k",
    "prompt_cache_options": {"mode": "implicit", "ttl": "5m"},
    "prompt_cache_retention": "24h",
    "reasoning": {"effort": "low"},
    "reasoning.context": "all_turns",
    "reasoning.effort": "high",
    "reasoning.generate_summary": "auto",
    "reasoning.mode": "pro",
    "reasoning.summary": "auto",
    "safety_identifier": "s",
    "service_tier": "flex",
    "store": False,
    "stream": True,
    "stream_options": {"include_obfuscation": False},
    "temperature": 0.5,
    "text": {},
    "text.format": {"type": "json_object"},
    "text.verbosity": "low",
    "tool_choice": "auto",
    "tools": [{"type": "function", "name": "f"}],
    "top_logprobs": 2,
    "top_p": 0.5,
    "truncation": "auto",
    "user": "u",
}
_DONE_BEFORE = {"background", "previous_response_id"}
"""What the gateway does itself, and takes out of the request."""


def asking(name: str, value: Any) -> bytes:
    """A request that has `value` for the property, or for the member of one."""
    outer, _, inner = name.partition(".")
    return json.dumps({"model": "m", "input": "hi", outer: {inner: value} if inner else value}).encode()


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", sorted(set(TABLE) - _DONE_BEFORE))
def test_the_codec_does_what_the_table_says(name: str, target: str) -> None:
    fate = TABLE[name][target]
    steps = ResponsesClient().decode(asking(name, _SAMPLES[name]), target)
    if not isinstance(fate, Refused):
        finish_steps(steps)
        return
    with pytest.raises(InvalidRequest) as caught:
        finish_steps(steps)
    assert caught.value.param == name
    assert TARGET_NAMES[target] in caught.value.message
    for idle in fate.idle:
        finish_steps(ResponsesClient().decode(asking(name, idle), target))


_KEPT_HERE = {"metadata", "store"}
"""Mapped by the gateway itself, which no provider sees."""
_CHANGED = {**_SAMPLES, "include": ["message.output_text.logprobs"], "input": "ho", "model": "n"}


def seen(name: str, value: Any, target: str) -> Conversation:
    """What a provider gets to see of a request that asks for this."""
    conversation = finish_steps(ResponsesClient().decode(asking(name, value), target))
    return msgspec.structs.replace(conversation, echo=None)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", sorted(set(TABLE) - _DONE_BEFORE - _KEPT_HERE - {"text"}))
def test_what_is_mapped_reaches_the_provider_and_what_is_dropped_does_not(name: str, target: str) -> None:
    fate = TABLE[name][target]
    if isinstance(fate, Refused) or (name, target) == ("include", ANTHROPIC_MESSAGES):
        return
    asked_for_nothing = seen("truncation", None, target)
    changed = seen(name, _CHANGED[name], target) != asked_for_nothing
    dropped_by_the_encoder = name in ("prompt_cache_key", "safety_identifier", "user")
    assert changed == (isinstance(fate, Mapped) or dropped_by_the_encoder)


@pytest.mark.parametrize(
    ("text", "param"),
    [
        ({"format": {"type": "json_schema", "name": "a", "schema": {"type": "object"}}}, "text.format"),
        ({"verbosity": "low"}, "text.verbosity"),
    ],
)
def test_what_a_single_provider_does_not_take_is_named_as_the_client_calls_it(text: Any, param: str) -> None:
    body = json.dumps({"model": "deepseek-chat", "input": "Hi.", "text": text}).encode()
    with pytest.raises(InvalidRequest) as caught:
        written_request(finish_steps(ResponsesClient().decode(body, OPENAI_CHAT)), DEEPSEEK)
    assert caught.value.param == param
