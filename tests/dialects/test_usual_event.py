"""Events that differ from the one before in nothing but a text are compared, and mean what they would mean decoded."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.messages.passed_stream import MessagesStream
from gateway.dialects.openai_stream import ChatStream
from gateway.dialects.passed_stream import PassedStream
from gateway.dialects.responses.answer_stream import ResponsesStream
from gateway.dialects.usual_event import UsualEvent
from gateway.errors import UpstreamBroken


def event(text: str, *, member: str = "content", **more: Any) -> bytes:
    chunk = {"id": "1", "choices": [{"index": 0, "delta": {member: text}, "finish_reason": None}], **more}
    return b"data: " + json.dumps(chunk, separators=(",", ":"), ensure_ascii=False).encode() + b"\n\n"


def block_delta(delta: dict[str, Any], end: bytes) -> bytes:
    data = json.dumps({"type": "content_block_delta", "index": 0, "delta": delta}, ensure_ascii=False).encode()
    return end.join((b"event: content_block_delta", b"data: " + data, b"", b""))


def numbered(members: dict[str, Any], kind: str) -> bytes:
    data = json.dumps({"type": kind, **members, "obfuscation": "x1"}, separators=(",", ":"), ensure_ascii=False)
    return f"event: {kind}\ndata: {data}\n\n".encode()


LEARNT = event("Salve", obfuscation="x8")


@pytest.mark.parametrize(
    ("raw", "characters"),
    [
        (event("Vale", obfuscation=""), 4),
        (event("", obfuscation="k2J"), 0),
        (event("Vale, O amice!", obfuscation="Z" * 40), 14),
        (event("Vale"), None),
        (event("Vale", obfuscation="no-noise"), None),
        (event("Vale", obfuscation="x", sequence_number=8), None),
        (event("Vale", obfuscation="x", usage={}), None),
        (event('"Vale"', obfuscation="x"), None),
        (event("a\nb", obfuscation="x"), None),
        (event("é", obfuscation="x"), None),
        (event("Vale", obfuscation="x").replace(b"Vale", b"Va\x01le"), None),
        (event("Vale", obfuscation="x") + event("Vale", obfuscation="x"), None),
        (event("Vale", obfuscation="x")[:-1], None),
        (event("Vale", member="refusal", obfuscation="x"), None),
        (b": a comment\n\n", None),
        (b"", None),
    ],
)
def test_only_what_is_the_same_around_a_plain_text_is_usual(raw: bytes, characters: int | None) -> None:
    usual = UsualEvent()
    assert usual.characters(LEARNT) is None
    usual.learn(LEARNT, "Salve")
    assert usual.characters(raw) == characters


@pytest.mark.parametrize("raw", [event("content"), event("1"), event("é"), event("a\\b"), event("Salve", also="Salve")])
def test_a_text_that_stands_there_twice_or_is_escaped_teaches_nothing(raw: bytes) -> None:
    usual = UsualEvent()
    usual.learn(raw, json.loads(raw[6:])["choices"][0]["delta"]["content"])
    assert usual.characters(raw) is None


@pytest.mark.parametrize(("number", "characters"), [("0", 4), ("1200", 4), ("012", None), ("", None), ("1.5", None)])
def test_their_number_makes_no_difference(number: str, characters: int | None) -> None:
    usual = UsualEvent()
    usual.learn(event("Salve", sequence_number=7, item="1"), "Salve")
    raw = event("Vale", sequence_number=7, item="1").replace(b":7", b":" + number.encode())
    assert usual.characters(raw) == characters


def test_who_writes_every_event_in_another_way_is_given_up() -> None:
    usual = UsualEvent()
    for number in range(8):
        usual.learn(event("Salve", seq=number), "Salve")
    usual.learn(event("Salve"), "Salve")
    assert usual.characters(event("Vale")) is None


COUNTS = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
TEXTS = st.sampled_from(["", "ab", "a b", "c"]) | st.text(st.sampled_from('ab "\\{}:,\n\x01é😀'), max_size=6)
FRAMES = st.fixed_dictionaries(
    {},
    optional={
        "usage": st.sampled_from([None, COUNTS]),
        "obfuscation": st.text("aZ9-", max_size=3),
        "error": st.just(None),
    },
)
EVENTS = st.lists(
    st.tuples(TEXTS, st.sampled_from(["content", "reasoning_content"]), FRAMES, st.integers(1, 4)), max_size=8
).map(lambda drawn: [event(text, member=member, **frame) for text, member, frame, times in drawn for _ in range(times)])


def read(stream: PassedStream, pieces: list[bytes]) -> tuple[bytes, Any, int, int, bool]:
    passed = b"".join(map(stream.feed, pieces))
    return passed, stream.usage, stream.characters, stream.malformed, stream.started


def same(new_stream: Callable[[], PassedStream], events: list[bytes]) -> None:
    """Whether they are compared or decoded; an event that comes in two reads is always decoded."""
    halves = [half for whole in events for half in (whole[:8], whole[8:])]
    try:
        decoded = read(new_stream(), halves)
    except UpstreamBroken:
        with pytest.raises(UpstreamBroken):
            read(new_stream(), events)
    else:
        assert read(new_stream(), events) == decoded


@given(events=EVENTS, hide_usage=st.booleans())
def test_what_is_compared_means_what_it_means_decoded(events: list[bytes], hide_usage: bool) -> None:
    same(partial(ChatStream, hide_usage=hide_usage), events)


DELTAS = st.lists(
    st.tuples(
        st.dictionaries(
            st.sampled_from(["text", "thinking", "partial_json", "signature", "stop_reason"]), TEXTS, max_size=2
        ),
        st.sampled_from([b"\n", b"\r\n"]),
        st.integers(1, 4),
    ),
    max_size=8,
).map(lambda drawn: [block_delta(delta, end) for delta, end, times in drawn for _ in range(times)])


@given(events=DELTAS)
def test_in_messages_too(events: list[bytes]) -> None:
    same(MessagesStream, events)


RESPONSES = st.lists(
    st.tuples(
        st.sampled_from(["response.output_text.delta", "response.in_progress", "response.refusal.delta"]),
        TEXTS,
        st.booleans(),
        st.integers(1, 4),
    ),
    max_size=8,
).map(
    lambda drawn: [
        numbered(
            {"sequence_number": number, "delta": text} if first else {"delta": text, "sequence_number": number}, kind
        )
        for kind, text, first, times in drawn
        for number in range(98, 98 + times)
    ]
)


@given(events=RESPONSES)
def test_in_responses_too(events: list[bytes]) -> None:
    same(ResponsesStream, events)


@pytest.mark.parametrize("usage", [None, COUNTS])
def test_a_usage_that_nobody_asked_for_is_hidden_in_all_of_them(usage: Any) -> None:
    passed, *_ = read(ChatStream(hide_usage=True), [event("Salve", usage=usage)] * 3 + [event("Vale", usage=usage)])
    assert passed == event("Salve") * 3 + event("Vale")


def test_what_stands_within_another_event_is_none() -> None:
    with pytest.raises(UpstreamBroken):
        read(ChatStream(), [event("Salve"), b"data: ", event("Salve")])
