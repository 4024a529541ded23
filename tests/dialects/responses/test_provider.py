"""OpenAI's Responses as a provider's dialect: what it says, whole and streamed, and its reasoning over three turns."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.answer_events import Event, assemble
from gateway.dialects.codec import Frame, finish_steps
from gateway.dialects.conversation import (
    Choice,
    Conversation,
    Finish,
    Maker,
    Reasoning,
    Refusal,
    Reply,
    Text,
    ToolCall,
    Turn,
)
from gateway.dialects.envelope import Usage
from gateway.dialects.messages.client import MessagesClient
from gateway.dialects.responses.provider import ResponsesProvider
from gateway.errors import UpstreamBroken
from tests.shared_material import Recording, recordings

PROVIDER = ResponsesProvider()


def event(kind: str, **members: Any) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), json.dumps({"type": kind, **members}).encode())


USAGE = {"input_tokens": 9, "output_tokens": 7, "total_tokens": 16, "output_tokens_details": {"reasoning_tokens": 5}}
THOUGHT = {
    "type": "reasoning",
    "id": "rs_1",
    "summary": [{"type": "summary_text", "text": "I should"}, {"type": "summary_text", "text": "look."}],
    "encrypted_content": "enc-1",
}
CALL = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "weather", "arguments": '{"city":"Rome"}'}
WHOLE = {
    "object": "response",
    "status": "completed",
    "model": "gpt-5.1",
    "output": [
        THOUGHT,
        {"type": "message", "id": "msg_1", "content": [{"type": "output_text", "text": "Let me look."}]},
        CALL,
    ],
    "usage": USAGE,
}
REPLY = Reply(
    model="gpt-5.1",
    choices=[
        Choice(
            [
                Reasoning("I should\n\nlook.", "enc-1", Maker.OPENAI, summary=True, id="rs_1"),
                Text("Let me look."),
                ToolCall("call_1", "weather", '{"city":"Rome"}'),
            ],
            Finish.TOOL_CALLS,
        )
    ],
    usage=Usage(9, 7, reasoning=5),
)
BEGUN = event("response.created", response={"model": "gpt-5.1", "status": "in_progress"})
SAID = b"".join(
    [
        event("response.output_item.added", output_index=0, item={"type": "reasoning", "id": "rs_1"}),
        event("response.reasoning_summary_part.added", output_index=0, summary_index=0),
        event("response.reasoning_summary_text.delta", output_index=0, delta="I should"),
        event("response.reasoning_summary_part.added", output_index=0, summary_index=1),
        event("response.reasoning_summary_text.delta", output_index=0, delta="look."),
        event("response.output_item.done", output_index=0, item=THOUGHT),
        event("response.output_item.added", output_index=1, item={"type": "message", "id": "msg_1"}),
        event("response.content_part.added", output_index=1, part={"type": "output_text", "text": ""}),
        event("response.output_text.delta", output_index=1, delta="Let me "),
        event("response.output_text.delta", output_index=1, delta="look."),
        event("response.content_part.done", output_index=1, part={"type": "output_text", "text": "Let me look."}),
        event("response.output_item.done", output_index=1, item={"type": "message", "id": "msg_1"}),
        event("response.output_item.added", output_index=2, item={**CALL, "arguments": ""}),
        event("response.function_call_arguments.delta", output_index=2, delta='{"city":'),
        event("response.function_call_arguments.delta", output_index=2, delta='"Rome"}'),
        event("response.output_item.done", output_index=2, item=CALL),
    ]
)
ENDED = event("response.completed", response=WHOLE)


def read(*pieces: bytes) -> list[Event]:
    decoder = PROVIDER.stream()
    return [each for piece in pieces for each in decoder.feed(piece)] + decoder.end()


def test_a_whole_answer() -> None:
    assert PROVIDER.decode(json.dumps(WHOLE).encode()) == REPLY


def test_a_streamed_answer_is_the_same_and_ends_with_its_last_event() -> None:
    decoder = PROVIDER.stream()
    events = decoder.feed(BEGUN + SAID)
    assert (decoder.whole, decoder.done) == (False, False)
    events += decoder.feed(ENDED)
    assert (decoder.whole, decoder.done, decoder.usage) == (True, True, Usage(9, 7, reasoning=5))
    assert assemble(events) == REPLY


@given(st.lists(st.integers(0, len(BEGUN + SAID + ENDED))))
def test_it_is_the_same_however_its_bytes_come(cuts: list[int]) -> None:
    whole = BEGUN + SAID + ENDED
    places = sorted({0, len(whole), *cuts})
    assert assemble(read(*(whole[here:there] for here, there in pairwise(places)))) == REPLY


def test_a_call_without_arguments_has_an_empty_object() -> None:
    call = {"type": "function_call", "call_id": "call_1", "name": "now", "arguments": ""}
    events = read(
        BEGUN,
        event("response.output_item.added", output_index=0, item=call),
        event("response.output_item.done", output_index=0, item=call),
        event("response.completed", response={**WHOLE, "output": [call]}),
    )
    assert assemble(events).choices[0].parts == [ToolCall("call_1", "now", "{}")]
    assert PROVIDER.decode(json.dumps({**WHOLE, "output": [call]}).encode()).choices[0].parts == [
        ToolCall("call_1", "now", "{}")
    ]


def test_a_thought_that_is_only_told_at_its_end_is_told() -> None:
    events = read(
        BEGUN,
        event("response.output_item.added", output_index=0, item={"type": "reasoning", "id": "rs_1"}),
        event("response.output_item.done", output_index=0, item=THOUGHT),
        event("response.completed", response={**WHOLE, "output": [THOUGHT]}),
    )
    assert assemble(events).choices[0].parts == REPLY.choices[0].parts[:1]


def test_a_thought_that_is_told_itself_comes_with_its_proof_and_goes_back_as_it_was() -> None:
    """Not the summary of it: gpt-oss and DeepSeek show all of what they think."""
    content = [{"type": "reasoning_text", "text": "I should look."}]
    thought = {"type": "reasoning", "id": "rs_1", "summary": [], "content": content, "encrypted_content": "enc-1"}
    whole = {**WHOLE, "output": [thought]}
    events = read(
        BEGUN,
        event("response.output_item.added", output_index=0, item={"type": "reasoning", "id": "rs_1", "content": []}),
        event("response.content_part.added", output_index=0, part={"type": "reasoning_text", "text": ""}),
        event("response.reasoning_text.delta", output_index=0, delta="I should"),
        event("response.reasoning_text.delta", output_index=0, delta=" look."),
        event("response.content_part.done", output_index=0, part=content[0]),
        event("response.output_item.done", output_index=0, item=thought),
        event("response.completed", response=whole),
    )
    parts = assemble(events).choices[0].parts
    assert parts == [Reasoning("I should look.", "enc-1", Maker.OPENAI, id="rs_1")]
    assert parts == PROVIDER.decode(json.dumps(whole).encode()).choices[0].parts
    request = Conversation(model="m", turns=[Turn("assistant", parts), Turn("user", [Text("And?")])])
    assert json.loads(finish_steps(PROVIDER.encode(request, "m")))["input"][0] == thought


def test_a_refusal_and_an_answer_that_was_cut_short() -> None:
    message = {"type": "message", "content": [{"type": "refusal", "refusal": "No."}]}
    cut = {**WHOLE, "status": "incomplete", "incomplete_details": {"reason": "content_filter"}, "output": [message]}
    events = read(
        BEGUN,
        event("response.output_item.added", output_index=0, item={"type": "message"}),
        event("response.content_part.added", output_index=0, part={"type": "refusal", "refusal": ""}),
        event("response.refusal.delta", output_index=0, delta="No."),
        event("response.content_part.done", output_index=0, part=message["content"][0]),
        event("response.incomplete", response=cut),
    )
    (choice,) = assemble(events).choices
    assert choice == Choice([Refusal("No.")], Finish.CONTENT_FILTER)
    assert PROVIDER.decode(json.dumps(cut).encode()).choices == [choice]


@pytest.mark.parametrize("begun", [b"", BEGUN, BEGUN + SAID, BEGUN + SAID + ENDED[:-9]])
def test_a_stream_that_is_cut_has_no_end(begun: bytes) -> None:
    with pytest.raises(UpstreamBroken):
        read(begun)


@pytest.mark.parametrize(
    "piece",
    [
        event("response.output_text.delta", output_index=7, delta="lost"),
        b'data: {"type":"response.output_text.delta","delta":\n\n',
        b"event: response.output_item.done\ndata: {\n\n",
        event("response.output_item.added", output_index=3, item=7),
        event("response.completed", response=7),
    ],
)
def test_a_piece_that_cannot_be_read_breaks_the_answer(piece: bytes) -> None:
    decoder = PROVIDER.stream()
    decoder.feed(BEGUN + SAID)
    with pytest.raises(UpstreamBroken):
        decoder.feed(piece)


def test_events_that_nobody_knows_and_openais_own_tools_change_nothing() -> None:
    odd = b": hello\n\n" + event("keepalive") + b"event: ping\ndata: {\n\n"
    search = event("response.output_item.added", output_index=3, item={"type": "web_search_call", "id": "ws_1"})
    decoder = PROVIDER.stream()
    events = decoder.feed(odd + BEGUN + odd + SAID + search + odd + ENDED)
    assert assemble(events) == REPLY
    assert decoder.malformed == 3


@pytest.mark.parametrize(
    "failure",
    [
        event("error", code="rate_limit_exceeded", message="Slow down.", param=None),
        event("error", error={"type": "rate_limit_exceeded", "message": "Slow down."}),
        event("response.failed", response={"error": {"code": "rate_limit_exceeded", "message": "Slow down."}}),
    ],
)
def test_an_error_amid_the_answer_ends_it(failure: bytes) -> None:
    decoder = PROVIDER.stream()
    decoder.feed(BEGUN + failure + SAID)
    assert decoder.error is not None
    said = PROVIDER.read_error(decoder.error)
    assert said is not None
    assert (said.message, said.code or said.type) == ("Slow down.", "rate_limit_exceeded")
    assert (decoder.end(), decoder.whole, decoder.done) == ([], False, False)


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"output":[]}', b'{"status":"failed","output":[]}', b"[" * 9000])
def test_what_is_no_whole_answer_is_none(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        PROVIDER.decode(body)


# What OpenAI really said.


TRIMMED = {"openai/vercel-ai__openai-phase.1.chunks"}
"""Most of its deltas were taken out by who recorded it."""


def recorded(*, streamed: bool) -> list[Any]:
    return recordings(
        "openai",
        api="responses",
        where=lambda each: each.streamed is streamed and each.status == 200 and each.name not in TRIMMED,
    )


@pytest.mark.parametrize("recording", recorded(streamed=True))
def test_recorded_streams_say_what_their_last_event_says(recording: Recording) -> None:
    decoder = PROVIDER.stream()
    events = decoder.feed(recording.response)
    if decoder.error is not None:
        assert PROVIDER.read_error(decoder.error) is not None
        return
    response = next(each for each in told_in(recording.response) if each.get("status") in ("completed", "incomplete"))
    reply, whole = assemble(events), PROVIDER.decode(msgspec.json.encode(response))
    assert unsigned(reply) == unsigned(whole)
    assert (reply.usage, reply.choices[0].finish) == (whole.usage, whole.choices[0].finish)


def unsigned(reply: Reply) -> list[Any]:
    """The parts without signatures: OpenAI encrypts the same reasoning anew for its last event."""
    return [
        msgspec.structs.replace(part, signature=part.signature is not None) if isinstance(part, Reasoning) else part
        for part in reply.choices[0].parts
    ]


def told_in(stream: bytes) -> Iterator[dict[str, Any]]:
    for line in stream.decode().splitlines():
        if line.startswith("data: {"):
            yield json.loads(line[6:]).get("response", {})


# Three turns with a tool, for a client of Messages.

TOOLS = [{"name": "weather", "input_schema": {"type": "object"}}]
QUESTION = {"role": "user", "content": "Rome, then Ostia?"}


def turn_of(number: int) -> dict[str, Any]:
    """What the model says in each turn: its reasoning, and a call or the last words."""
    thought = {"type": "reasoning", "id": f"rs_{number}", "summary": [], "encrypted_content": f"enc-{number}"}
    if number == 3:
        said: dict[str, Any] = {"type": "message", "content": [{"type": "output_text", "text": "Sunny."}]}
    else:
        said = {"type": "function_call", "call_id": f"call_{number}", "name": "weather", "arguments": "{}"}
    return {**WHOLE, "output": [thought, said]}


def test_encrypted_reasoning_comes_back_over_three_turns_of_a_tool_loop() -> None:
    messages: list[dict[str, Any]] = [QUESTION]
    for number in (1, 2, 3):
        asked = {"model": "gpt-5.1", "max_tokens": 4096, "messages": messages, "tools": TOOLS}
        conversation = finish_steps(MessagesClient().decode(json.dumps(asked).encode(), PROVIDER.name))
        sent = json.loads(finish_steps(PROVIDER.encode(conversation, "gpt-5.1")))
        assert [
            (item["id"], item["encrypted_content"], item["summary"])
            for item in sent["input"]
            if item["type"] == "reasoning"
        ] == [(f"rs_{before}", f"enc-{before}", []) for before in range(1, number)]
        assert [item["type"] for item in sent["input"]] == [
            "message",
            *["reasoning", "function_call", "function_call_output"] * (number - 1),
        ]
        reply = PROVIDER.decode(json.dumps(turn_of(number)).encode())
        heard = json.loads(MessagesClient().encode(reply, conversation, Frame("answer", 7)))
        messages.append({"role": "assistant", "content": heard["content"]})
        result = {"type": "tool_result", "tool_use_id": f"call_{number}", "content": "Sunny."}
        messages.append({"role": "user", "content": [result]})
    assert heard["stop_reason"] == "end_turn"
