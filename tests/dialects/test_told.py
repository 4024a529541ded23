"""What a client has heard, and the rest in its frame: as if the first writer had gone on, byte for byte."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.answer_events import Added, Closed, Counted, Ended, Event, Opened, Started
from gateway.dialects.chat import told as chat
from gateway.dialects.chat.client import ChatClient
from gateway.dialects.codec import ClientCodec, Frame, finish_steps
from gateway.dialects.conversation import Finish, Reasoning, Refusal, Text, ToolCall
from gateway.dialects.envelope import Usage
from gateway.dialects.fidelity import OPENAI_CHAT
from gateway.dialects.messages import told as messages
from gateway.dialects.messages.client import MessagesClient
from gateway.dialects.responses import told as responses
from gateway.dialects.responses.codec import ResponsesClient
from gateway.dialects.told import LONGEST_TEXT, Told

FRAME = Frame("0123", 1_700_000_000)
USAGE = Usage(prompt=9, completion=3)
HELLO = [{"role": "user", "content": "hi"}]
CLIENTS: dict[str, tuple[ClientCodec, Any, dict[str, Any]]] = {
    "chat": (ChatClient(), chat.told_of, {"messages": HELLO}),
    "chat with usage": (ChatClient(), chat.told_of, {"messages": HELLO, "stream_options": {"include_usage": True}}),
    "messages": (MessagesClient(), messages.told_of, {"messages": HELLO, "max_tokens": 9}),
    "responses": (ResponsesClient(), responses.told_of, {"input": "hi"}),
}
dialects = pytest.mark.parametrize("dialect", CLIENTS)
PIECES = st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8), min_size=1, max_size=6)


def request(dialect: str, **more: Any) -> bytes:
    return json.dumps({"model": "m", "stream": True, **CLIENTS[dialect][2], **more}).encode()


def written(dialect: str, events: list[Event]) -> tuple[Any, bytes]:
    """A writer of answers, and what it has written."""
    codec = CLIENTS[dialect][0]
    encoder = codec.stream(finish_steps(codec.decode(request(dialect), OPENAI_CHAT)), FRAME)
    return encoder, b"".join(encoder.encode([event]) for event in events)


def heard(dialect: str, *pieces: bytes) -> Told:
    told: Told = CLIENTS[dialect][1](request(dialect))
    for piece in pieces:
        told.hear(piece)
    return told


@dialects
@given(PIECES, st.integers(1, 6), st.sampled_from([Finish.STOP, Finish.LENGTH, Finish.CONTENT_FILTER]))
def test_the_rest_is_what_the_first_writer_would_have_written(
    dialect: str, pieces: list[str], cut: int, finish: Finish
) -> None:
    begun: list[Event] = [Started("m-1"), Opened(Text("")), *(Added(piece) for piece in pieces[:cut])]
    ended = Ended(finish)
    rest: list[Event] = [*(Added(piece) for piece in pieces[cut:]), Closed(), ended, Counted(USAGE)]
    encoder, whole = written(dialect, [*begun, *rest])
    whole += encoder.end()
    first = written(dialect, begun)[1]

    told = heard(dialect, first)
    sequel = told.sequel("m-1")

    assert told.resumable
    assert str(told.text) == "".join(pieces[:cut])
    assert first + b"".join(map(sequel.add, pieces[cut:])) + sequel.end(ended, USAGE) == whole


@dialects
@given(PIECES, st.lists(st.integers(1, 6), min_size=1, max_size=3))
def test_a_sequel_can_be_heard_and_gone_on_with_too(dialect: str, pieces: list[str], cuts: list[int]) -> None:
    """However often it breaks."""
    encoder, whole = written(
        dialect,
        [Started("m-1"), Opened(Text("")), *map(Added, pieces), Closed(), Ended(Finish.STOP), Counted(USAGE)],
    )
    whole += encoder.end()
    at = cuts[0]
    stream = written(dialect, [Started("m-1"), Opened(Text("")), *map(Added, pieces[:at])])[1]
    told = heard(dialect, stream)
    for more in [*cuts[1:], len(pieces)]:
        sequel = told.sequel("m-1")
        piece = b"".join(map(sequel.add, pieces[at : at + more]))
        told.hear(piece)
        stream += piece
        at += more
    stream += told.sequel("m-1").end(Ended(Finish.STOP), USAGE)
    assert stream == whole


@dialects
@pytest.mark.parametrize(
    "part",
    [Reasoning("Hm."), Refusal("No."), ToolCall("c", "f", "")],
    ids=["thoughts", "a refusal", "a call"],
)
def test_an_answer_with_anything_but_text_is_not_gone_on_with(dialect: str, part: Any) -> None:
    """Also where another text follows, and where the client's dialect has no word for it."""
    _, stream = written(dialect, [Started("m"), Opened(part), Added("x"), Closed(), Opened(Text("")), Added("Hello")])
    assert not heard(dialect, stream).resumable


@dialects
def test_nothing_said_and_all_said_are_not_gone_on_with(dialect: str) -> None:
    nothing = written(dialect, [Started("m"), Opened(Text(""))])[1]
    encoder, all_of_it = written(
        dialect, [Started("m"), Opened(Text("")), Added("Hello"), Closed(), Ended(Finish.STOP)]
    )
    assert not heard(dialect, nothing).resumable
    assert not heard(dialect, all_of_it, encoder.end()).resumable


@dialects
def test_a_text_beyond_the_bound_is_not_kept(dialect: str) -> None:
    stream = written(dialect, [Started("m"), Opened(Text("")), Added("x" * LONGEST_TEXT), Added("y")])[1]
    told = heard(dialect, stream)
    assert not told.resumable
    assert str(told.text) == ""


@pytest.mark.parametrize(
    ("dialect", "wish"),
    [
        ("chat", {"n": 2}),
        ("chat", {"logprobs": True}),
        ("chat", {"tools": [{}]}),
        ("chat", {"functions": [{}]}),
        ("chat", {"response_format": {"type": "json_schema"}}),
        ("chat", {"modalities": ["text", "audio"]}),
        ("chat", {"n": "many"}),
        ("messages", {"tools": [{}]}),
        ("messages", {"mcp_servers": [{}]}),
        ("messages", {"output_config": {"format": {"type": "json_schema"}}}),
        ("responses", {"tools": [{}]}),
        ("responses", {"text": {"format": {"type": "json_object"}}}),
        ("responses", {"top_logprobs": 2}),
        ("responses", {"include": ["message.output_text.logprobs"]}),
    ],
)
def test_what_is_asked_for_in_another_form_is_not_kept(dialect: str, wish: dict[str, Any]) -> None:
    told_of = CLIENTS[dialect][1]
    assert told_of(request(dialect, **wish)) is None


@pytest.mark.parametrize(
    ("dialect", "wish"),
    [
        ("chat", {"n": 1, "tools": [], "response_format": {"type": "text"}, "modalities": ["text"], "logprobs": False}),
        ("messages", {"tools": [], "output_config": {"effort": "low"}}),
        ("responses", {"tools": [], "text": {"format": {"type": "text"}, "verbosity": "low"}, "top_logprobs": 0}),
    ],
)
def test_what_asks_for_nothing_special_is(dialect: str, wish: dict[str, Any]) -> None:
    told_of = CLIENTS[dialect][1]
    assert told_of(request(dialect, **wish)) is not None
