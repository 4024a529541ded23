"""The table of what becomes of a chat request's properties, against OpenAI's specification and the codec itself."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from gateway.dialects.chat.client import ChatClient
from gateway.dialects.chat.fidelity import TABLE
from gateway.dialects.chat.request_shapes import ChatRequest
from gateway.dialects.codec import ProviderCodec, finish_steps
from gateway.dialects.fidelity import OPENAI_CHAT, OPENAI_RESPONSES, TARGET_NAMES, Mapped, Refused
from gateway.errors import InvalidRequest
from tests.dialects.chat.wire import read_request
from tests.shared_material import openapi

FUNCTION = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
SAMPLES: dict[str, Any] = {
    "audio": {"voice": "alloy", "format": "mp3"},
    "frequency_penalty": 0.5,
    "function_call": {"name": "f"},
    "functions": [FUNCTION["function"]],
    "include_reasoning": True,
    "logit_bias": {"50256": -100},
    "logprobs": True,
    "max_completion_tokens": 2000,
    "max_tokens": 2000,
    "messages": [{"role": "user", "content": "another question"}],
    "metadata": {"team": "a"},
    "modalities": ["text", "audio"],
    "model": "another",
    "moderation": {"model": "omni-moderation-latest"},
    "n": 2,
    "parallel_tool_calls": False,
    "prediction": {"type": "content", "content": "x"},
    "presence_penalty": 0.5,
    "prompt_cache_key": "k",
    "prompt_cache_options": {"mode": "explicit"},
    "prompt_cache_retention": "24h",
    "reasoning": {"effort": "high"},
    "reasoning_effort": "high",
    "response_format": {
        "type": "json_schema",
        "json_schema": {"name": "x", "schema": {"type": "object", "properties": {}, "additionalProperties": False}},
    },
    "safety_identifier": "someone",
    "seed": 5,
    "service_tier": "priority",
    "stop": ["END"],
    "store": True,
    "stream": True,
    "stream_options": {"include_usage": True},
    "temperature": 0.5,
    "thinking": {"type": "enabled", "budget_tokens": 2000},
    "tool_choice": "required",
    "tools": [FUNCTION],
    "top_k": 5,
    "top_logprobs": 2,
    "top_p": 0.5,
    "usage": {"include": True},
    "user": "someone",
    "verbosity": "high",
    "web_search_options": {},
}
"""A value that asks for something, for every property."""
COMPANIONS: dict[str, dict[str, Any]] = {
    "function_call": {"functions": SAMPLES["functions"]},
    "parallel_tool_calls": {"tools": SAMPLES["tools"]},
    "stream_options": {"stream": True},
    "tool_choice": {"tools": SAMPLES["tools"]},
    "thinking": {"max_tokens": 8000},
    "top_logprobs": {"logprobs": True},
}
"""What a property needs beside it to make sense."""
TARGETS = [target for target in TARGET_NAMES if target != OPENAI_RESPONSES]
"""Whoever has OpenAI's Responses has its chat completions too."""
FOREIGN = [target for target in TARGETS if target != OPENAI_CHAT]
ROWS = [(name, target) for name in SAMPLES for target in FOREIGN]
HEARD_BY_THE_CLIENT = {"stream_options", "include_reasoning"}
"""Mapped in what the client is sent, not in what the provider is asked."""
MODELS = {"anthropic_messages": "claude-sonnet-4-5", "gemini": "gemini-2.5-flash"}


