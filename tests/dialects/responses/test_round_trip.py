"""Conversations and answers of Responses that go to the wire and come back as they were."""

from __future__ import annotations

from itertools import pairwise

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.dialects.answer_events import assemble, told
from gateway.dialects.codec import Frame, finish_steps
from gateway.dialects.conversation import (
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
    Refusal,
    Reply,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
)
from gateway.dialects.envelope import Usage
from gateway.dialects.fidelity import GEMINI, OPENAI_CHAT
from gateway.dialects.responses.codec import ResponsesClient
from gateway.dialects.responses.provider import ResponsesProvider
from tests.dialects.chat.test_round_trip import ARGUMENTS, CALL_IDS, NAMES, WORDS

CLIENT, PROVIDER = ResponsesClient(), ResponsesProvider()
FRAME = Frame(id="abc", created=7)
TEXTS = st.builds(Text, WORDS)
IMAGES = st.builds(
    Image,
    st.sampled_from(
        [
            Media(data="AAAA", media_type="image/png"),
            Media(url="https://a.example/b.png"),
            Media(file_id="file_1"),
        ]
    ),
    st.sampled_from(["auto", "low", "high"]),
)
FILES = st.sampled_from(
    [
        Document(Media(data="AAAA", media_type="application/pdf"), name="a.pdf"),
        Document(Media(url="https://a.example/b.pdf")),
        Document(Media(file_id="file_1")),
    ]
)
THOUGHTS = st.builds(
    Reasoning,
    st.just("") | WORDS,
    WORDS,
    st.just(Maker.OPENAI),
    id=st.none() | st.from_regex(r"rs_[a-z]{4}", fullmatch=True),
).map(lambda thought: msgspec.structs.replace(thought, summary=bool(thought.text)))
CALLS = st.lists(st.builds(ToolCall, CALL_IDS, NAMES, ARGUMENTS), max_size=2, unique_by=lambda call: call.id)


@st.composite
def exchanges(draw: st.DrawFn) -> list[Turn]:
    """A question, an answer that may call functions, and their results; each reasoning stands before what it led to."""
    asked: list[Part] = list(draw(st.lists(TEXTS | IMAGES | FILES, min_size=1, max_size=3)))
    calls = draw(CALLS)
    spoken: list[Part] = [draw(TEXTS)] if draw(st.booleans()) or not calls else []
    said: list[Part] = []
    for part in (*spoken, *calls):
        said += [*draw(st.lists(THOUGHTS, max_size=1)), part]
    turns = [Turn("user", asked), Turn("assistant", said)]
    if calls:
        results: list[Part] = [
            ToolResult(call.id, [draw(TEXTS)] if draw(st.booleans()) else [draw(TEXTS), draw(IMAGES)]) for call in calls
        ]
        turns.append(Turn("user", results))
    return turns


TOOLS = st.builds(Tool, NAMES, st.none() | WORDS, st.none() | st.just({"type": "object"}), st.booleans())
FORMS = st.just(OutputFormat()) | st.builds(
    OutputFormat, st.just({"type": "object"}), NAMES, st.none() | WORDS, st.none() | st.booleans()
)
CONVERSATIONS = st.builds(
    Conversation,
    model=st.just("m"),
    turns=st.builds(lambda part: [Turn("system", [part])], TEXTS),
    stream=st.booleans(),
    tools=st.lists(TOOLS, max_size=3),
    parallel_tool_calls=st.none() | st.booleans(),
    output_format=st.none() | FORMS,
    reasoning=st.none() | st.builds(ReasoningWish, st.sampled_from(["low", "high"]), visible=st.just(True)),
    max_tokens=st.none() | st.integers(16, 99),
    temperature=st.none() | st.floats(0, 2),
    top_p=st.none() | st.floats(0, 1),
    user=st.none() | WORDS,
    service_tier=st.none() | st.sampled_from(["auto", "default", "flex", "priority"]),
    cache_key=st.none() | WORDS,
)


@st.composite
def choices(draw: st.DrawFn, tools: list[Tool]) -> ToolChoice | None:
    """Any form of it that the tools allow."""
    names = [tool.name for tool in tools]
    return draw(
        st.none()
        | st.builds(ToolChoice, st.sampled_from(["auto", "none", "required"]))
        | st.builds(ToolChoice, st.just("tool"), st.sampled_from(names))
        | st.builds(ToolChoice, st.sampled_from(["auto", "required"]), allowed=st.just(list(dict.fromkeys(names))))
    )


@settings(max_examples=60, deadline=None)
@given(CONVERSATIONS, st.lists(exchanges(), min_size=1, max_size=3), st.sampled_from([OPENAI_CHAT, GEMINI]), st.data())
def test_a_conversation_sent_to_openai_is_the_one_that_a_client_would_have_sent(
    request: Conversation, rounds: list[list[Turn]], target: str, data: st.DataObject
) -> None:
    request.turns += [turn for turns in rounds for turn in turns]
    if request.tools:
        request.tool_choice = data.draw(choices(request.tools))
    if target == GEMINI or not request.tools:
        request.parallel_tool_calls = None
    back = finish_steps(CLIENT.decode(finish_steps(PROVIDER.encode(request, "m")), target))
    for turn in back.turns:
        turn.field = ""
    assert msgspec.structs.replace(back, spelling={}, echo=None) == request


REPLIES = st.builds(
    lambda thoughts, said, calls, cut, usage: Reply(
        model="m-1",
        choices=[
            Choice(
                [*thoughts, *said, *calls],
                cut or (Finish.TOOL_CALLS if calls else Finish.STOP),
            )
        ],
        usage=usage,
        service_tier="flex",
    ),
    st.lists(THOUGHTS.map(lambda thought: msgspec.structs.replace(thought, summary=True)), max_size=2),
    st.lists(TEXTS | st.builds(Refusal, WORDS), max_size=2),
    CALLS,
    st.sampled_from([None, None, Finish.LENGTH, Finish.CONTENT_FILTER]),
    st.builds(
        lambda prompt, completion, cached, written, reasoning: Usage(
            prompt, completion, cached=cached, written=written, reasoning=reasoning
        ),
        *[st.integers(50, 99)] * 2,
        *[st.integers(0, 9)] * 3,
    ),
)


@settings(max_examples=60, deadline=None)
@given(REPLIES, st.lists(st.integers(0, 10**6), max_size=8))
def test_an_answer_written_for_a_client_is_read_back_whole_or_streamed(reply: Reply, cuts: list[int]) -> None:
    """In whichever pieces it comes; the names of reasoning are the gateway's own by then."""
    asked = Conversation(model="m", turns=[], stream=True)
    assert unnamed(PROVIDER.decode(CLIENT.encode(reply, asked, FRAME))) == unnamed(reply)
    encoder, decoder = CLIENT.stream(asked, FRAME), PROVIDER.stream()
    stream = encoder.encode(told(reply)) + encoder.end()
    places = [0, *sorted(cut % len(stream) for cut in cuts), len(stream)]
    events = [event for start, end in pairwise(places) for event in decoder.feed(stream[start:end])]
    assert unnamed(assemble(events + decoder.end())) == unnamed(reply)


def unnamed(reply: Reply) -> Reply:
    parts = [
        msgspec.structs.replace(part, id=None) if isinstance(part, Reasoning) else part
        for part in reply.choices[0].parts
    ]
    return msgspec.structs.replace(reply, choices=[msgspec.structs.replace(reply.choices[0], parts=parts)])
