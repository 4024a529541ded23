"""An error in place of a stream, or in it: heard by every client from every provider, whatever it is labelled as."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest

from gateway.errors import UpstreamBroken, UpstreamError
from gateway.face.chat import ChatCompletions
from gateway.face.client_dialect import ClientDialect
from gateway.face.messages import Messages
from gateway.face.response_calls import ResponsesDialect
from tests.calls.asking import Told, ask, http_calls, upstream

WORDS = "Overloaded, come again."
CLIENTS: dict[str, tuple[ClientDialect, dict[str, Any]]] = {
    "chat": (ChatCompletions(), {"messages": [{"role": "user", "content": "hi"}]}),
    "responses": (ResponsesDialect(), {"input": "hi"}),
    "messages": (Messages(), {"max_tokens": 100, "messages": [{"role": "user", "content": "hi"}]}),
}
PROVIDERS = {
    "openai": "gpt-4.1",
    "openai, reasoning": "gpt-5.1",
    "azure": "gpt-4.1",
    "deepseek": "deepseek-chat",
    "openrouter": "x/y",
    "anthropic": "claude",
    "google": "gemini",
}
LABELS = ("text/event-stream", "application/json", "application/octet-stream")
CLEAN_ENDS = (b"[DONE]", b"message_stop", b"response.completed")


class Speech(NamedTuple):
    """What a stream of one dialect begins with, and the dialect's error, as events' data."""

    begun: tuple[dict[str, Any], ...]
    error: dict[str, Any]
    event: dict[str, Any] | None = None
    """The error as an event, where it has another form."""


ERROR = {"message": WORDS, "type": "server_error", "code": 503, "param": None}
SPEECHES = {
    "chat": Speech(
        ({"id": "c", "model": "m", "choices": [{"index": 0, "delta": {"role": "assistant", "content": "Sal"}}]},),
        {"error": ERROR},
    ),
    "responses": Speech(
        (
            {"type": "response.created", "response": {"id": "r", "model": "m", "status": "in_progress", "output": []}},
            {"type": "response.output_item.added", "output_index": 0, "item": {"type": "message", "id": "i"}},
            {
                "type": "response.content_part.added",
                "output_index": 0,
                "content_index": 0,
                "part": {"type": "output_text", "text": ""},
            },
            {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "Sal"},
        ),
        {"error": ERROR},
        {"type": "error", "code": "server_error", "message": WORDS, "param": None},
    ),
    "anthropic": Speech(
        (
            {"type": "message_start", "message": {"model": "m", "usage": {"input_tokens": 3, "output_tokens": 1}}},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Sal"}},
        ),
        {"type": "error", "error": {"type": "overloaded_error", "message": WORDS}},
    ),
    "google": Speech(
        ({"candidates": [{"content": {"parts": [{"text": "Sal"}]}}], "modelVersion": "m"},),
        {"error": {"code": 503, "message": WORDS, "status": "UNAVAILABLE"}},
    ),
}
everywhere = pytest.mark.parametrize(("client", "provider"), [(one, other) for one in CLIENTS for other in PROVIDERS])
labelled = pytest.mark.parametrize("label", LABELS)


def speech_of(client: str, provider: str) -> Speech:
    """In the dialect in which the provider is asked for this client."""
    if provider in SPEECHES:
        return SPEECHES[provider]
    over_responses = client == "responses" and provider.startswith("open")
    if over_responses or (client == "messages" and provider == "openai, reasoning"):
        return SPEECHES["responses"]
    return SPEECHES["chat"]


async def hear(client: str, provider: str, answer: bytes, *, label: str, status: int = 200) -> Told:
    """The answer to a request for a stream."""
    dialect, question = CLIENTS[client]
    body = json.dumps({"model": PROVIDERS[provider], "stream": True, **question}).encode()
    calls = http_calls(upstream(answer, status=status, content_type=label), provider.partition(",")[0])
    return await ask(calls, body, dialect=dialect)


def events(*documents: dict[str, Any]) -> bytes:
    return b"".join(
        f"event: {each.get('type', 'message')}\ndata: {json.dumps(each)}\n\n".encode() for each in documents
    )


def assert_said(told: Told, client: str) -> None:
    """The provider's words, as an error answer of the client's own dialect."""
    assert isinstance(told.failure, UpstreamError)
    assert (told.failure.message, told.failure.status >= 500) == (WORDS, True)
    assert told.failure.retryable
    document = json.loads(told.failure.body)
    assert document["error"]["message"] == WORDS
    assert (document.get("type") == "error") is (client == "messages")
    assert (told.attempt.content_at, told.body) == (None, b"")


@labelled
@pytest.mark.parametrize("status", [503, 200])
@everywhere
async def test_plain_json_in_place_of_a_stream_is_an_error_under_any_label(
    client: str, provider: str, status: int, label: str
) -> None:
    error = json.dumps(speech_of(client, provider).error).encode()
    assert_said(await hear(client, provider, error, label=label, status=status), client)


@labelled
@pytest.mark.parametrize("status", [503, 200])
@pytest.mark.parametrize("client", CLIENTS)
async def test_so_is_an_array_of_geminis(client: str, status: int, label: str) -> None:
    error = json.dumps([SPEECHES["google"].error]).encode()
    assert_said(await hear(client, "google", error, label=label, status=status), client)


@pytest.mark.parametrize("label", ["text/event-stream", "application/octet-stream"])
@everywhere
async def test_an_error_as_the_first_event_is_an_error_answer(client: str, provider: str, label: str) -> None:
    speech = speech_of(client, provider)
    assert_said(await hear(client, provider, events(speech.event or speech.error), label=label), client)


@everywhere
async def test_an_error_amid_an_answer_breaks_it_with_the_providers_words(client: str, provider: str) -> None:
    speech = speech_of(client, provider)
    answer = events(*speech.begun, speech.event or speech.error)
    told = await hear(client, provider, answer, label="text/event-stream")
    assert isinstance(told.failure, UpstreamBroken)
    assert told.failure.message == WORDS
    assert b"Sal" in told.body
    assert not any(end in told.body for end in CLEAN_ENDS)
