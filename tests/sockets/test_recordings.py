"""Real traffic over sockets: a local provider says again what the real one said, and the gateway lets it through.

What goes up is the recorded request and what comes back is the recording, but for what is documented: usage is asked
for in streams and hidden again, OpenRouter's models have its name before theirs, comments ahead of the content are
dropped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import openai
import pytest
from openai import OpenAI, Stream
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from tests.shared_material import Recording, recordings
from tests.sockets import scripts
from tests.sockets.processes import GatewayProcess
from tests.sockets.upstream import Asked, Script, Upstream

PROVIDERS = ("openai", "azure", "deepseek", "openrouter")
PIECE_BYTES = 1000
OWN_PREFIXES = {"openai": ("gpt-", "o3-", "o4-"), "deepseek": ("deepseek-",)}
"""How the models begin that find their provider without its name before theirs."""
RENAMED = {"x-request-id": "x-upstream-request-id"}
NOT_FOR_CLIENTS = {"content-encoding", "transfer-encoding", "content-length", "content-type"}
UNTYPED = {"azure/fantasy__TestAzureThinking.azure-gpt-5-mini.thinking-streaming__1"}
"""Answers in which something is not of the type that the official client has for it: here, `object` is empty."""

_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class Replay:
    """One recording as the provider plays it and as a client asks for it."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.request = recording.request if recording.has_request else _made_up(recording)
        self.question = json.loads(self.request)
        self.model: str = self.question["model"]
        options = self.question.get("stream_options") or {}
        self.usage_is_hidden = (
            recording.streamed and recording.provider != "openrouter" and not options.get("include_usage")
        )

    @property
    def asked_for(self) -> str:
        """What a client calls the model."""
        provider = self.recording.provider
        known = self.model.startswith(OWN_PREFIXES.get(provider, ()))
        return self.model if known else f"{provider}/{self.model}"

    @property
    def body(self) -> bytes:
        """The recorded request, for this gateway."""
        name = json.dumps(self.model).encode()
        assert self.request.count(name) == 1, "the model's name stands elsewhere too"
        return self.request.replace(name, json.dumps(self.asked_for).encode())

    def script(self) -> Script:
        fields = [(name.decode(), value.decode()) for name, value in self.recording.response_headers]

        def play(asked: Asked) -> None:
            if not self.recording.streamed:
                asked.answer(self.recording.status, self.recording.response, fields)
                return
            asked.begin_stream(fields)
            said = _with_usage(self.recording.response) if self.usage_is_hidden else self.recording.response
            for start in range(0, len(said), PIECE_BYTES):
                asked.stream(said[start : start + PIECE_BYTES])
            asked.end_stream()

        return play

    def assert_went_up(self, asked: Asked) -> None:
        """Every member byte for byte, but for the one that asks for usage."""
        assert asked.path.endswith("/chat/completions")
        recorded, sent = _members(self.request), _members(asked.body)
        if self.usage_is_hidden:
            options = self.question.get("stream_options") or {}
            assert json.loads(bytes(sent.pop("stream_options"))) == {**options, "include_usage": True}
            recorded.pop("stream_options", None)
        assert {name: bytes(raw) for name, raw in sent.items()} == {name: bytes(raw) for name, raw in recorded.items()}

    def assert_came_down(self, answer: httpx.Response) -> None:
        assert answer.status_code == self.recording.status
        if self.recording.streamed:
            assert _events(answer.content) == list(self.expected_events())
        else:
            assert answer.content == self.recording.response
        for name, value in self.recording.meta["headers"].items():
            if name not in NOT_FOR_CLIENTS:
                assert answer.headers[RENAMED.get(name, name)] == value

    def expected_events(self) -> Iterator[str]:
        """The recorded ones, but for comments ahead of the first content and usage that nobody asked for."""
        begun = False
        for event in _events(self.recording.response):
            begun = begun or _has_content(event)
            if not begun and event.startswith(":"):
                continue
            if self.usage_is_hidden and '"usage"' in event:
                event = _without_usage(event)
            if event:
                yield event


@pytest.fixture
def replay(recording: Recording, upstream: Upstream) -> Replay:
    replay = Replay(recording)
    upstream.plays(replay.script(), model=replay.model)
    return replay


@pytest.fixture(scope="module")
def strict(gateway: GatewayProcess) -> Iterator[OpenAI]:
    """The official client in the mood in which it checks every type."""
    with OpenAI(base_url=f"{gateway.url}/v1", api_key="any", max_retries=0, _strict_response_validation=True) as client:
        yield client


