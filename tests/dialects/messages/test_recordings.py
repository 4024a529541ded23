"""What real clients of Anthropic asked, and what it answered, through the codec."""

from __future__ import annotations

import json
from typing import Any

import pytest
from anthropic.types import Message

from gateway.dialects.answer_events import told
from gateway.dialects.anthropic.provider_codec import AnthropicProvider
from gateway.dialects.codec import Frame, finish_steps
from gateway.dialects.conversation import Conversation, Reply
from gateway.dialects.fidelity import ANTHROPIC_MESSAGES, GEMINI, OPENAI_CHAT
from gateway.dialects.messages.client import MessagesClient
from gateway.dialects.messages.request_notes import decode_request, reserved_output
from gateway.errors import InvalidRequest
from tests.dialects.messages.official import accumulate, read
from tests.dialects.messages.test_pass_through import answers, said_by, streams
from tests.shared_material import Recording, recordings


def requests(recording: Recording) -> bool:
    return recording.has_request


@pytest.mark.parametrize("recording", recordings("anthropic", api="messages", where=requests))
def test_every_recorded_request_is_read(recording: Recording) -> None:
    request = json.loads(recording.request)
    conversation = finish_steps(MessagesClient().decode(recording.request, ANTHROPIC_MESSAGES))
    fields = [turn.field for turn in conversation.turns if turn.field != "system"]
    assert fields == [f"messages[{index}]" for index in range(len(request["messages"]))]
    assert len(conversation.tools) + len(conversation.native_tools) == len(request.get("tools", []))
    notes = decode_request(recording.request)
    assert notes.model == conversation.model == request["model"]
    assert reserved_output(notes) == request["max_tokens"]


@pytest.mark.parametrize("target", [OPENAI_CHAT, GEMINI])
@pytest.mark.parametrize("recording", recordings("anthropic", api="messages", where=requests))
def test_for_others_it_is_read_or_refused_by_name(recording: Recording, target: str) -> None:
    steps = MessagesClient().decode(recording.request, target)
    if b'"container"' not in recording.request:  # the only thing recorded that nobody else has
        finish_steps(steps)
        return
    with pytest.raises(InvalidRequest) as caught:
        finish_steps(steps)
    assert caught.value.param == "container"


@pytest.mark.parametrize("recording", recordings("anthropic", api="messages", where=answers))
def test_a_recorded_answer_reads_the_same_after_the_pivot(recording: Recording) -> None:
    """Through decoder and encoder, whole and streamed."""
    message = read(recording.response)
    reply = AnthropicProvider().decode(recording.response)
    asked = Conversation(model="m", turns=[])
    stream = MessagesClient().stream(asked, Frame("01", 1))
    streamed = accumulate(stream.encode(told(reply)) + stream.end())
    whole = read(MessagesClient().encode(reply, asked, Frame("01", 1)))
    for again in (whole, streamed):
        if message.stop_details is None:  # else what they say has become text
            assert told_by(again) == told_by(message)
        assert again.stop_reason == ("pause_turn" if message.stop_reason == "compaction" else message.stop_reason)
        assert total(again) == total_of(reply)


@pytest.mark.parametrize("recording", recordings("anthropic", api="messages", where=streams))
def test_so_does_a_recorded_stream(recording: Recording) -> None:
    message = accumulate(recording.response)
    decoder = AnthropicProvider().stream()
    stream = MessagesClient().stream(Conversation(model="m", turns=[]), Frame("01", 1))
    again = accumulate(stream.encode(decoder.feed(recording.response)) + stream.end())
    assert told_by(again) == told_by(message)
    assert again.stop_reason == message.stop_reason
    assert total(again) == total(message)


def told_by(message: Message) -> list[dict[str, Any]]:
    """The content, but for which of Anthropic's own tools made a call."""
    blocks = said_by(message.content)
    for block in blocks:
        block.pop("caller", None)
    return blocks


def total(message: Message) -> int:
    usage = message.usage
    cache = (usage.cache_read_input_tokens or 0) + (usage.cache_creation_input_tokens or 0)
    return usage.input_tokens + cache + usage.output_tokens


def total_of(reply: Reply) -> int:
    assert reply.usage is not None
    return reply.usage.prompt + reply.usage.completion
