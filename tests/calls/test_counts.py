"""How long a prompt is, asked of those who count: each client's question in each provider's words."""

from __future__ import annotations

import json
from typing import Any

import pytest
from anthropic.types import MessageTokensCount
from google.genai import types as gemini_types
from openai.types.responses.input_token_count_response import InputTokenCountResponse
from pydantic import TypeAdapter

from gateway.errors import UpstreamBroken, UpstreamError
from gateway.face.client_dialect import ClientDialect
from gateway.face.token_counts import InputTokens, TokenCounts
from tests.calls.asking import Told, ask, http_calls, upstream

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
IN_MESSAGES = {
    "system": "Be brief.",
    "messages": [{"role": "user", "content": "Rome?"}],
    "tools": [{"name": "look", "input_schema": SCHEMA}],
    "thinking": {"type": "enabled", "budget_tokens": 2048},
}
IN_RESPONSES = {
    "instructions": "Be brief.",
    "input": "Rome?",
    "tools": [{"type": "function", "name": "look", "parameters": SCHEMA, "strict": False}],
    "reasoning": {"effort": "low"},
    "max_output_tokens": 4000,
    "text": {"format": {"type": "text"}},
}
ASKED: dict[str, tuple[ClientDialect, dict[str, Any]]] = {
    "messages": (TokenCounts(), IN_MESSAGES),
    "responses": (InputTokens(), IN_RESPONSES),
}
ANSWERS = {
    "anthropic": b'{"input_tokens":14}',
    "google": b'{"totalTokens":14,"promptTokensDetails":[{"modality":"TEXT","tokenCount":14}]}',
    "openai": b'{"object":"response.input_tokens","input_tokens":14}',
}
PATHS = {
    "anthropic": b"/v1/messages/count_tokens",
    "google": b"/v1beta/models/m:countTokens",
    "openai": b"/v1/responses/input_tokens",
}
ANSWER_TYPES: dict[str, Any] = {"messages": MessageTokensCount, "responses": InputTokenCountResponse}


async def count(dialect: str, provider: str, answer: bytes, *, status: int = 200) -> tuple[Told, Any, Any]:
    """What came of it, where it was asked, and what was sent."""
    asks, question = ASKED[dialect]
    client = upstream(answer, status=status, content_type="application/json")
    told = await ask(http_calls(client, provider), json.dumps({"model": "m", **question}).encode(), dialect=asks)
    return told, client.target, json.loads(client.body)


@pytest.mark.parametrize("provider", ANSWERS)
@pytest.mark.parametrize("dialect", ASKED)
async def test_who_counts_is_asked_and_the_client_hears_it_in_its_own_words(dialect: str, provider: str) -> None:
    told, target, _ = await count(dialect, provider, ANSWERS[provider])
    assert (told.failure, target) == (None, PATHS[provider])
    assert told.head is not None
    document = json.loads(told.head.body)
    assert document["input_tokens"] == 14
    TypeAdapter(ANSWER_TYPES[dialect]).validate_json(told.head.body, strict=True)
    assert ("object" in document) is (dialect == "responses")


@pytest.mark.parametrize("dialect", ASKED)
async def test_gemini_gets_the_whole_request_without_what_shapes_an_answer(dialect: str) -> None:
    _, _, sent = await count(dialect, "google", ANSWERS["google"])
    assert sent.keys() == {"generateContentRequest"}
    request = sent["generateContentRequest"]
    assert request.keys() == {"model", "contents", "systemInstruction", "tools"}
    assert request["model"] == "models/m"
    gemini_types.Content.model_validate(request["contents"][0])
    assert request["systemInstruction"]["parts"] == [{"text": "Be brief."}]


async def test_openai_gets_a_question_of_messages_as_an_input() -> None:
    _, _, sent = await count("messages", "openai", ANSWERS["openai"])
    assert sent.keys() == {"model", "input", "tools", "reasoning"}


async def test_openais_own_question_travels_as_the_client_wrote_it() -> None:
    _, _, sent = await count("responses", "openai", ANSWERS["openai"])
    assert sent == {"model": "m", **IN_RESPONSES}


async def test_anthropic_gets_no_bound_for_an_answer_that_will_not_be() -> None:
    _, _, sent = await count("responses", "anthropic", ANSWERS["anthropic"])
    assert sent.keys() <= {"model", "system", "messages", "tools", "thinking", "output_config"}
    assert sent.keys() >= {"model", "system", "messages", "tools"}


@pytest.mark.parametrize("provider", ANSWERS)
@pytest.mark.parametrize("dialect", ASKED)
@pytest.mark.parametrize("answer", [b"<html>", b"{}", b"[]", b'{"input_tokens":"x","totalTokens":null}', b"[" * 9999])
async def test_what_is_no_count_breaks_the_call(dialect: str, provider: str, answer: bytes) -> None:
    told, _, _ = await count(dialect, provider, answer)
    assert isinstance(told.failure, UpstreamBroken)


@pytest.mark.parametrize("provider", ANSWERS)
@pytest.mark.parametrize("dialect", ASKED)
async def test_an_error_is_said_in_the_clients_words(dialect: str, provider: str) -> None:
    error = b'{"type":"error","error":{"type":"invalid_request_error","message":"Too odd.","code":400}}'
    told, _, _ = await count(dialect, provider, error, status=400)
    assert isinstance(told.failure, UpstreamError)
    said = json.loads(told.failure.body)
    assert (told.failure.status, said["error"]["message"]) == (400, "Too odd.")
    if dialect == "messages":
        assert said["type"] == "error"
