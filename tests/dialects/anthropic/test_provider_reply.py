"""Whole answers and error answers of this API."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.dialects.anthropic.provider_codec import AnthropicProvider
from gateway.dialects.conversation import (
    Citation,
    Finish,
    Maker,
    Native,
    Part,
    Reasoning,
    Refusal,
    Reply,
    Text,
    ToolCall,
)
from gateway.dialects.envelope import Usage
from gateway.dialects.openai_errors import ProviderMessage

SEARCH = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}}
LOCATION = {
    "type": "char_location",
    "cited_text": "So it is.",
    "document_index": 0,
    "document_title": "facts",
    "start_char_index": 3,
    "end_char_index": 12,
}
FOUND = {
    "type": "web_search_result_location",
    "cited_text": "c",
    "encrypted_index": "e",
    "title": "t",
    "url": "https://x",
}


def read(*content: Any, **members: Any) -> Reply:
    message = {"type": "message", "model": "claude-x", "content": list(content), "stop_reason": "end_turn", **members}
    return AnthropicProvider().decode(json.dumps(message).encode())


def parts(*content: Any) -> list[Part]:
    return read(*content).choices[0].parts


@pytest.mark.parametrize(
    ("block", "part"),
    [
        ({"type": "text", "text": "hi"}, Text("hi")),
        (
            {"type": "text", "text": "hi", "citations": [LOCATION, FOUND]},
            Text(
                "hi",
                (
                    Citation(title="facts", cited_text="So it is.", native=LOCATION, dialect="anthropic_messages"),
                    Citation(url="https://x", title="t", cited_text="c", native=FOUND, dialect="anthropic_messages"),
                ),
            ),
        ),
        (
            {"type": "thinking", "thinking": "hm", "signature": "s"},
            Reasoning("hm", signature="s", maker=Maker.ANTHROPIC),
        ),
        ({"type": "thinking", "thinking": "", "signature": "s"}, Reasoning(signature="s", maker=Maker.ANTHROPIC)),
        (
            {"type": "redacted_thinking", "data": "d"},
            Reasoning(signature="d", maker=Maker.ANTHROPIC, redacted=True),
        ),
        ({"type": "tool_use", "id": "t", "name": "f", "input": {"a": [1]}}, ToolCall("t", "f", '{"a": [1]}')),
        ({"type": "tool_use", "id": "t", "name": "f", "input": {}}, ToolCall("t", "f", "{}")),
        ({"type": "tool_use", "id": "t", "name": "f", "input": None}, ToolCall("t", "f", "{}")),
    ],
)
def test_blocks_are_parts(block: Any, part: Part) -> None:
    assert parts(block) == [part]


@pytest.mark.parametrize(
    "block",
    [
        SEARCH,
        {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [{"type": "web_search_result"}]},
        {"type": "compaction", "content": "so far"},
        {"type": "something_new", "text": "x"},
        {"type": "text", "text": None},
        {"no": "type"},
    ],
)
def test_what_is_not_understood_is_kept(block: Any) -> None:
    """It has been paid for, and a client of the same API may know what it is."""
    assert parts({"type": "text", "text": "a"}, block) == [Text("a"), Native("anthropic_messages", block)]


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("end_turn", Finish.STOP),
        ("stop_sequence", Finish.STOP),
        ("max_tokens", Finish.LENGTH),
        ("model_context_window_exceeded", Finish.LENGTH),
        ("tool_use", Finish.TOOL_CALLS),
        ("refusal", Finish.REFUSAL),
        ("pause_turn", Finish.PAUSE),
        ("something_new", Finish.STOP),
        (None, Finish.STOP),
    ],
)
def test_reasons_to_stop(reason: str | None, finish: Finish) -> None:
    assert read(stop_reason=reason).choices[0].finish is finish


def test_the_stop_sequence_is_named() -> None:
    assert read(stop_reason="stop_sequence", stop_sequence="END").choices[0].stop_sequence == "END"


def test_a_refusal_is_told_in_the_words_that_the_provider_has_for_it() -> None:
    details = {"type": "refusal", "category": "bio", "explanation": "Not this."}
    assert read(stop_reason="refusal", stop_details=details).choices[0].parts == [Refusal("Not this.")]
    assert read(stop_reason="refusal", stop_details={"explanation": None}).choices[0].parts == []


@pytest.mark.parametrize(
    ("counts", "usage"),
    [
        ({"input_tokens": 5, "output_tokens": 3}, Usage(5, 3)),
        (
            {"input_tokens": 5, "output_tokens": 3, "cache_read_input_tokens": 10, "cache_creation_input_tokens": 20},
            Usage(35, 3, cached=10, written=20),
        ),
        (
            {
                "input_tokens": 5,
                "output_tokens": 3,
                "cache_creation_input_tokens": 20,
                "cache_creation": {"ephemeral_5m_input_tokens": 8, "ephemeral_1h_input_tokens": 12},
            },
            Usage(25, 3, written=20, written_1h=12),
        ),
        (
            {"input_tokens": 5, "output_tokens": 30, "output_tokens_details": {"thinking_tokens": 20}},
            Usage(5, 30, reasoning=20),
        ),
        (
            {
                "input_tokens": 5,
                "output_tokens": 3,
                "iterations": [
                    {"type": "compaction", "input_tokens": 100, "cache_read_input_tokens": 7, "output_tokens": 10},
                    {"type": "advisor_message", "input_tokens": 50, "output_tokens": 5},
                    {"type": "message", "input_tokens": 5, "output_tokens": 3},
                ],
            },
            Usage(112, 13, cached=7),
        ),
        ({}, Usage()),
        ({"input_tokens": "many"}, Usage()),
    ],
)
def test_usage_adds_up(counts: Any, usage: Usage) -> None:
    """A compaction is billed beside the answer and counted nowhere else; an advisor is another model."""
    assert read(usage=counts).usage == usage


@pytest.mark.parametrize(("tier", "told"), [("standard", "default"), ("priority", "priority"), (None, None)])
def test_the_service_that_was_given(tier: str | None, told: str | None) -> None:
    assert read(usage={"service_tier": tier}).service_tier == told


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b'{"content": [', b"[]", b"{}", b'{"content": "x"}', b'{"content": ["x"]}', b"[" * 100_000],
)
def test_what_is_no_answer_is_said_to_be_none(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        AnthropicProvider().decode(body)


# Errors.


@pytest.mark.parametrize("request_id", [{"request_id": "req_1"}, {"request_id": None}, {}])
def test_an_error_is_read_with_and_without_its_request(request_id: Any) -> None:
    body = {"type": "error", "error": {"type": "authentication_error", "message": "invalid x-api-key"}, **request_id}
    said = AnthropicProvider().read_error(json.dumps(body).encode())
    assert said == ProviderMessage(message="invalid x-api-key", type="authentication_error", status=401)


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("invalid_request_error", 400),
        ("billing_error", 402),
        ("permission_error", 403),
        ("not_found_error", 404),
        ("request_too_large", 413),
        ("rate_limit_error", 429),
        ("api_error", 500),
        ("timeout_error", 504),
        ("overloaded_error", 529),
        ("something_new", None),
    ],
)
def test_each_type_of_error_has_its_status(kind: str, status: int | None) -> None:
    said = AnthropicProvider().read_error(json.dumps({"error": {"type": kind, "message": "m"}}).encode())
    assert said is not None
    assert said.status == status


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"{}", b"[]", b'{"error": "x"}', b'{"type": "message", "content": []}', b"[" * 100_000]
)
def test_what_is_no_error_object_is_none(body: bytes) -> None:
    assert AnthropicProvider().read_error(body) is None
