"""Real traffic over sockets: a local provider says again what the real one said, and every client hears it.

The official client of a dialect hears it through the gateway, the provider's own official client from the provider:
both have heard the same. What the provider is asked is what its own official types allow.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Protocol

import pytest
from anthropic import Anthropic
from google import genai
from google.genai import types as gemini
from openai import LengthFinishReasonError, OpenAI

from tests.calls.recorded import is_response, recorded_answers
from tests.calls.recorded import said as said_in
from tests.dialects.anthropic.wire_types import problems
from tests.dialects.gemini.google_types import GenerateContentRequest
from tests.shared_material import Recording, recordings
from tests.sockets.asks import Clients
from tests.sockets.heard import Answer, Heard, of_anthropic, of_chat, of_gemini, of_responses
from tests.sockets.upstream import KEYS, Asked, Script, Upstream

PIECE_BYTES = 700
SYSTEM, USER = "Be brief.", "Say again what you said."
UNREADABLE = {
    "google/langchaingo__TestGoogleAIWithOptions__0": "Google's own client has no word for its finishReason, a number",
    "openrouter/pydantic-ai__test_openrouter_web_search_annotations_stream__0": "OpenAI's helper joins no annotations",
    "openai/dd-trace-py__completion_stream_multiple_choices_exclude_usage__0": "it says nothing of its cost",
    "openai/vercel-ai__openai-reasoning-encrypted-content.1.chunks": "it is four answers",
}
"""Recordings that cannot be held against what a client has heard directly, and why."""


def is_answer(recording: Recording) -> bool:
    return recording.status == 200 and recording.name not in UNREADABLE


def is_openais_response(recording: Recording) -> bool:
    return is_response(recording) and recording.provider == "openai" and is_answer(recording)


ANTHROPIC = recordings("anthropic", api="messages", where=is_answer)
GEMINI = [
    each
    for api in ("generateContent", "streamGenerateContent")
    for each in recordings("google", "vertex", api=api, where=is_answer)
]
CHAT = recordings("openai", "azure", "deepseek", "openrouter", where=is_answer)
RESPONSES = [each for each in recorded_answers() if each.values[0] is None or is_openais_response(each.values[0])]


@pytest.fixture(scope="module")
def behind(client: OpenAI, anthropic_client: Anthropic) -> Clients:
    """Those who ask the gateway."""
    return Clients(client, anthropic_client)


@pytest.fixture(scope="module")
def direct(upstream: Upstream) -> Iterator[Clients]:
    """Those who ask the provider."""
    with (
        OpenAI(base_url=upstream.url("/openai/v1"), api_key="any") as openai,
        Anthropic(base_url=upstream.url("/anthropic"), api_key="any") as anthropic,
    ):
        yield Clients(openai, anthropic)


@pytest.fixture(scope="module")
def google(upstream: Upstream) -> Iterator[genai.Client]:
    """Google's own, which asks the provider."""
    with genai.Client(api_key="any", http_options=gemini.HttpOptions(base_url=upstream.url("/google"))) as client:
        yield client


# How each client asks; streams are gathered by its own helper.


def ask_chat(clients: Clients, model: str, stream: bool, **more: Any) -> Answer:
    messages: Any = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": USER}]
    if not stream:
        return of_chat(clients.openai.chat.completions.create(model=model, messages=messages, **more))
    usage: Any = {"include_usage": True}
    with clients.openai.chat.completions.stream(model=model, messages=messages, stream_options=usage, **more) as helper:
        try:
            return of_chat(helper.get_final_completion())
        except LengthFinishReasonError as cut:  # what the helper makes of an answer that was too long
            return of_chat(cut.completion)


def ask_responses(clients: Clients, model: str, stream: bool, **more: Any) -> Answer:
    include = ["reasoning.encrypted_content"]
    question: Any = {"model": model, "instructions": SYSTEM, "input": USER, "include": include, **more}
    if not stream:
        return of_responses(clients.openai.responses.create(**question))
    *_, last = clients.openai.responses.create(**question, stream=True)
    assert last.type in ("response.completed", "response.incomplete")
    return of_responses(last.response)


def ask_messages(clients: Clients, model: str, stream: bool, **more: Any) -> Answer:
    question: Any = {
        "model": model,
        "max_tokens": 99,
        "system": SYSTEM,
        "messages": [{"role": "user", "content": USER}],
        **more,
    }
    if not stream:
        return of_anthropic(clients.anthropic.messages.create(**question))
    with clients.anthropic.messages.stream(**question) as helper:
        return of_anthropic(helper.get_final_message())


def ask_gemini(google: genai.Client, model: str, stream: bool) -> Answer:
    if stream:
        return of_gemini(list(google.models.generate_content_stream(model=model, contents=USER)))
    return of_gemini([google.models.generate_content(model=model, contents=USER)])


class Ask(Protocol):
    def __call__(self, clients: Clients, model: str, stream: bool, **more: Any) -> Answer: ...


ASKS: dict[str, Ask] = {
    "chat": ask_chat,
    "responses": ask_responses,
    "messages": ask_messages,
}


# What the provider plays.


