"""Whatever a conversation is made of, what Gemini is sent of it is valid by the official package's types."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.dialects.conversation import (
    Audio,
    Conversation,
    Document,
    Image,
    Maker,
    Media,
    OutputFormat,
    Reasoning,
    ReasoningWish,
    Refusal,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
)
from tests.dialects.gemini.google_types import sent

WORDS = st.text(min_size=1, max_size=20)
NAMES = st.sampled_from(["weather", "now", "add-up"])
MODELS = st.sampled_from(["gemini-2.5-flash", "gemini-2.5-pro", "gemini-3-pro-preview", "gemini-3.5-flash", "gemma-3"])
SCHEMA = {"type": "object", "properties": {"x": {"type": ["string", "null"]}}, "additionalProperties": False}

texts = st.builds(Text, st.text(max_size=20))
images = st.sampled_from(
    [Image(Media(data="aGk=", media_type="image/png")), Image(Media(url="https://example.com/cat.png"))]
)
documents = st.sampled_from(
    [Document(text="A page.", name="Tale"), Document(Media(data="aGk=", media_type="application/pdf"))]
)
sounds = st.just(Audio(Media(data="aGk=", media_type="audio/wav"), "wav"))
reasonings = st.builds(
    Reasoning,
    st.sampled_from(["", "Hm."]),
    st.sampled_from([None, "c2lnbmVk"]),
    st.sampled_from([Maker.GOOGLE, Maker.ANTHROPIC, Maker.UNKNOWN]),
)
arguments = st.sampled_from(["", "{}", '{"x": [1, {"y": null}]}'])


@st.composite
def turns(draw: st.DrawFn) -> list[Turn]:
    """A talk whose results answer its calls."""
    talk = [Turn("system", [Text(words)]) for words in draw(st.lists(WORDS, max_size=2))]
    talk.append(Turn("user", [Text(draw(WORDS)), *draw(st.lists(texts | images | documents | sounds, max_size=3))]))
    for step in range(draw(st.integers(0, 3))):
        said: list[Any] = draw(st.lists(texts | reasonings | st.builds(Refusal, WORDS), max_size=4))
        calls = [
            ToolCall(f"call_{step}_{place}", name, draw(arguments))
            for place, name in enumerate(draw(st.lists(NAMES, max_size=3)))
        ]
        talk.append(Turn("assistant", [*said, *calls]))
        answers = [
            ToolResult(call.id, draw(st.lists(texts | images | documents, max_size=2)), draw(st.booleans()))
            for call in calls
        ]
        talk.append(Turn("user", [*answers, Text(draw(st.text(max_size=5)))]))
    return talk


wishes = st.builds(
    ReasoningWish,
    st.none() | st.sampled_from(["none", "minimal", "low", "medium", "high", "xhigh", "max"]),
    st.none() | st.integers(0, 100_000),
    st.none() | st.booleans(),
    st.none() | st.booleans(),
)
conversations = st.builds(
    Conversation,
    model=st.just("gemini"),
    turns=turns(),
    tools=st.lists(st.builds(Tool, NAMES, st.none() | WORDS, st.none() | st.just(SCHEMA), st.booleans()), max_size=2),
    tool_choice=st.none()
    | st.builds(
        ToolChoice,
        st.sampled_from(["auto", "none", "required", "tool"]),
        st.none() | NAMES,
        st.none() | st.lists(NAMES, max_size=2),
    ),
    output_format=st.none() | st.builds(OutputFormat, st.none() | st.just(SCHEMA)),
    reasoning=st.none() | wishes,
    max_tokens=st.none() | st.integers(1, 10_000),
    temperature=st.none() | st.floats(0, 2),
    top_p=st.none() | st.floats(0, 1),
    top_k=st.none() | st.integers(1, 100),
    frequency_penalty=st.none() | st.floats(-2, 2),
    presence_penalty=st.none() | st.floats(-2, 2),
    stop=st.lists(WORDS, max_size=3),
    seed=st.none() | st.integers(-(2**31), 2**31 - 1),
    choices=st.integers(1, 4),
    logprobs=st.none() | st.integers(0, 20),
    service_tier=st.sampled_from([None, "auto", "default", "flex", "priority"]),
)


def can_be_asked(request: Conversation) -> bool:
    """Whether there is a function where one must be called."""
    return bool(request.tools) or request.tool_choice is None or not request.tool_choice.forces


@settings(deadline=None, max_examples=200)
@given(conversations.filter(can_be_asked), MODELS)
def test_what_is_sent_is_valid(request: Conversation, model: str) -> None:
    """Contents alternate, none is empty, each result follows its call."""
    body = sent(request, model)
    roles = [content["role"] for content in body["contents"]]
    assert all(role != following for role, following in pairwise(roles))
    assert all(content["parts"] for content in body["contents"])
    for before, content in pairwise(body["contents"]):
        called = [part["functionCall"]["id"] for part in before["parts"] if "functionCall" in part]
        answered = [part["functionResponse"]["id"] for part in content["parts"] if "functionResponse" in part]
        assert answered == called


@settings(deadline=None, max_examples=100)
@given(conversations.filter(can_be_asked))
def test_no_word_is_lost(request: Conversation) -> None:
    body = sent(request)
    shown = "".join(
        part.get("text", "")
        for content in [body.get("systemInstruction", {"parts": []}), *body["contents"]]
        for part in content["parts"]
    )
    for turn in request.turns:
        for part in turn.parts:
            if isinstance(part, Text | Refusal):
                assert part.text in shown
