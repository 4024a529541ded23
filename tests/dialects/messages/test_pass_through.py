"""Anthropic's own answers, passed on: bytes untouched, the preamble held, usage and end seen."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.envelope import Usage
from gateway.dialects.messages.answer_notes import read_count, read_reply
from gateway.dialects.messages.passed_stream import MessagesStream
from gateway.dialects.messages.told_message import as_stream
from gateway.dialects.passed_reply import ReplyNotes
from gateway.dialects.passed_stream import PREAMBLE_LIMIT_BYTES
from gateway.errors import UpstreamBroken
from tests.dialects.messages.official import accumulate, read
from tests.shared_material import Recording, recordings


def event(type: str, **members: Any) -> bytes:
    return f"event: {type}\ndata: {json.dumps({'type': type, **members})}\n\n".encode()


def delta(**members: Any) -> bytes:
    return event("content_block_delta", index=0, delta=members)


START = event(
    "message_start",
    message={"model": "m", "usage": {"input_tokens": 10, "cache_read_input_tokens": 4, "output_tokens": 1}},
)
PING = event("ping")
TEXT = event("content_block_start", index=0, content_block={"type": "text", "text": ""})
HELLO = delta(type="text_delta", text="Hello")
CLOSE = event("content_block_stop", index=0)
END = event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 7})
STOP = event("message_stop")
WHOLE = START + PING + TEXT + HELLO + CLOSE + END + STOP
ERROR = event("error", error={"type": "overloaded_error", "message": "Overloaded"})


def streams(recording: Recording) -> bool:
    return recording.streamed and recording.status == 200


def plain(recording: Recording) -> bool:
    return not recording.streamed


def answers(recording: Recording) -> bool:
    return plain(recording) and recording.status == 200


def errs(recording: Recording) -> bool:
    return plain(recording) and recording.status >= 400


def test_the_preamble_waits_for_the_first_content() -> None:
    stream = MessagesStream()
    for piece in (b": a comment\n\n", START, PING, TEXT, delta(type="text_delta", text=""), CLOSE):
        assert stream.feed(piece) == b""
    assert not stream.started
    assert stream.feed(HELLO) == START + PING + TEXT + delta(type="text_delta", text="") + CLOSE + HELLO
    assert stream.started
    assert stream.feed(PING) == PING


@pytest.mark.parametrize(
    "piece",
    [
        HELLO,
        delta(type="thinking_delta", thinking="Hm."),
        delta(type="signature_delta", signature="EqAB"),
        delta(type="input_json_delta", partial_json="{"),
        delta(type="citations_delta", citation={"type": "char_location"}),
        event("content_block_start", index=0, content_block={"type": "tool_use", "id": "t", "name": "f", "input": {}}),
        event("content_block_start", index=0, content_block={"type": "redacted_thinking", "data": "Eox"}),
        event("content_block_start", index=0, content_block={"type": "text", "text": "Hello"}),
        END,
        event("content_block_delta", index=0, delta="of tomorrow's shape"),
    ],
)
def test_each_kind_of_content_commits(piece: bytes) -> None:
    stream = MessagesStream()
    stream.feed(START)
    assert stream.feed(piece) == START + piece
    assert stream.started


def test_a_preamble_without_end_is_not_held_for_ever() -> None:
    stream = MessagesStream()
    stream.feed(START)
    passed = b""
    while not passed:
        passed = stream.feed(PING * 100)
    assert PREAMBLE_LIMIT_BYTES < len(passed) < 2 * PREAMBLE_LIMIT_BYTES


def test_usage_and_end_are_seen() -> None:
    stream = MessagesStream()
    assert stream.feed(WHOLE[: -len(STOP)]) == WHOLE[: -len(STOP)]
    assert (stream.whole, stream.settled, stream.done) == (True, True, False)
    assert stream.usage == Usage(prompt=14, completion=7, cached=4)
    assert stream.finish_reason == "stop"
    assert stream.delivered_tokens == 7
    assert stream.feed(STOP) == STOP
    assert stream.done


def test_a_whole_answer_that_is_not_ended_is_ended_for_the_client() -> None:
    stream = MessagesStream()
    stream.feed(WHOLE[: -len(STOP)])
    assert stream.end() == b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
    assert stream.done


@pytest.mark.parametrize("before", [START, START + TEXT + HELLO + CLOSE])
def test_an_end_without_a_stop_reason_is_broken(before: bytes) -> None:
    """Nobody said how the answer ended: what came of it may be a part."""
    with pytest.raises(UpstreamBroken, match="without a stop reason"):
        MessagesStream().feed(before + STOP)


def test_a_cut_answer_is_never_a_whole_one() -> None:
    """What it cost is what the prompt took and what was delivered."""
    stream = MessagesStream()
    stream.feed(START + TEXT + delta(type="text_delta", text="x" * 100))
    with pytest.raises(UpstreamBroken):
        stream.end()
    assert stream.usage == Usage(prompt=14, completion=25, cached=4)
    assert stream.delivered_tokens == 25
    assert not stream.settled


def test_a_cut_answer_without_any_count_is_guessed() -> None:
    stream = MessagesStream()
    stream.feed(TEXT + delta(type="text_delta", text="x" * 101))
    assert stream.usage is None
    assert stream.delivered_tokens == 26


def test_an_event_cut_in_the_middle_is_a_cut_answer() -> None:
    stream = MessagesStream()
    stream.feed(START + TEXT + HELLO + HELLO[:-30])
    with pytest.raises(UpstreamBroken):
        stream.end()


def test_a_last_event_without_its_blank_line_counts() -> None:
    stream = MessagesStream()
    passed = stream.feed(WHOLE[:-1])
    assert passed + stream.end() == WHOLE
    assert stream.done


@pytest.mark.parametrize("before", [b"", START, START + TEXT + HELLO])
def test_an_error_takes_the_answers_place(before: bytes) -> None:
    stream = MessagesStream()
    stream.feed(before)
    assert stream.feed(ERROR + HELLO) == b""
    assert stream.settled
    assert stream.error is not None
    assert json.loads(stream.error)["error"]["type"] == "overloaded_error"
    assert stream.end() == b""


def test_an_error_that_cannot_be_read_is_one_all_the_same() -> None:
    stream = MessagesStream()
    stream.feed(b"event: error\ndata: Overloaded\n\n")
    assert stream.error == b"Overloaded"


def test_nothing_is_read_after_the_end() -> None:
    stream = MessagesStream()
    assert stream.feed(WHOLE + HELLO) == WHOLE


def test_an_end_without_an_answer_is_none() -> None:
    with pytest.raises(UpstreamBroken):
        MessagesStream().feed(STOP)
    with pytest.raises(UpstreamBroken):
        MessagesStream().end()


def test_an_event_that_is_no_json_is_left_out_and_counted() -> None:
    stream = MessagesStream()
    assert stream.feed(START + TEXT + b"event: news\ndata: {\n\n" + HELLO) == START + TEXT + HELLO
    assert stream.malformed == 1


def test_but_not_where_the_answer_would_be_another_without_it() -> None:
    stream = MessagesStream()
    stream.feed(START + TEXT + HELLO)
    with pytest.raises(UpstreamBroken):
        stream.feed(b"event: content_block_delta\ndata: {\n\n")


@given(st.lists(st.integers(0, len(WHOLE)), max_size=12))
def test_the_bytes_are_the_same_however_they_come(cuts: list[int]) -> None:
    assert passed_in_pieces(WHOLE, cuts) == WHOLE


@pytest.mark.parametrize("recording", recordings("anthropic", api="messages", where=streams))
def test_every_recorded_stream_passes_unchanged(recording: Recording) -> None:
    raw = recording.response
    size = len(raw)
    for cuts in (range(size), range(0, size, 7), range(0, size, 999), [size // 2], []):
        assert passed_in_pieces(raw, list(cuts)) == raw


@pytest.mark.parametrize("recording", recordings("anthropic", api="messages", where=streams))
def test_what_a_recorded_stream_cost_is_what_its_client_counts(recording: Recording) -> None:
    stream = MessagesStream()
    stream.feed(recording.response)
    counted = accumulate(recording.response).usage
    cached, written = counted.cache_read_input_tokens or 0, counted.cache_creation_input_tokens or 0
    usage = stream.usage
    assert usage is not None
    assert (usage.prompt, usage.completion) == (counted.input_tokens + cached + written, counted.output_tokens)
    assert (usage.cached, usage.written) == (cached, written)


@pytest.mark.parametrize("recording", recordings("anthropic", api="messages", where=answers))
def test_so_it_is_with_a_whole_answer(recording: Recording) -> None:
    notes = read_reply(recording.response)
    counted = read(recording.response).usage
    assert notes.usage is not None
    assert notes.usage.completion >= counted.output_tokens  # more where a compaction is counted apart
    assert notes.finish_reason is not None
    assert notes.error is None


@pytest.mark.parametrize("recording", recordings("anthropic", api="messages", where=answers))
def test_a_whole_answer_becomes_the_stream_that_was_asked_for(recording: Recording) -> None:
    """Nothing of it is lost."""
    message, gathered = read(recording.response), accumulate(as_stream(recording.response))
    assert said_by([gathered]) == said_by([message])


@pytest.mark.parametrize("body", [b"{}", b'{"content": "x"}', b'{"content": [3]}', b"[" * 100_000], ids=range(4))
def test_what_holds_no_message_becomes_no_stream(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # any of JSON's
        as_stream(body)


def said_by(content: Any) -> list[dict[str, Any]]:
    return [
        block.model_dump(mode="json", exclude_none=True, exclude={"parsed_output"}, warnings=False) for block in content
    ]


@pytest.mark.parametrize("recording", recordings("anthropic", api="messages", where=errs))
def test_an_error_answer_is_known_as_one_whatever_its_status(recording: Recording) -> None:
    assert read_reply(recording.response) == ReplyNotes(error=recording.response)


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[]", b"3", b"[" * 100_000, b"{}", b'{"content":null}', b'{"content":"x"}', b'{"id":7,"type":7}'],
    ids=range(9),
)
def test_what_has_no_content_is_no_answer(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # any of JSON's
        read_reply(body)
    with pytest.raises(ValueError):  # noqa: PT011  # any of JSON's
        read_count(body)


def test_a_count_is_a_number() -> None:
    assert read_count(b'{"input_tokens":7,"of_tomorrow":1}') == ReplyNotes()
    error = b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'
    assert read_count(error) == ReplyNotes(error=error)
    with pytest.raises(ValueError, match="input_tokens"):
        read_count(b'{"input_tokens":"seven"}')


def test_an_answer_of_an_unusual_shape_is_an_answer() -> None:
    assert read_reply(b'{"content": [], "stop_reason": 3, "usage": "many"}') == ReplyNotes()


def passed_in_pieces(raw: bytes, cuts: list[int]) -> bytes:
    stream = MessagesStream()
    places = sorted({0, len(raw), *cuts})
    passed = b"".join(stream.feed(raw[here:there]) for here, there in pairwise(places))
    assert stream.done
    assert stream.malformed == 0
    return passed
