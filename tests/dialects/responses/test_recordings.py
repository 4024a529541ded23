"""What OpenAI's Responses really said, heard by clients of Messages and of chat completions.

All that is compared is read off the recordings' own JSON: texts, what was thought, calls with their arguments, why it
ended and what it cost.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from anthropic.types import Message
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from gateway.dialects.answer_events import Event, assemble, told
from gateway.dialects.chat.client import ChatClient
from gateway.dialects.codec import Frame
from gateway.dialects.conversation import Conversation, Finish, Reasoning, Refusal, Reply, Text, ToolCall
from gateway.dialects.messages.client import MessagesClient
from gateway.dialects.responses.provider import ResponsesProvider
from gateway.dialects.stamps import read_whole_stamp
from tests.dialects.chat.wire import chunks_of
from tests.dialects.messages.official import accumulate, read
from tests.shared_material import Recording, recordings

PROVIDER = ResponsesProvider()
FRAME = Frame("0123", 7)
ASKED = Conversation(model="m", turns=[], stream=True, stream_usage=True)
TRIMMED = {"openai/vercel-ai__openai-phase.1.chunks"}
"""Most of its deltas were taken out by who recorded it."""


class Said(NamedTuple):
    """One answer."""

    text: str
    refusal: str
    thoughts: list[str]
    """What is told of each reasoning."""
    signed: list[bool]
    """Whether its proof came with it."""
    calls: list[tuple[str, str, Any]]
    """Id, name and arguments."""
    finish: Finish
    tokens: tuple[int, int]
    """Of the prompt and of the answer."""


def of_response(response: dict[str, Any]) -> Said:
    """By the recording's own words."""
    output = response["output"]
    content = [part for item in output if item["type"] == "message" for part in item["content"]]
    thoughts = [item for item in output if item["type"] == "reasoning"]
    calls = [item for item in output if item["type"] == "function_call"]
    cut = (response.get("incomplete_details") or {}).get("reason")
    ended = Finish.TOOL_CALLS if calls else Finish.STOP
    usage = response["usage"]
    return Said(
        "".join(part["text"] for part in content if part["type"] == "output_text"),
        "".join(part["refusal"] for part in content if part["type"] == "refusal"),
        ["\n\n".join(part["text"] for part in item.get("summary") or ()) for item in thoughts],
        [item.get("encrypted_content") is not None for item in thoughts],
        [(item["call_id"], item["name"], json.loads(item["arguments"] or "{}")) for item in calls],
        {"max_output_tokens": Finish.LENGTH, "content_filter": Finish.CONTENT_FILTER}.get(cut, ended),
        (usage["input_tokens"], usage["output_tokens"]),
    )


def of_reply(reply: Reply) -> Said:
    """By the pivot."""
    (choice,) = reply.choices
    thoughts = [part for part in choice.parts if isinstance(part, Reasoning)]
    assert reply.usage is not None
    return Said(
        "".join(part.text for part in choice.parts if isinstance(part, Text)),
        "".join(part.text for part in choice.parts if isinstance(part, Refusal)),
        [part.text for part in thoughts],
        [part.signature is not None for part in thoughts],
        [(part.id, part.name, json.loads(part.arguments)) for part in choice.parts if isinstance(part, ToolCall)],
        choice.finish,
        (reply.usage.prompt, reply.usage.completion),
    )


def of_message(message: Message) -> Said:
    """As Anthropic's client has heard it; a refusal is text there."""
    thoughts = [block for block in message.content if block.type == "thinking"]
    hidden = [block for block in message.content if block.type == "redacted_thinking"]
    usage = message.usage
    prompt = usage.input_tokens + (usage.cache_read_input_tokens or 0) + (usage.cache_creation_input_tokens or 0)
    finish = {
        "end_turn": Finish.STOP,
        "tool_use": Finish.TOOL_CALLS,
        "max_tokens": Finish.LENGTH,
        "refusal": Finish.CONTENT_FILTER,
    }
    assert message.stop_reason is not None
    return Said(
        "".join(block.text for block in message.content if block.type == "text"),
        "",
        [*(block.thinking for block in thoughts), *("" for _ in hidden)],
        [bool(read_whole_stamp(block.signature, "").maker) for block in thoughts] + [True for _ in hidden],
        [(block.id, block.name, block.input) for block in message.content if block.type == "tool_use"],
        finish[message.stop_reason],
        (prompt, usage.output_tokens),
    )