def properties_of(schema: dict[str, Any]) -> set[str]:
    if "$ref" in schema:
        return properties_of(openapi()["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    return set(schema.get("properties", {})).union(*(properties_of(each) for each in schema.get("allOf", [])))


def test_every_property_of_the_specification_has_a_row() -> None:
    assert properties_of({"$ref": "#/components/schemas/CreateChatCompletionRequest"}) <= set(TABLE)


def test_every_member_that_is_read_has_a_row_and_a_sample_and_no_row_is_idle() -> None:
    read = {field.name for field in msgspec.structs.fields(ChatRequest)}
    assert read == {name for name in TABLE if "[]" not in name} == set(SAMPLES)


@pytest.mark.parametrize("name", TABLE)
def test_every_row_knows_every_target_and_chat_itself_loses_nothing(name: str) -> None:
    assert set(TABLE[name]) == set(TARGETS)
    assert isinstance(TABLE[name][OPENAI_CHAT], Mapped)


@pytest.mark.parametrize(("name", "target"), ROWS)
def test_what_is_refused_is_refused_by_name_and_the_rest_is_read(name: str, target: str) -> None:
    fate = TABLE[name][target]
    members = {**COMPANIONS.get(name, {}), name: SAMPLES[name]}
    if isinstance(fate, Refused):
        with pytest.raises(InvalidRequest) as caught:
            read_request({name: SAMPLES[name]}, target)
        assert caught.value.param == name
        assert TARGET_NAMES[target] in caught.value.message
        for idle in fate.idle:
            read_request({name: idle}, target)
    elif name != "top_logprobs" or not isinstance(TABLE["logprobs"][target], Refused):
        read_request(members, target)


NESTED: dict[str, dict[str, Any]] = {
    "messages[].audio": {"messages": [{"role": "assistant", "audio": {"id": "a"}}]},
    "messages[].content[].input_audio": {
        "messages": [
            {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}]}
        ]
    },
    "messages[].images": {"messages": [{"role": "assistant", "images": [{"image_url": {"url": "https://x/y"}}]}]},
    "messages[].tool_calls[].custom": {
        "messages": [{"role": "assistant", "tool_calls": [{"id": "c", "type": "custom", "custom": {}}]}]
    },
    "tools[].custom": {"tools": [{"type": "custom", "custom": {"name": "f"}}]},
}


def test_every_refusal_within_a_property_has_a_story() -> None:
    rows = [name for name, row in TABLE.items() if "[]" in name and any(isinstance(f, Refused) for f in row.values())]
    assert sorted(rows) == sorted(NESTED)


@pytest.mark.parametrize(("name", "target"), [(name, target) for name in NESTED for target in FOREIGN])
def test_what_is_refused_within_a_property_is_named_by_its_place(name: str, target: str) -> None:
    if not isinstance(TABLE[name][target], Refused):
        read_request(NESTED[name], target)
        return
    with pytest.raises(InvalidRequest) as caught:
        read_request(NESTED[name], target)
    assert caught.value.param is not None
    assert caught.value.param.replace("[0]", "[]").startswith(name)


def provider_of(target: str) -> ProviderCodec:
    if target == "gemini":
        codec = pytest.importorskip("gateway.dialects.gemini.codec")
        return codec.GeminiProvider()  # type: ignore[no-any-return]
    codec = pytest.importorskip("gateway.dialects.anthropic.provider_codec")
    return codec.AnthropicProvider()  # type: ignore[no-any-return]


def sent(members: dict[str, Any], target: str) -> bytes:
    """What the target is sent, its path included, for the streaming flag and the model may stand there."""
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}], **members}).encode()
    request = finish_steps(ChatClient().decode(body, target))
    provider, model = provider_of(target), MODELS[target] if request.model == "m" else request.model
    return provider.path(model, stream=request.stream) + finish_steps(provider.encode(request, model))


@pytest.mark.parametrize(("name", "target"), ROWS)
def test_what_is_mapped_changes_what_the_target_is_sent(name: str, target: str) -> None:
    fate = TABLE[name][target]
    if isinstance(fate, Refused) or name in HEARD_BY_THE_CLIENT:
        return
    companions = COMPANIONS.get(name, {})
    changed = sent(companions, target) != sent({**companions, name: SAMPLES[name]}, target)
    assert changed is isinstance(fate, Mapped)
