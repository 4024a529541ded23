"""Conversations and answers that go to the wire and come back as they were."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.dialects.answer_events import assemble, told
from gateway.dialects.chat.client import ChatClient
from gateway.dialects.chat.flavour import OPENROUTER
from gateway.dialects.chat.provider import ChatProvider
from gateway.dialects.codec import finish_steps
from gateway.dialects.conversation import (
    Audio,
    Choice,
    Conversation,
    Document,
    Finish,
    Image,
    Maker,
    Media,
    OutputFormat,
    Part,
    Reasoning,
    ReasoningWish,
    Reply,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
)
from gateway.dialects.envelope import Usage
from tests.dialects.chat.wire import FRAME, conversation

WORDS = st.text(min_size=1, max_size=8)
NAMES = st.from_regex(r"[a-z]{1,6}", fullmatch=True)
MARKS = st.sampled_from([None, {"type": "ephemeral"}])
ARGUMENTS = st.dictionaries(NAMES, st.integers(), max_size=2).map(json.dumps)
TEXTS = st.builds(Text, WORDS, cache_control=MARKS)
BYTES = st.builds(Media, data=st.just("AAAA"), media_type=st.just("image/png"))
IMAGES = st.builds(Image, BYTES | st.builds(Media, url=st.just("https://a.example/b.png")), cache_control=MARKS)
FILES = st.builds(
    Document,
    st.builds(Media, data=st.just("AAAA"), media_type=st.just("application/pdf")),
    name=st.just("a.pdf"),
    cache_control=MARKS,
)
SOUNDS = st.just(Audio(Media(data="AAAA", media_type="audio/wav"), "wav"))
THOUGHTS = st.builds(Reasoning, WORDS, st.none() | WORDS, st.just(Maker.UNKNOWN))
CALL_IDS = st.uuids().map(lambda each: f"call_{each.hex}")
CALLS = st.builds(ToolCall, CALL_IDS, NAMES, ARGUMENTS, MARKS)


@st.composite
def exchanges(draw: st.DrawFn) -> list[Turn]:
    """A question, an answer that may call functions, and their results."""
    asked: list[Part] = list(draw(st.lists(TEXTS | IMAGES | FILES | SOUNDS, min_size=1, max_size=3)))
    calls = draw(st.lists(CALLS, max_size=2, unique_by=lambda call: call.id))
    said: list[Part] = [*draw(st.lists(THOUGHTS, max_size=2)), *draw(st.lists(TEXTS, min_size=not calls, max_size=2))]
    turns = [Turn("user", asked), Turn("assistant", [*said, *calls])]
    if calls:
        results: list[Part] = [ToolResult(call.id, [draw(TEXTS)], cache_control=draw(MARKS)) for call in calls]
        turns.append(Turn("user", results))
    return turns


CONVERSATIONS = st.builds(
    conversation,
    st.lists(TEXTS, min_size=1, max_size=1).map(lambda parts: Turn("system", list(parts))),
    stream=st.booleans(),
    tools=st.lists(st.builds(Tool, NAMES, st.none() | WORDS, st.none() | st.just({"type": "object"}), MARKS.map(bool))),
    output_format=st.none() | st.just(OutputFormat()) | st.builds(OutputFormat, st.just({"type": "object"}), NAMES),
    reasoning=st.none() | st.builds(ReasoningWish, st.sampled_from(["low", "high"]), visible=st.none() | st.booleans()),
    max_tokens=st.none() | st.integers(1, 99),
    temperature=st.none() | st.floats(0, 2),
    top_p=st.none() | st.floats(0, 1),
    top_k=st.none() | st.integers(1, 99),
    frequency_penalty=st.none() | st.floats(-2, 2),
    presence_penalty=st.none() | st.floats(-2, 2),
    stop=st.lists(WORDS, max_size=4),
    seed=st.none() | st.integers(0, 99),
    choices=st.integers(1, 4),
    logprobs=st.none() | st.integers(0, 20),
    verbosity=st.none() | st.sampled_from(["low", "high"]),
    user=st.none() | WORDS,
    service_tier=st.none() | st.sampled_from(["auto", "flex"]),
)
CHOICES = st.none() | st.builds(ToolChoice, st.sampled_from(["auto", "none", "required"]))


@settings(max_examples=150, deadline=None)
@given(CONVERSATIONS, st.lists(exchanges(), max_size=3), CHOICES)
def test_a_conversation_sent_to_a_provider_is_the_one_that_a_client_would_have_sent(
    request: Conversation, rounds: list[list[Turn]], choice: ToolChoice | None
) -> None:
    request.turns += [turn for turns in rounds for turn in turns]
    request.tool_choice = choice if request.tools else None
    body = finish_steps(ChatProvider(OPENROUTER).encode(request, "m"))
    back = finish_steps(ChatClient().decode(body, "openai_chat"))
    assert back.stream_usage is request.stream
    assert without_places(back) == without_places(request)


def without_places(request: Conversation) -> Conversation:
    """The conversation without what only one side of the wire knows."""
    request.spelling, request.stream_usage = {}, False
    for turn in request.turns:
        turn.field = ""
    return request


REPLIES = st.builds(
    lambda parts, calls, finish, usage: Reply(
        model="m-1",
        choices=[Choice([*parts, *calls], Finish.TOOL_CALLS if calls else finish)],
        usage=usage,
        service_tier="flex",
    ),
    st.tuples(st.lists(THOUGHTS, max_size=2), st.lists(st.builds(Text, WORDS), max_size=1)).map(
        lambda both: [*both[0], *both[1]]
    ),
    st.lists(st.builds(ToolCall, CALL_IDS, NAMES, ARGUMENTS), max_size=2, unique_by=lambda call: call.id),
    st.sampled_from([Finish.STOP, Finish.LENGTH, Finish.CONTENT_FILTER]),
    st.builds(Usage, st.integers(50, 99), st.integers(50, 99), *[st.integers(0, 9)] * 5),
)


@settings(max_examples=150, deadline=None)
@given(REPLIES, st.lists(st.integers(0, 10**6), max_size=8))
def test_an_answer_written_for_a_client_is_read_back_whole_or_streamed(reply: Reply, cuts: list[int]) -> None:
    request: Any = conversation(stream=True, stream_usage=True)
    provider, client = ChatProvider(OPENROUTER), ChatClient()
    assert told_without_ties(provider.decode(client.encode(reply, request, FRAME))) == reply
    encoder, decoder = client.stream(request, FRAME), provider.stream()
    stream = encoder.encode(told(reply)) + encoder.end()
    places = sorted(cut % len(stream) for cut in cuts)
    events = [
        event
        for start, end in zip([0, *places], [*places, len(stream)], strict=True)
        for event in decoder.feed(stream[start:end])
    ]
    assert told_without_ties(assemble(events + decoder.end())) == reply


def told_without_ties(reply: Reply) -> Reply:
    """A provider's details name calls only for Gemini; here the name would pass for the reasoning's own."""
    for choice in reply.choices:
        for part in choice.parts:
            if isinstance(part, Reasoning):
                part.id = None
    return reply
