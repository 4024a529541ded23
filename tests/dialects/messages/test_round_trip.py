"""What is asked of Anthropic on behalf of others reads as the conversation that it was, and so does its answer."""

from __future__ import annotations

import json
from itertools import pairwise

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.dialects.answer_events import assemble, told
from gateway.dialects.anthropic.provider_codec import AnthropicProvider
from gateway.dialects.codec import Frame, finish_steps
from gateway.dialects.conversation import (
    Choice,
    Conversation,
    Document,
    Finish,
    Image,
    Maker,
    Media,
    Native,
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
from gateway.dialects.fidelity import ANTHROPIC_MESSAGES
from gateway.dialects.messages.client import MessagesClient

BUDGETED, ADAPTIVE = "claude-sonnet-4-0", "claude-opus-4-6"
CLOSED = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}

_words = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20).filter(str.strip)
_marks = st.none() | st.just({"type": "ephemeral"}) | st.just({"type": "ephemeral", "ttl": "1h"})
_media = st.one_of(
    st.builds(Media, url=st.just("https://example.org/a")),
    st.builds(Media, file_id=st.just("file_1")),
)
_texts = st.builds(Text, _words, cache_control=_marks)
_images = st.builds(Image, _media | st.just(Media(data="iVBORw0K", media_type="image/png")), cache_control=_marks)
_documents = st.builds(
    Document,
    media=_media | st.just(Media(data="JVBERi0=", media_type="application/pdf")),
    name=st.none() | _words,
    context=st.none() | _words,
    citations=st.none() | st.booleans(),
    cache_control=_marks,
) | st.builds(Document, text=_words, name=st.none() | _words)
_shown = _texts | _images | _documents
_results = st.builds(
    ToolResult,
    st.sampled_from(["toolu_1", "call_2"]),
    st.lists(_shown, max_size=3),
    st.booleans(),
    cache_control=_marks,
)
_spoken: st.SearchStrategy[Part] = st.one_of(
    _texts,
    st.builds(Reasoning, _words, st.just("EqAB"), st.just(Maker.ANTHROPIC)),
    st.builds(Reasoning, st.just(""), st.just("Eox"), st.just(Maker.ANTHROPIC), redacted=st.just(True)),
    st.builds(
        ToolCall,
        st.sampled_from(["toolu_1", "call_2"]),
        st.sampled_from(["add", "now"]),
        st.dictionaries(_words, st.integers() | _words, max_size=3).map(json.dumps),
        _marks,
    ),
    st.just(Native(ANTHROPIC_MESSAGES, {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}})),
)


@st.composite
def _turns(draw: st.DrawFn) -> list[Turn]:
    """A system prompt or none, then user and assistant in turn, the user last; results of tools first in a message."""
    turns: list[Turn] = []
    if system := draw(st.lists(_texts, max_size=2)):
        turns.append(Turn("system", list[Part](system), field="system"))
    for index in range(draw(st.integers(0, 3)) * 2 + 1):
        field = f"messages[{index}]"
        if index % 2:
            # The API wants no message of the assistant to end with what it thought.
            spoken = [*draw(st.lists(_spoken, max_size=4)), draw(_texts)]
            turns.append(Turn("assistant", spoken, field=field))
        else:
            shown = [*draw(st.lists(_results, max_size=2)), *draw(st.lists(_shown, min_size=1, max_size=3))]
            turns.append(Turn("user", list[Part](shown), field=field))
    return turns


_tools = st.just(
    [
        Tool("add", "Adds.", {"type": "object", "properties": {"a": {"type": "integer"}}}),
        Tool("now", None, {"type": "object"}, cache_control={"type": "ephemeral"}),
        Tool("strict", None, CLOSED, strict=True),
    ]
)
_choices = st.none() | st.sampled_from([ToolChoice("auto"), ToolChoice("required"), ToolChoice("tool", "add")])
_asked = st.builds(
    Conversation,
    model=st.just("m"),
    turns=_turns(),
    stream=st.booleans(),
    tools=_tools,
    tool_choice=_choices,
    output_format=st.none() | st.just(OutputFormat(CLOSED, strict=True)),
    max_tokens=st.integers(1, 4000),
    temperature=st.none() | st.floats(0, 1),
    top_p=st.none() | st.floats(0, 1),
    top_k=st.none() | st.integers(1, 100),
    stop=st.lists(_words, max_size=2),
    user=st.none() | _words,
    service_tier=st.sampled_from([None, "auto", "standard_only"]),
)