@pytest.fixture(scope="module")
def plain(gateway: GatewayProcess) -> Iterator[httpx.Client]:
    """One for all: to make it takes longer than to ask."""
    with httpx.Client(base_url=gateway.url, headers={"content-type": "application/json"}, timeout=20) as client:
        yield client


@pytest.mark.parametrize("recording", recordings(*PROVIDERS))
def test_a_recorded_exchange_passes_unchanged(plain: httpx.Client, upstream: Upstream, replay: Replay) -> None:
    answer = plain.post("/v1/chat/completions", content=replay.body)
    replay.assert_came_down(answer)
    asked = upstream.asked(replay.model)
    assert len(asked) == int(answer.headers["x-gateway-attempts"])
    for attempt in asked:
        replay.assert_went_up(attempt)
    assert answer.headers["x-gateway-provider"] == replay.recording.provider


@pytest.mark.parametrize("recording", recordings(*PROVIDERS, where=lambda each: each.status == 200))
def test_the_official_client_reads_a_recorded_answer(client: OpenAI, strict: OpenAI, replay: Replay) -> None:
    """As it comes it reads all of them; where it checks types it refuses those that are not OpenAI's to the letter."""
    said = ask(client, replay)
    assert said == [json.loads(text) for text in _texts(replay)]
    if replay.recording.name in UNTYPED:
        with pytest.raises(openai.APIResponseValidationError, match="invalid for expected schema"):
            ask(strict, replay)
    else:
        ask(strict, replay)


@pytest.mark.parametrize("recording", recordings(*PROVIDERS, where=lambda each: each.status != 200))
def test_the_official_client_reads_a_recorded_error(client: OpenAI, replay: Replay) -> None:
    hurried = client.with_options(max_retries=0, default_headers={"X-Gateway-Timeout": "0.4"})
    with pytest.raises(openai.APIStatusError) as told:
        ask(hurried, replay)
    assert told.value.status_code == replay.recording.status
    assert told.value.body == json.loads(replay.recording.response)["error"]


def ask(client: OpenAI, replay: Replay) -> list[Any]:
    """What the client makes of the answer, as it would be written again: whole, or its events."""
    body = {**replay.question, "model": replay.asked_for}
    if not replay.recording.streamed:
        whole = client.post("/chat/completions", cast_to=ChatCompletion, body=body)
        return [whole.to_dict(mode="json")]
    stream = client.post(
        "/chat/completions",
        cast_to=ChatCompletionChunk,
        body=body,
        stream=True,
        stream_cls=Stream[ChatCompletionChunk],
    )
    return [chunk.to_dict(mode="json") for chunk in stream]


def _texts(replay: Replay) -> Iterator[str]:
    if not replay.recording.streamed:
        yield replay.recording.response.decode()
        return
    for event in replay.expected_events():
        if event.startswith("data: {"):
            yield event.removeprefix("data: ")


def _made_up(recording: Recording) -> bytes:
    """A request for a recording that has none."""
    model = recording.meta["model"] or "gpt-unrecorded"
    question = {"model": model, "messages": [{"role": "user", "content": "?"}], "stream": recording.streamed}
    return json.dumps(question).encode()


def _events(body: bytes) -> list[str]:
    return [event for event in re.split(r"\r?\n\r?\n", body.decode()) if event]


def _has_content(event: str) -> bool:
    """Whether it gives a client something, or says that there is nothing more."""
    if not event.startswith("data: {"):
        return event == "data: [DONE]"
    choices = json.loads(event.removeprefix("data: "))["choices"]
    return any(
        choice.get("finish_reason") or any(value for name, value in choice["delta"].items() if name != "role")
        for choice in choices
    )


def _with_usage(body: bytes) -> bytes:
    """A recording as it would have been had usage been asked for."""
    if b'"usage"' in body:
        return body
    return body.replace(b"}\n\n", b',"usage":null}\n\n').replace(
        b"data: [DONE]", scripts.event(usage=scripts.USAGE) + b"data: [DONE]"
    )


def _without_usage(event: str) -> str:
    document = json.loads(event.removeprefix("data: "))
    usage = document.pop("usage")
    return (
        ""
        if usage and not document["choices"]
        else f"data: {json.dumps(document, separators=(',', ':'), ensure_ascii=False)}"
    )
