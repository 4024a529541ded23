"""OpenAI's own responses, passed on: bytes untouched, the preamble held, usage and end seen."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.dialects.envelope import Usage
from gateway.dialects.openai_errors import read_error, status_of
from gateway.dialects.responses.answer_notes import read_reply
from gateway.dialects.responses.answer_stream import ResponsesStream
from gateway.dialects.sse import SseSplitter
from gateway.errors import UpstreamBroken
from tests.shared_material import Recording, recordings

PROVIDERS = ("openai", "deepseek", "openrouter")


def event(type: str, **members: Any) -> bytes:
    return f"event: {type}\ndata: {json.dumps({'type': type, **members})}\n\n".encode()


CREATED = event("response.created", response={"status": "in_progress"}, sequence_number=0)
ADDED = event("response.output_item.added", item={"type": "message"}, output_index=0, sequence_number=1)
DELTA = event("response.output_text.delta", delta="Hello", sequence_number=2)
COMPLETED = event(
    "response.completed",
    response={
        "status": "completed",
        "output": [{"type": "message"}],
        "usage": {
            "input_tokens": 10,
            "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2},
            "output_tokens": 7,
            "output_tokens_details": {"reasoning_tokens": 3},
            "total_tokens": 17,
        },
    },
    sequence_number=3,
)


def streams(recording: Recording) -> bool:
    return recording.streamed and recording.status == 200


def plain(recording: Recording) -> bool:
    return not recording.streamed


def test_the_preamble_waits_for_the_first_content() -> None:
    stream = ResponsesStream()
    assert stream.feed(CREATED) == b""
    assert stream.feed(ADDED) == b""
    assert not stream.started
    assert stream.feed(DELTA) == CREATED + ADDED + DELTA
    assert stream.started


def test_the_last_event_settles_the_answer_and_counts_it() -> None:
    stream = ResponsesStream()
    stream.feed(CREATED + DELTA)
    assert stream.delivered_tokens == 2
    assert stream.feed(COMPLETED) == COMPLETED
    assert (stream.settled, stream.whole, stream.done) == (True, True, True)
    assert stream.end() == b""
    assert stream.usage == Usage(10, 7, cached=4, reasoning=3, written=2)
    assert (stream.finish_reason, stream.delivered_tokens) == ("stop", 7)


def test_openrouters_terminator_is_passed_on_and_ends_the_stream() -> None:
    stream = ResponsesStream(terminated=True)
    stream.feed(CREATED + DELTA + COMPLETED)
    assert (stream.settled, stream.done) == (True, False)
    assert stream.feed(b"data: [DONE]\n\n") == b"data: [DONE]\n\n"
    assert stream.done


def test_comments_are_dropped_until_there_is_content() -> None:
    stream = ResponsesStream()
    assert stream.feed(b": OPENROUTER PROCESSING\n\n" + CREATED) == b""
    assert stream.feed(DELTA + b": still here\n\n") == CREATED + DELTA + b": still here\n\n"


def test_a_stream_that_ends_before_its_answer_is_broken() -> None:
    stream = ResponsesStream()
    stream.feed(CREATED + DELTA)
    with pytest.raises(UpstreamBroken):
        stream.end()


def test_a_terminator_without_an_answer_is_a_break_too() -> None:
    with pytest.raises(UpstreamBroken):
        ResponsesStream().feed(CREATED + b"data: [DONE]\n\n")


@pytest.mark.parametrize(
    "failure",
    [
        event("error", code="rate_limit_exceeded", message="Slow down.", param=None, sequence_number=1),
        event("error", error={"type": "rate_limit_exceeded", "code": None, "message": "Slow down."}),
        event("response.failed", response={"error": {"code": "rate_limit_exceeded", "message": "Slow down."}}),
    ],
)
def test_an_error_in_place_of_the_answer_is_an_error_answer(failure: bytes) -> None:
    stream = ResponsesStream()
    assert stream.feed(CREATED + failure + COMPLETED) == b""
    assert stream.error is not None
    said = read_error(stream.error)
    assert said is not None
    assert (said.message, said.type, status_of(said)) == ("Slow down.", "rate_limit_exceeded", 429)
    assert (stream.started, stream.settled, stream.whole) == (False, True, False)


def test_an_error_after_content_is_seen_and_not_passed_on() -> None:
    stream = ResponsesStream()
    stream.feed(CREATED + DELTA)
    assert stream.feed(event("error", code="server_error", message="Oh no.")) == b""
    assert stream.error is not None


def test_an_event_that_is_no_json_is_skipped_and_counted() -> None:
    stream = ResponsesStream()
    assert stream.feed(CREATED + b'data: {"type":\n\n' + DELTA) == CREATED + DELTA
    assert stream.malformed == 1


@pytest.mark.parametrize(
    "piece",
    [
        b'data: {"type":"response.output_text.delta","delta":"Sal\n\n',
        b"event: response.output_text.delta\ndata: {\n\n",
        b'event: response.output_item.done\ndata: {"item":\n\n',
    ],
)
def test_a_piece_of_the_answer_that_cannot_be_read_breaks_it(piece: bytes) -> None:
    """What is left would look whole, and is not; once the answer is whole nothing is missing."""
    stream = ResponsesStream()
    assert stream.feed(CREATED + DELTA) == CREATED + DELTA
    with pytest.raises(UpstreamBroken, match="cannot be read"):
        stream.feed(piece)
    whole = ResponsesStream(terminated=True)
    assert whole.feed(CREATED + DELTA + COMPLETED + piece) == CREATED + DELTA + COMPLETED
    assert whole.malformed == 1


def test_an_incomplete_answer_is_a_whole_one() -> None:
    stream = ResponsesStream()
    stream.feed(event("response.incomplete", response={"status": "incomplete", "incomplete_details": None}))
    assert (stream.whole, stream.finish_reason) == (True, "length")


@pytest.mark.parametrize("recording", recordings(*PROVIDERS, api="responses", where=streams))
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_recorded_streams_pass_unchanged_however_they_are_split(recording: Recording, data: st.DataObject) -> None:
    """All but what comes before the first content and is no event. One of them is several streams in a row."""
    sent = recording.response
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sent)), max_size=6)))
    stream = ResponsesStream(terminated=True)
    got = b"".join(stream.feed(sent[a:b]) for a, b in zip([0, *cuts], [*cuts, len(sent)], strict=True)) + stream.end()
    assert got == b"".join(each.raw for each in SseSplitter().feed(sent) if each.data is not None)
    assert (stream.whole, stream.done, stream.error, stream.malformed) == (True, True, None, 0)
    assert stream.usage is not None
    told = next(each for each in reversed(SseSplitter().feed(sent)) if b'"usage"' in (each.data or b""))
    counts = msgspec.json.decode(told.data or b"")["response"]["usage"]
    assert (stream.usage.prompt, stream.usage.completion) == (counts["input_tokens"], counts["output_tokens"])


@pytest.mark.parametrize("recording", recordings(*PROVIDERS, api="responses", where=plain))
def test_recorded_answers_are_understood(recording: Recording) -> None:
    answer = json.loads(recording.response)
    notes = read_reply(recording.response)
    if recording.status != 200:
        assert notes.error is not None
        said, original = read_error(notes.error), answer["error"]
        assert said is not None
        assert said.message == original["message"]
        return
    assert notes.error is None
    assert notes.usage is not None
    assert notes.usage.prompt + notes.usage.completion == answer["usage"]["total_tokens"]
    calls = any(item["type"] in ("function_call", "custom_tool_call") for item in answer["output"])
    assert notes.finish_reason == ("tool_calls" if calls else "stop")


def test_a_failed_response_with_status_200_is_an_error() -> None:
    notes = read_reply(b'{"status":"failed","error":{"code":"server_error","message":"Oh no."}}')
    assert notes.error is not None
    assert read_error(notes.error) == read_error(
        b'{"error":{"message":"Oh no.","type":"server_error","code":"server_error","param":null}}'
    )


def test_an_answer_of_unknown_shape_is_not_lost() -> None:
    assert read_reply(b'{"output": ["something new"]}').error is None
    assert read_reply(b'{"output": [], "status": 7, "error": null}').error is None


def test_an_error_in_an_answer_of_unknown_shape_is_seen() -> None:
    assert read_reply(b'{"output": 7, "error": {"message": "Oh no."}}').error == b'{"error":{"message":"Oh no."}}'


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"output":null}', b'{"output":"x"}', b'{"status":7}'])
def test_what_has_no_output_is_no_answer(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_reply(body)