def of_completion(answer: ChatCompletion) -> Said:
    """As OpenAI's client has heard it in chat completions, where thoughts and their proofs are details."""
    (choice,) = answer.choices
    message = choice.message
    details = (message.model_extra or {}).get("reasoning_details") or []
    assert answer.usage is not None
    finishes = {"stop": Finish.STOP, "tool_calls": Finish.TOOL_CALLS, "length": Finish.LENGTH}
    return Said(
        message.content or "",
        message.refusal or "",
        [detail["summary"] for detail in details if detail.get("summary")],
        [True for detail in details if detail.get("signature") or detail.get("data")],
        [
            (call.id, call.function.name, json.loads(call.function.arguments))
            for call in message.tool_calls or ()
            if call.type == "function"
        ],
        finishes.get(choice.finish_reason, Finish.CONTENT_FILTER),
        (answer.usage.prompt_tokens, answer.usage.completion_tokens),
    )


def recorded(*, streamed: bool) -> list[Any]:
    return recordings(
        "openai",
        api="responses",
        where=lambda each: each.streamed is streamed and each.status == 200 and each.name not in TRIMMED,
    )


def responses_in(stream: bytes) -> Iterator[dict[str, Any]]:
    for line in stream.decode().splitlines():
        if line.startswith("data: {"):
            response = json.loads(line[6:]).get("response", {})
            if response.get("status") in ("completed", "incomplete"):
                yield response


@pytest.mark.parametrize("recording", recorded(streamed=False))
def test_a_recorded_answer_is_heard_by_every_client(recording: Recording) -> None:
    """Whole, and as the stream that it would have been."""
    reply = PROVIDER.decode(recording.response)
    check(of_response(json.loads(recording.response)), reply, told(reply))


@pytest.mark.parametrize("recording", recorded(streamed=True))
def test_so_is_a_recorded_stream(recording: Recording) -> None:
    decoder = PROVIDER.stream()
    events = decoder.feed(recording.response)
    if decoder.error is not None:
        assert PROVIDER.read_error(decoder.error) is not None  # which quota failures are
        return
    check(of_response(next(responses_in(recording.response))), assemble(events), events)


def check(said: Said, reply: Reply, events: list[Event]) -> None:
    assert of_reply(reply) == said
    messages, chat = MessagesClient(), ChatClient()
    stream = messages.stream(ASKED, FRAME)
    for message in (read(messages.encode(reply, ASKED, FRAME)), accumulate(stream.encode(events) + stream.end())):
        assert of_message(message) == as_messages_say(said)
    encoder = chat.stream(ASKED, FRAME)
    state = ChatCompletionStreamState()
    for chunk in chunks_of(encoder.encode(events) + encoder.end()):
        state.handle_chunk(ChatCompletionChunk.model_validate(chunk))
    whole = ChatCompletion.model_validate_json(chat.encode(reply, ASKED, FRAME))
    # Of an answer that is too long the helper gives no final completion.
    streamed = state.current_completion_snapshot if said.finish is Finish.LENGTH else state.get_final_completion()
    for completion in (whole, streamed):
        assert of_completion(completion) == as_chat_says(said)


def as_messages_say(said: Said) -> Said:
    """Thoughts with neither words nor proof are nothing there; hidden ones stand after all others here."""
    thoughts = [(text, signed) for text, signed in zip(said.thoughts, said.signed, strict=True) if text or signed]
    thoughts.sort(key=lambda thought: not thought[0])
    texts, proofs = [text for text, _ in thoughts], [signed for _, signed in thoughts]
    finish = Finish.CONTENT_FILTER if said.refusal else said.finish
    return said._replace(text=said.text + said.refusal, refusal="", thoughts=texts, signed=proofs, finish=finish)


def as_chat_says(said: Said) -> Said:
    """A thought with neither words nor proof is nothing there."""
    signed = [True for each in said.signed if each]
    return said._replace(thoughts=[text for text in said.thoughts if text], signed=signed)
