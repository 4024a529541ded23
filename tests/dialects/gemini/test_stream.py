"""Gemini's streamed answers, read."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.answer_events import (
    Added,
    Closed,
    Counted,
    Ended,
    Opened,
    Signed,
    Started,
    assemble,
)
from gateway.dialects.conversation import Choice, Citation, Finish, Maker, Reasoning, Text, ToolCall
from gateway.dialects.envelope import Usage
from gateway.dialects.gemini.codec import GeminiProvider
from gateway.dialects.gemini.stream import GeminiStream
from gateway.errors import UpstreamBroken
from tests.dialects.gemini.answers import (
    OTHER_SIGNATURE,
    SIGNATURE,
    USAGE,
    as_events,
    as_json,
    call,
    chunk,
    read_stream,
    signed,
    text,
    thought,
)

ANSWER = [
    chunk(thought("Hm.")),
    chunk(thought(" Well.")),
    chunk(text("Hel")),
    chunk(text("lo, né? ")),
    chunk(text("you."), call("now", SIGNATURE, zone="é")),
    chunk(text("", OTHER_SIGNATURE), finish="STOP"),
]
STREAM = as_events(*ANSWER)


def test_an_answer_event_by_event() -> None:
    """A text stays open until something else comes; usage follows the end."""
    stream = GeminiProvider().stream()
    events = [stream.feed(as_events(each)) for each in ANSWER]
    (call_id,) = [
        event.part.id for event in events[4] if isinstance(event, Opened) and isinstance(event.part, ToolCall)
    ]
    assert events == [
        [
            Started("gemini-2.5-flash", Usage(prompt=5, completion=7)),
            Opened(Reasoning(maker=Maker.GOOGLE)),
            Added("Hm."),
        ],
        [Added(" Well.")],
        [Closed(), Opened(Text("")), Added("Hel")],
        [Added("lo, né? ")],
        [
            Added("you."),
            Closed(),
            Opened(Reasoning(maker=Maker.GOOGLE)),
            Signed(SIGNATURE),
            Closed(),
            Opened(ToolCall(call_id, "now", "")),
            Added('{"zone":"é"}'),
            Closed(),
        ],
        [
            Opened(Reasoning(maker=Maker.GOOGLE)),
            Signed(OTHER_SIGNATURE),
            Closed(),
            Ended(Finish.TOOL_CALLS),
            Counted(Usage(prompt=5, completion=7)),
        ],
    ]
    assert (stream.whole, stream.done) == (True, True)
    assert stream.end() == []


@given(st.lists(st.integers(0, len(STREAM)), max_size=8))
def test_an_answer_is_the_same_however_its_bytes_are_split(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(STREAM)]
    pieces = [STREAM[start:end] for start, end in pairwise(places)]
    assert read_stream(*pieces) == read_stream(STREAM)


def test_byte_by_byte() -> None:
    assert read_stream(*(STREAM[place : place + 1] for place in range(len(STREAM)))) == read_stream(STREAM)


@pytest.mark.parametrize("line_end", [b"\n", b"\r", b"\r\n"])
def test_lines_may_end_as_they_like(line_end: bytes) -> None:
    assert read_stream(STREAM.replace(b"\r\n", line_end)) == read_stream(STREAM)


def test_a_mark_of_byte_order_and_white_space_ahead_of_it_all() -> None:
    assert read_stream(b"\xef\xbb\xbf" + STREAM) == read_stream(STREAM)
    assert read_stream(b"\r\n \n", STREAM) == read_stream(STREAM)


def test_the_last_blank_line_may_be_left_out() -> None:
    assert read_stream(STREAM.rstrip()) == read_stream(STREAM)


def test_a_terminator_of_some_proxy() -> None:
    stream = GeminiProvider().stream()
    stream.feed(STREAM + b"data: [DONE]\n\ndata: more\n\n")
    assert stream.done
    assert stream.end() == []


def test_streamed_and_whole_are_the_same_answer() -> None:
    """The parts of all chunks in one."""
    parts = [part for each in ANSWER for part in each["candidates"][0]["content"]["parts"]]
    assert assemble(read_stream(STREAM)) == GeminiProvider().decode(as_json(chunk(*parts, finish="STOP")))


def test_a_text_that_was_signed_goes_on_without_a_signature() -> None:
    stream = as_events(chunk(text("One ", SIGNATURE)), chunk(text("two."), finish="STOP"))
    assert assemble(read_stream(stream)).choices == [Choice([signed(), Text("One two.")], Finish.STOP)]


def test_candidates_may_mingle_and_the_answer_is_whole_when_all_that_began_have_ended() -> None:
    stream = GeminiProvider().stream()
    events = stream.feed(as_events(chunk(text("Re"), index=0), chunk(text("Bl"), index=1)))
    events += stream.feed(as_events(chunk(text("d"), index=0, finish="STOP")))
    assert not stream.whole
    events += stream.feed(as_events(chunk(text("ue"), index=1, finish="MAX_TOKENS")))
    assert stream.whole
    assert assemble([*events, *stream.end()]).choices == [
        Choice([Text("Red")], Finish.STOP),
        Choice([Text("Blue")], Finish.LENGTH),
    ]


def test_citations_come_with_the_end_of_their_text() -> None:
    grounding = {
        "groundingChunks": [{"web": {"uri": "https://example.com"}}],
        "groundingSupports": [{"segment": {"startIndex": 3, "endIndex": 8}, "groundingChunkIndices": [0]}],
    }
    stream = as_events(
        chunk(text("Hi "), groundingMetadata={}),
        chunk(text("there")),
        chunk(text("", SIGNATURE), finish="STOP", groundingMetadata=grounding),
    )
    cited = Text("Hi there", (Citation(url="https://example.com", start=3, end=8),))
    assert assemble(read_stream(stream)).choices == [Choice([cited, signed()], Finish.STOP)]


def test_arguments_that_come_in_pieces() -> None:
    """Vertex AI names the place of each; the call is whole when a piece does not say that it goes on."""

    def pieces(*arguments: dict[str, Any], more: bool = True, **call: Any) -> dict[str, Any]:
        return {"functionCall": {**call, "partialArgs": list(arguments)} | ({"willContinue": True} if more else {})}

    stream = as_events(
        chunk({"functionCall": {"name": "cook", "id": "x", "willContinue": True}, "thoughtSignature": SIGNATURE}),
        chunk(pieces({"jsonPath": "$.steps[0].what", "stringValue": "Boil ", "willContinue": True})),
        chunk(pieces({"jsonPath": "$.steps[0].what", "stringValue": "water"})),
        chunk(pieces({"jsonPath": "$.steps[0].minutes", "numberValue": 5})),
        chunk(pieces({"jsonPath": "$.steps[1]['with care']", "boolValue": True})),
        chunk(pieces({"jsonPath": "$.salt", "numberValue": 0.5}, {"jsonPath": "$.pepper", "nullValue": "NULL_VALUE"})),
        chunk({"functionCall": {}}, finish="STOP"),
    )
    arguments = '{"steps":[{"what":"Boil water","minutes":5},{"with care":true}],"salt":0.5,"pepper":null}'
    assert assemble(read_stream(stream)).choices == [
        Choice([signed(), ToolCall("x", "cook", arguments)], Finish.TOOL_CALLS)
    ]


@pytest.mark.parametrize(
    "path", ["", "$", "location", "$..x", "$.a[", "$[0]", "$.a[999999999]", "$.text.more", "$" + ".x" * 5000]
)
def test_a_piece_of_an_argument_that_has_no_place_breaks_the_stream(path: str) -> None:
    pieces = [{"jsonPath": "$.text", "stringValue": "x"}, {"jsonPath": path, "stringValue": "y"}]
    stream = as_events(chunk({"functionCall": {"name": "cook", "partialArgs": pieces, "willContinue": True}}))
    with pytest.raises(UpstreamBroken):
        read_stream(stream)


def test_usage_is_the_latest_that_counts_anything() -> None:
    stream = GeminiProvider().stream()
    stream.feed(as_events(chunk(text("Hi")) | {"usageMetadata": {"trafficType": "ON_DEMAND"}}))
    assert stream.usage is None
    stream.feed(as_events(chunk(text(" you"))))
    assert stream.usage == Usage(prompt=5, completion=7)
    stream.feed(as_events(chunk(text("."), finish="STOP") | {"usageMetadata": {"trafficType": "ON_DEMAND"}}))
    assert stream.usage == Usage(prompt=5, completion=7)


def test_a_blocked_prompt() -> None:
    stream = as_events({"promptFeedback": {"blockReason": "SAFETY"}, "modelVersion": "m"})
    assert read_stream(stream) == [Started("m"), Ended(Finish.CONTENT_FILTER)]


@pytest.mark.parametrize(
    "cut",
    [b"", STREAM[:-120], as_events(*ANSWER[:-1]), as_events({"usageMetadata": {"promptTokenCount": 5}}), b"\r\n\r\n"],
)
def test_a_stream_that_ends_before_its_answer_is_broken(cut: bytes) -> None:
    stream = GeminiProvider().stream()
    with pytest.raises(UpstreamBroken):
        assert_never_whole(stream, cut)


def assert_never_whole(stream: GeminiStream, cut: bytes) -> None:
    stream.feed(cut)
    assert not stream.whole
    stream.end()


@pytest.mark.parametrize(
    "event",
    [b"{", b"<html>", b"5", b'{"candidates": 5}', b'{"candidates": [{"content": {"parts": [{"text": 5}]}}]}'],
)
def test_an_event_that_cannot_be_read_may_have_been_a_part_of_the_answer(event: bytes) -> None:
    """Every event of Gemini's has content, so that none can be done without."""
    with pytest.raises(UpstreamBroken):
        read_stream(as_events(ANSWER[0]), b"data: " + event + b"\r\n\r\n", as_events(*ANSWER[1:]))


