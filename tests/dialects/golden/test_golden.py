"""Each idea that an API can express, in every client's words and every provider's: the cases beside this file."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest
from openai.types.chat import completion_create_params
from openai.types.responses import response_create_params
from pydantic import TypeAdapter

from gateway.dialects.codec import finish_steps
from gateway.dialects.embeddings import gemini
from gateway.dialects.embeddings.request import decode_request as decode_embeddings
from gateway.dialects.messages.errors import error_body as messages_error
from gateway.dialects.openai_errors import error_body as openai_error
from gateway.errors import InvalidRequest
from gateway.providers.directory import profile_of
from gateway.providers.verdict import upstream_error
from tests.dialects.anthropic import wire_types
from tests.dialects.gemini.google_types import GenerateContentRequest
from tests.dialects.golden.cases import (
    CHATS,
    CLIENTS,
    FRAME,
    PROVIDERS,
    Answer,
    Embeddings,
    Error,
    Request,
    Stream,
    answers,
    embeddings,
    errors,
    question,
    requests,
    streams,
)

REQUESTS = [pytest.param(each, id=each.name) for each in requests()]
ANSWERS = [pytest.param(each, id=each.name) for each in answers()]
STREAMS = [pytest.param(each, id=each.name) for each in streams()]
ERRORS = [pytest.param(each, id=each.name) for each in errors()]
EMBEDDINGS = [pytest.param(each, id=each.name) for each in embeddings()]
PROFILES = {
    "openai_chat": profile_of("openai", "openai", "https://provider.test"),
    "openai_responses": profile_of("openai", "openai", "https://provider.test"),
    "deepseek_chat": profile_of("openai", "deepseek", "https://provider.test"),
    "openrouter_chat": profile_of("openai", "openrouter", "https://provider.test"),
    "anthropic_messages": profile_of("anthropic", "anthropic", "https://provider.test"),
    "gemini": profile_of("gemini", "google", "https://provider.test"),
}
EXTENSIONS = {"thinking", "reasoning", "top_k"}
"""Members that DeepSeek and OpenRouter have beyond OpenAI's types."""


def sent(case: Request) -> dict[str, Any]:
    conversation = finish_steps(CLIENTS[case.client].decode(json.dumps(case.asked).encode(), case.target))
    body: dict[str, Any] = json.loads(finish_steps(PROVIDERS[case.target].encode(conversation, case.model)))
    return body


@pytest.mark.parametrize("case", [each for each in REQUESTS if each.values[0].sent is not None])
def test_what_a_client_asks_is_what_the_provider_is_sent(case: Request) -> None:
    body = sent(case)
    if case.target != "gemini":  # whose model stands in the path
        assert body.pop("model") == case.model
    assert body == case.sent


@pytest.mark.parametrize("case", [each for each in REQUESTS if each.values[0].refused is not None])
def test_what_cannot_be_said_is_refused_by_name(case: Request) -> None:
    with pytest.raises(InvalidRequest) as caught:
        sent(case)
    assert caught.value.param == case.refused


@cache
def official(kind: Any) -> TypeAdapter[Any]:
    """Made once: that takes longer than to hold a hundred bodies against it."""
    return TypeAdapter(kind)


@pytest.mark.parametrize("case", [each for each in REQUESTS if each.values[0].sent is not None])
def test_what_the_cases_expect_is_valid_by_the_official_types(case: Request) -> None:
    body = json.loads(json.dumps(case.sent))
    if case.target in CHATS:
        body = {name: value for name, value in body.items() if name not in EXTENSIONS}
        kind = completion_create_params.CompletionCreateParamsNonStreaming
        official(kind).validate_python({**body, "model": case.model, "stream": False})
    elif case.target == "openai_responses":
        kind = response_create_params.ResponseCreateParamsNonStreaming
        official(kind).validate_python({**body, "model": case.model, "stream": False})
    elif case.target == "anthropic_messages":
        assert wire_types.problems({**body, "model": case.model}) == []
    else:
        GenerateContentRequest.model_validate(body)