def plays_again(recording: Recording) -> Script:
    """What the real provider said, in pieces of no particular size."""
    fields = [(name.decode(), value.decode()) for name, value in recording.response_headers]

    def play(asked: Asked) -> None:
        if not recording.streamed:
            asked.answer(recording.status, recording.response, fields)
            return
        asked.begin_stream(fields)
        for start in range(0, len(recording.response), PIECE_BYTES):
            asked.stream(recording.response[start : start + PIECE_BYTES])
        asked.end_stream()

    return play


def is_array(recording: Recording) -> bool:
    """A stream of Gemini's without `alt=sse`."""
    return recording.meta["api"] == "streamGenerateContent" and not recording.streamed


def plays_as_events(recording: Recording) -> Script:
    """The chunks of an array, which Google's own client never asks for, as it asks for them."""

    def play(asked: Asked) -> None:
        asked.begin_stream()
        for chunk in json.loads(recording.response):
            asked.stream(b"data: %b\r\n\r\n" % json.dumps(chunk).encode())
        asked.end_stream()

    return play


# The tests.


@pytest.mark.parametrize("dialect", ASKS)
@pytest.mark.parametrize("recording", ANTHROPIC)
def test_what_claude_said_is_what_clients_hear(
    behind: Clients, direct: Clients, upstream: Upstream, recording: Recording, dialect: str
) -> None:
    model = upstream.plays(plays_again(recording), family="claude")
    said = ask_messages(direct, model, recording.streamed)
    if dialect == "responses" and said.choices[0].calls:
        said.choices[0].finish = "tool_calls"  # it has no other word for the end of an answer with calls
    assert ASKS[dialect](behind, model, recording.streamed) == said
    asked = upstream.asked(model)[-1]
    assert problems(asked.json) == []
    assert asked.path == "/anthropic/v1/messages"
    assert asked.fields["x-api-key"] == KEYS["ANTHROPIC_API_KEY"]
    assert asked.fields["anthropic-version"] == "2023-06-01"
    assert "authorization" not in asked.fields


@pytest.mark.parametrize("dialect", ASKS)
@pytest.mark.parametrize("recording", GEMINI)
def test_what_gemini_said_is_what_clients_hear(
    behind: Clients, google: genai.Client, upstream: Upstream, recording: Recording, dialect: str
) -> None:
    model = upstream.plays(plays_again(recording), family="gemini")
    streams = recording.meta["api"] == "streamGenerateContent"
    spoken = upstream.plays(plays_as_events(recording), family="gemini") if is_array(recording) else model
    said = ask_gemini(google, spoken, streams)
    if len(said.choices) == 1:
        heard = ASKS[dialect](behind, model, streams)
    elif dialect == "chat":
        heard = ask_chat(behind, model, streams, n=len(said.choices))
    else:
        return  # nobody else can ask for several
    for choice in heard.choices:
        choice.proofs = [in_one_alphabet(proof) for proof in choice.proofs]
    assert heard == said
    asked = upstream.asked(model)[-1]
    GenerateContentRequest.model_validate_json(asked.body)
    method = "streamGenerateContent?alt=sse" if streams else "generateContent"
    assert asked.path == f"/google/v1beta/models/{model}:{method}"
    assert asked.fields["x-goog-api-key"] == KEYS["GEMINI_API_KEY"]
    assert "authorization" not in asked.fields


@pytest.mark.parametrize("recording", CHAT)
def test_what_is_said_in_chat_is_what_clients_of_messages_hear(
    behind: Clients, direct: Clients, upstream: Upstream, recording: Recording
) -> None:
    """And those of Responses, where a provider has nothing else for them, as DeepSeek and Azure have not here."""
    model = upstream.plays(plays_again(recording), family="vendor/model")
    said = ask_chat(direct, model, recording.streamed)
    (choice, *_) = said.choices  # nobody but a client of chat can ask for several
    if recording.provider in ("azure", "deepseek"):
        heard = ask_responses(behind, f"{recording.provider}/{model}", recording.streamed)
        assert heard == replace(said, choices=[choice])
    heard = ask_messages(behind, f"{recording.provider}/{model}", recording.streamed)
    assert heard == replace(said, choices=[without_refusal(choice)])


@pytest.mark.parametrize("recording", RESPONSES)
def test_what_openais_thinking_models_say_is_what_clients_of_messages_hear(
    behind: Clients, direct: Clients, upstream: Upstream, recording: Recording
) -> None:
    """They are asked in Responses; a stream's last event has reasoning that is encrypted anew."""
    model = upstream.plays(plays_again(recording), family="gpt-5")
    answer = ask_responses(direct, model, recording.streamed)
    (choice,) = answer.choices
    choice.proofs = list(said_in(recording).proofs)
    heard = ask_messages(behind, model, recording.streamed)
    heard.choices[0].proofs.sort()
    assert heard == replace(answer, choices=[without_refusal(choice)])
    assert upstream.asked(model)[-1].path == "/openai/v1/responses"


def without_refusal(choice: Heard) -> Heard:
    """In Messages what a model says in place of an answer is text."""
    if not choice.refusal:
        return choice
    return replace(choice, text=choice.text + choice.refusal, refusal="", finish="content_filter")


def in_one_alphabet(proof: str) -> str:
    """Base64 of either alphabet, as it is once Google's own client has read it."""
    return base64.b64encode(base64.urlsafe_b64decode(proof.replace("+", "-").replace("/", "_"))).decode()