@pytest.mark.parametrize("depth", [100, 500, 900, 950, 980, 1000, 5000])
def test_arguments_nested_deeply_are_read_or_refused_and_never_crash_anything(depth: int) -> None:
    arguments = b'{"a":' * depth + b"1" + b"}" * depth
    event = as_json(chunk(call("now"), finish="STOP")).replace(b'"args":{}', b'"args":' + arguments)
    assert arguments in event
    try:
        (choice,) = assemble(read_stream(b"data: " + event + b"\r\n\r\n")).choices
    except UpstreamBroken:
        assert depth > 100
    else:
        (called,) = choice.parts
        assert isinstance(called, ToolCall)
        assert called.arguments.encode() == arguments


def test_what_cannot_be_read_after_the_answer_harms_nobody() -> None:
    stream = GeminiProvider().stream()
    uncounted = as_events(chunk(text("Salve"), finish="STOP") | {"usageMetadata": None})
    events = stream.feed(uncounted + b"data: {\r\n\r\n: comment\r\n\r\n")
    assert events == read_stream(uncounted)
    assert (stream.malformed, stream.whole, stream.done) == (1, True, False)


def test_the_end_has_come_once_the_cost_is_told_with_the_last_finish_or_after_it() -> None:
    """What it cost so far stands in every chunk; the last is what comes when all candidates have ended."""
    begun = as_events(chunk(text("Re")), chunk(text("d"), finish="STOP") | {"usageMetadata": None})
    stream = GeminiProvider().stream()
    stream.feed(begun)
    assert (stream.whole, stream.done) == (True, False)
    assert stream.feed(as_events({"usageMetadata": USAGE})) == [Counted(Usage(prompt=5, completion=7))]
    assert stream.done