def round_trip(request: Conversation, model: str) -> Conversation:
    """To Anthropic and back; the model's name and the words for members are the client's own."""
    body = finish_steps(AnthropicProvider().encode(request, model))
    read = finish_steps(MessagesClient().decode(body, ANTHROPIC_MESSAGES))
    return msgspec.structs.replace(read, model=request.model, spelling={})


@given(_asked)
def test_a_request_comes_back_as_it_went(request: Conversation) -> None:
    assert round_trip(request, BUDGETED) == request


@given(_turns(), st.sampled_from(["auto", "required"]))
def test_one_call_at_a_time_comes_back(turns: list[Turn], mode: str) -> None:
    choice = ToolChoice("auto" if mode == "auto" else "required")
    request = Conversation(
        model="m",
        turns=turns,
        tools=[Tool("add", None, {"type": "object"})],
        tool_choice=choice,
        parallel_tool_calls=False,
        max_tokens=10,
    )
    assert round_trip(request, BUDGETED) == request


def test_so_does_how_much_to_think() -> None:
    turns: list[Turn] = [Turn("user", [Text("hi")], field="messages[0]")]
    for model, wish in (
        (BUDGETED, ReasoningWish(budget_tokens=2000, enabled=True)),
        (ADAPTIVE, ReasoningWish("high", enabled=True)),
        (ADAPTIVE, ReasoningWish("low", enabled=True, visible=True)),
        (ADAPTIVE, ReasoningWish(enabled=True, visible=False)),
    ):
        request = Conversation(model="m", turns=turns, max_tokens=4000, reasoning=wish)
        assert round_trip(request, model) == request


_thoughts = st.builds(Reasoning, _words, st.just("EqAB"), st.just(Maker.ANTHROPIC)) | st.builds(
    Reasoning, st.just(""), st.just("Eox"), st.just(Maker.ANTHROPIC), redacted=st.just(True)
)
_calls = st.lists(
    st.builds(
        ToolCall,
        st.uuids().map(lambda each: f"toolu_{each.hex}"),
        st.sampled_from(["add", "now"]),
        st.dictionaries(_words, st.integers() | _words, max_size=3).map(json.dumps),
    ),
    max_size=2,
)
_replies = st.builds(
    lambda thoughts, said, calls, cut, usage: Reply(
        model="m-1",
        choices=[Choice([*thoughts, *said, *calls], cut or (Finish.TOOL_CALLS if calls else Finish.STOP))],
        usage=usage,
        service_tier="priority",
    ),
    st.lists(_thoughts, max_size=2),
    st.lists(st.builds(Text, _words), max_size=1),
    _calls,
    st.sampled_from([None, None, Finish.LENGTH, Finish.REFUSAL, Finish.PAUSE]),
    st.builds(
        lambda prompt, completion, cached, written, reasoning: Usage(
            prompt, completion, cached=cached, written=written, reasoning=reasoning
        ),
        *[st.integers(50, 99)] * 2,
        *[st.integers(0, 9)] * 3,
    ),
)


@settings(max_examples=60)
@given(_replies, st.lists(st.integers(0, 10**6), max_size=8))
def test_an_answer_written_for_a_client_is_read_back_whole_or_streamed(reply: Reply, cuts: list[int]) -> None:
    """In whichever pieces it comes."""
    asked, frame = Conversation(model="m", turns=[], stream=True), Frame("abc", 7)
    client, provider = MessagesClient(), AnthropicProvider()
    assert provider.decode(client.encode(reply, asked, frame)) == reply
    encoder, decoder = client.stream(asked, frame), provider.stream()
    stream = encoder.encode(told(reply)) + encoder.end()
    places = [0, *sorted(cut % len(stream) for cut in cuts), len(stream)]
    events = [event for start, end in pairwise(places) for event in decoder.feed(stream[start:end])]
    assert assemble(events + decoder.end()) == reply