@pytest.mark.parametrize("case", ANSWERS)
def test_what_a_provider_says_is_what_the_client_hears(case: Answer) -> None:
    conversation = finish_steps(CLIENTS[case.client].decode(json.dumps(case.asked).encode(), case.target))
    reply = PROVIDERS[case.target].decode(json.dumps(case.said).encode())
    heard = json.loads(CLIENTS[case.client].encode(reply, conversation, FRAME))
    assert seen_as(case.heard, heard) == case.heard


@pytest.mark.parametrize("case", STREAMS)
def test_what_a_provider_says_piece_by_piece_is_what_the_client_hears(case: Stream) -> None:
    """In one read, and byte by byte."""
    more = {"stream": True, **({"stream_options": {"include_usage": True}} if case.client == "openai_chat" else {})}
    asked = json.dumps(question(case.client, more)).encode()
    raw = framed(case)
    for size in (len(raw), 1):
        conversation = finish_steps(CLIENTS[case.client].decode(asked, case.target))
        decoder, encoder = PROVIDERS[case.target].stream(), CLIENTS[case.client].stream(conversation, FRAME)
        told = [encoder.encode(decoder.feed(raw[at : at + size])) for at in range(0, len(raw), size)]
        told += [encoder.encode(decoder.end()), encoder.end()]
        heard = data_of(b"".join(told))
        assert seen_as(case.heard, heard) == case.heard


def framed(case: Stream) -> bytes:
    """The events as they stand on the provider's wire."""
    if case.target in ("anthropic_messages", "openai_responses"):
        return b"".join(b"event: %b\ndata: %b\n\n" % (each["type"].encode(), dumped(each)) for each in case.said)
    if case.target == "gemini":
        return b"".join(b"data: %b\r\n\r\n" % dumped(each) for each in case.said)
    lines = [each.encode() if isinstance(each, str) else b"data: " + dumped(each) for each in case.said]
    return b"\n\n".join([*lines, b"data: [DONE]", b""])


def dumped(event: Any) -> bytes:
    return json.dumps(event).encode()


def data_of(stream: bytes) -> list[Any]:
    """The data of a stream's events; what is no JSON is a text."""
    data = [line.removeprefix("data: ") for line in stream.decode().splitlines() if line.startswith("data: ")]
    return [json.loads(each) if each.startswith("{") else each for each in data]


@pytest.mark.parametrize("case", ERRORS)
def test_what_goes_wrong_is_told_in_the_clients_words(case: Error) -> None:
    compose = messages_error if case.client == "anthropic_messages" else openai_error
    body, headers = case.said["body"], case.said.get("headers", {})
    failure = upstream_error(
        PROFILES[case.target],
        case.said["status"],
        [(name.encode(), value.encode()) for name, value in headers.items()],
        body.encode() if isinstance(body, str) else dumped(body),
        0.0,
        compose=compose,
        translated=True,
    )
    heard = {"status": failure.status, "retry_after": failure.retry_after, "body": json.loads(failure.body)}
    assert seen_as(case.heard, heard) == case.heard
    assert "10.0.0.7" not in str(heard)


@pytest.mark.parametrize("case", EMBEDDINGS)
def test_embeddings_are_asked_for_and_told(case: Embeddings) -> None:
    model = "gemini-embedding-001"
    asked = dumped(case.asked)
    request = decode_embeddings(asked)
    if case.refused is not None:
        with pytest.raises(InvalidRequest) as caught:
            gemini.encode_request(asked, request, model)
        assert caught.value.param == case.refused
        return
    assert json.loads(gemini.encode_request(asked, request, model)) == case.sent
    answer = finish_steps(gemini.decode_answer(dumped(case.said), request, model))
    assert seen_as(case.heard, json.loads(answer.body)) == case.heard


def seen_as(expected: Any, actual: Any) -> Any:
    """What is there of what is expected: other members are left out, an absent one is null."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        return {name: seen_as(value, actual.get(name)) for name, value in expected.items()}
    if isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        return [seen_as(one, other) for one, other in zip(expected, actual, strict=True)]
    return actual