def test_events_of_a_kind_that_nobody_knows_are_passed_over() -> None:
    assert read_stream(b'event: ping\r\ndata: {"type":"ping"}\r\n\r\n', STREAM) == read_stream(STREAM)


def test_a_failure_of_the_model_breaks_the_stream() -> None:
    with pytest.raises(UpstreamBroken, match="MALFORMED_FUNCTION_CALL"):
        read_stream(as_events(chunk(text("I look.")), chunk(finish="MALFORMED_FUNCTION_CALL")))


def test_an_error_in_place_of_an_event() -> None:
    error = {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}
    stream = GeminiProvider().stream()
    assert len(stream.feed(as_events(ANSWER[2], {"error": error}, ANSWER[3]))) == 3
    assert stream.error is not None
    said = GeminiProvider().read_error(stream.error)
    assert said is not None
    assert (said.status, said.message) == (503, "The model is overloaded.")


@pytest.mark.parametrize("as_array", [False, True])
def test_an_error_in_place_of_a_stream(as_array: bool) -> None:
    """Plain JSON, whatever it is labelled."""
    body = {"error": {"code": 404, "message": "No such model.", "status": "NOT_FOUND"}}
    stream = GeminiProvider().stream()
    for byte in as_json([body] if as_array else body):
        assert stream.feed(bytes([byte])) == []
    assert stream.end() == []
    assert stream.error is not None
    said = GeminiProvider().read_error(stream.error)
    assert said is not None
    assert (said.status, said.message) == (404, "No such model.")


def test_an_answer_as_an_array_of_chunks_or_as_a_whole() -> None:
    """What comes where a proxy drops `alt=sse`, or does not stream at all."""
    as_array = b"[" + b"\n,\r\n".join(as_json(each) for each in ANSWER) + b"\n]"
    assert assemble(read_stream(as_array[:50], as_array[50:])) == assemble(read_stream(STREAM))
    assert GeminiProvider().decode(as_array) == assemble(read_stream(STREAM))
    whole = chunk(text("Hi."), finish="STOP")
    assert assemble(read_stream(as_json(whole))) == GeminiProvider().decode(as_json(whole))


@pytest.mark.parametrize("body", [b'{"candidates": [', b"[{}", b"[5]", b"{}", b"[]", b"[" * 5000])
def test_json_that_is_no_answer_is_broken(body: bytes) -> None:
    with pytest.raises(UpstreamBroken):
        read_stream(body)


def test_an_answer_of_several_candidates_is_not_whole_before_the_last() -> None:
    first = as_events(chunk(text("One."), finish="STOP"))
    stream = GeminiProvider().stream(choices=2)
    stream.feed(first)
    assert not stream.whole
    with pytest.raises(UpstreamBroken):
        stream.end()
    second = {"content": {"parts": [text("Two.")]}, "finishReason": "STOP", "index": 1}
    stream = GeminiProvider().stream(choices=2)
    stream.feed(first + as_events({"candidates": [second]}))
    assert stream.whole
