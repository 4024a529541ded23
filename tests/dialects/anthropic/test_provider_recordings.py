"""Real exchanges with this API: requests that could be asked again, answers plain and streamed, errors."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest
from anthropic import Anthropic

from gateway.dialects.answer_events import Event, assemble, told
from gateway.dialects.anthropic.provider_codec import AnthropicProvider
from gateway.dialects.codec import finish_steps
from gateway.dialects.conversation import Choice, Finish, Native, Reasoning, Refusal, Reply, Text, ToolCall
from gateway.errors import UpstreamBroken
from tests.dialects.anthropic.recorded import conversation, plain
from tests.shared_material import Recording, recordings

CODEC = AnthropicProvider()


def of_messages(where: Any) -> Any:
    return pytest.mark.parametrize("recording", recordings("anthropic", api="messages", where=where))


def is_answer(recording: Recording) -> bool:
    return recording.status == 200


@of_messages(lambda recording: recording.has_request and is_answer(recording))
def test_recorded_requests_can_be_asked_again(recording: Recording) -> None:
    request = plain(json.loads(recording.request))
    asked = conversation(request)
    assert json.loads(finish_steps(CODEC.encode(asked, asked.model))) == request


@of_messages(lambda recording: is_answer(recording) and not recording.streamed)
def test_recorded_answers_say_what_they_say(recording: Recording) -> None:
    body = json.loads(recording.response)
    reply = CODEC.decode(recording.response)
    (choice,) = reply.choices
    assert reply.model == body["model"]
    check_content(choice, body)
    check_usage(reply, body["usage"])
    check_end(choice, body)
    assert assemble(told(reply)) == reply


@of_messages(lambda recording: is_answer(recording) and recording.streamed)
def test_recorded_streams_add_up_to_what_the_official_client_makes_of_them(recording: Recording) -> None:
    message = official(recording.response)
    reply = assemble(streamed(recording.response, 100))
    (choice,) = reply.choices
    assert reply.model == message["model"]
    check_content(choice, message)
    check_usage(reply, message["usage"])
    check_end(choice, message)


@of_messages(lambda recording: is_answer(recording) and recording.streamed)
def test_a_streamed_answer_is_the_plain_one_of_the_same_words(recording: Recording) -> None:
    as_plain = CODEC.decode(json.dumps(official(recording.response)).encode())
    assert normal(assemble(streamed(recording.response, len(recording.response)))) == normal(as_plain)


@of_messages(lambda recording: is_answer(recording) and recording.streamed)
def test_the_size_of_the_reads_does_not_matter(recording: Recording) -> None:
    events = streamed(recording.response, len(recording.response))
    for size in (1, 7, 1000):
        assert streamed(recording.response, size) == events


@of_messages(lambda recording: is_answer(recording) and recording.streamed)
def test_a_recorded_stream_that_is_cut_is_never_whole(recording: Recording) -> None:
    """Wherever it is cut before the event that says how it ended."""
    raw = recording.response
    before_end = raw.index(b"message_delta") - len(b"event: ")
    for cut in range(0, before_end, max(1, before_end // 50)):
        stream = CODEC.stream()
        with pytest.raises(UpstreamBroken):
            (stream.feed(raw[:cut]), stream.end())


@of_messages(lambda recording: not is_answer(recording))
def test_recorded_errors_are_read(recording: Recording) -> None:
    said = CODEC.read_error(recording.response)
    error = json.loads(recording.response)["error"]
    assert said is not None
    assert (said.message, said.type, said.status) == (error["message"], error["type"], recording.status)


def streamed(raw: bytes, size: int) -> list[Event]:
    stream = CODEC.stream()
    events: list[Event] = []
    for start in range(0, len(raw), size):
        events += stream.feed(raw[start : start + size])
    assert (stream.done, stream.error, stream.malformed) == (True, None, 0)
    return events


def official(raw: bytes) -> dict[str, Any]:
    """The whole message, as Anthropic's own client gathers it."""
    answer = httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=raw)
    transport = httpx2.MockTransport(lambda _: answer)
    with (
        httpx2.Client(transport=transport) as http,
        Anthropic(api_key="k", http_client=http) as client,
        client.messages.stream(model="m", max_tokens=1, messages=[]) as stream,
    ):
        # Its types do not know every tool of the provider's own, and it would warn of those.
        message: dict[str, Any] = stream.get_final_message().to_dict(mode="json", warnings=False)
    return message


def check_content(choice: Choice, body: dict[str, Any]) -> None:
    parts = [part for part in choice.parts if not isinstance(part, Refusal)]
    assert len(parts) == len(body["content"])
    for part, block in zip(parts, body["content"], strict=True):
        match part:
            case Text(text=text, citations=citations):
                assert (block["type"], text) == ("text", block["text"])
                assert [citation.native for citation in citations] == (block.get("citations") or [])
            case Reasoning(redacted=True, signature=signature):
                assert signature == block["data"]
            case Reasoning(text=text, signature=signature):
                assert (text, signature) == (block["thinking"], block["signature"])
            case ToolCall(id=id_, name=name, arguments=arguments):
                assert block["type"] == "tool_use"
                assert (id_, name, json.loads(arguments)) == (block["id"], block["name"], block["input"])
            case Native(value=value):
                assert block["type"] not in ("text", "thinking", "redacted_thinking", "tool_use")
                assert {**block, **value} == block


def check_usage(reply: Reply, counts: dict[str, Any]) -> None:
    compactions = [each for each in counts.get("iterations") or [] if each["type"] == "compaction"]
    prompt = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    assert reply.usage is not None
    assert reply.usage.prompt == sum(each.get(name) or 0 for each in (counts, *compactions) for name in prompt)
    assert reply.usage.completion == sum(each["output_tokens"] for each in (counts, *compactions))
    assert reply.usage.reasoning == (counts.get("output_tokens_details") or {}).get("thinking_tokens", 0)


def check_end(choice: Choice, body: dict[str, Any]) -> None:
    finishes = {
        "end_turn": Finish.STOP,
        "stop_sequence": Finish.STOP,
        "max_tokens": Finish.LENGTH,
        "tool_use": Finish.TOOL_CALLS,
        "refusal": Finish.REFUSAL,
    }
    assert choice.finish is finishes[body["stop_reason"]]
    assert choice.stop_sequence == body["stop_sequence"]


def normal(reply: Reply) -> Reply:
    """With arguments written in one way."""
    for choice in reply.choices:
        for part in choice.parts:
            if isinstance(part, ToolCall):
                part.arguments = json.dumps(json.loads(part.arguments))
    return reply
