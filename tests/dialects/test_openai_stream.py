"""A provider's stream on its way through: what is held back, passed on, hidden and counted."""

from __future__ import annotations

import contextlib
import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.envelope import Usage
from gateway.dialects.openai_stream import DONE, ChatStream
from gateway.dialects.passed_stream import PREAMBLE_LIMIT_BYTES
from gateway.errors import UpstreamBroken
from tests.shared_material import Recording, recordings


def event(delta: dict[str, Any] | None = None, *, finish: str | None = None, index: int = 0, **more: Any) -> bytes:
    choices = [] if delta is None else [{"index": index, "delta": delta, "finish_reason": finish}]
    return b"data: " + json.dumps({"choices": choices, **more}, separators=(",", ":")).encode() + b"\n\n"


ROLE = event({"role": "assistant", "content": ""})
TEXT = event({"content": "Salve"})
STOP = event({}, finish="stop")
COUNTS = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
USAGE = event(usage=COUNTS)
VALUES = st.sampled_from(
    [None, True, 0, -1, "", "x", [], [None], [1], {}, {"index": -1}, {"delta": {"content": 7}}, COUNTS]
)
CHUNKS = st.dictionaries(st.sampled_from(["choices", "usage", "error", "id"]), VALUES | st.lists(VALUES, max_size=2))

PROVIDERS = ("openai", "deepseek", "openrouter", "azure")
COMMENT = b": OPENROUTER PROCESSING\n\n"


def test_the_preamble_waits_for_the_first_content() -> None:
    stream = ChatStream()
    assert stream.feed(COMMENT + ROLE) == b""
    assert not stream.started
    assert stream.feed(TEXT) == ROLE + TEXT
    assert stream.started


def test_comments_pass_once_the_answer_has_begun() -> None:
    stream = ChatStream()
    stream.feed(TEXT)
    assert stream.feed(COMMENT) == COMMENT


@pytest.mark.parametrize(
    "delta",
    [
        {"content": "a"},
        {"tool_calls": [{"index": 0, "id": "x"}]},
        {"reasoning_content": "hm", "content": None},
        {"reasoning": "hm"},
        {"refusal": "no"},
        {"audio": {"id": "a"}},
        {"function_call": {"name": "f"}},
        {"something_new": [1]},
    ],
)
def test_whatever_a_client_can_use_is_content(delta: dict[str, Any]) -> None:
    stream = ChatStream()
    assert stream.feed(event({"role": "assistant", **delta})) != b""


@pytest.mark.parametrize("delta", [{"content": ""}, {"content": None, "reasoning": None, "reasoning_details": []}, {}])
def test_empty_members_are_no_content(delta: dict[str, Any]) -> None:
    stream = ChatStream()
    assert stream.feed(event({"role": "assistant", **delta})) == b""


def test_an_answer_that_is_empty_but_finished_is_an_answer() -> None:
    stream = ChatStream()
    assert stream.feed(ROLE + STOP) == ROLE + STOP
    assert stream.whole


def test_azures_first_chunk_without_choices_is_preamble() -> None:
    azure = event(prompt_filter_results=[{"prompt_index": 0}], id="", model="")
    stream = ChatStream()
    assert stream.feed(azure) == b""
    assert stream.feed(TEXT) == azure + TEXT


def test_no_more_than_a_bound_is_held_back() -> None:
    stream = ChatStream()
    long = event({"role": "assistant"}, padding="x" * PREAMBLE_LIMIT_BYTES)
    assert stream.feed(long) == long


def test_usage_that_was_asked_for_passes_and_counts() -> None:
    stream = ChatStream()
    assert stream.feed(TEXT + STOP + USAGE + DONE) == TEXT + STOP + USAGE + DONE
    assert (stream.usage, stream.finish_reason, stream.done) == (Usage(prompt=7, completion=3), "stop", True)


def test_usage_that_only_the_gateway_asked_for_is_hidden() -> None:
    """The nulls in the other chunks go too: they are there because it was asked for."""
    stream = ChatStream(hide_usage=True)
    with_null = event({"content": "Salve"}, usage=None, obfuscation="x")
    assert stream.feed(with_null) == event({"content": "Salve"}, obfuscation="x")
    assert stream.feed(event({}, finish="stop", usage=None) + USAGE + DONE) == STOP + DONE
    assert stream.usage == Usage(prompt=7, completion=3)


def test_hidden_usage_in_the_last_content_chunk_leaves_the_rest_of_it() -> None:
    """DeepSeek sends it together with the finish_reason."""
    stream = ChatStream(hide_usage=True)
    assert stream.feed(TEXT + event({}, finish="stop", usage=COUNTS)) == TEXT + STOP
    assert stream.usage == Usage(prompt=7, completion=3)


@pytest.mark.parametrize(
    "chunk",
    [
        b'{"usage":null,"choices":[{"index":0,"delta":{"content":"a"}}]}',
        b'{"choices":[{"index":0,"delta":{"content":"a"}}], "usage" : null}',
        b'{"choices":[{"index":0,"delta":{"content":"a"},"usage":null}],"usage":null}',
    ],
)
def test_a_null_usage_is_found_wherever_it_stands(chunk: bytes) -> None:
    passed = ChatStream(hide_usage=True).feed(b"data: " + chunk + b"\n\n")
    left = json.loads(passed.removeprefix(b"data: "))
    expected = json.loads(chunk)
    del expected["usage"]
    assert left == expected


def test_text_that_looks_like_usage_is_left_alone() -> None:
    stream = ChatStream(hide_usage=True)
    tricky = event({"content": ',"usage":null'}, usage=None)
    assert stream.feed(tricky) == event({"content": ',"usage":null'})


def test_an_event_that_is_no_json_is_skipped_and_counted() -> None:
    stream = ChatStream()
    assert stream.feed(TEXT + b"data: {nonsense\n\n" + STOP) == TEXT + STOP
    assert stream.malformed == 1


def test_a_piece_of_the_answer_that_nobody_can_read_breaks_it() -> None:
    """What is left would look whole, and is not; once the answer is whole nothing is missing."""
    stream = ChatStream()
    assert stream.feed(TEXT) == TEXT
    with pytest.raises(UpstreamBroken, match="cannot be read"):
        stream.feed(b'data: {"choices":[{\n\n' + STOP)
    whole = ChatStream()
    assert whole.feed(TEXT + STOP + b'data: {"choices":[{\n\n') == TEXT + STOP
    assert whole.malformed == 1


@pytest.mark.parametrize("odd", [b'{"choices":{"a":1}}', b'{"choices":[{"delta":"text"}]}', b"[1]", b'"text"'])
def test_a_chunk_of_an_unknown_shape_is_passed_on(odd: bytes) -> None:
    """It is JSON, it has been paid for, and the client may know what it is."""
    stream = ChatStream()
    assert stream.feed(b"data: " + odd + b"\n\n") == b"data: " + odd + b"\n\n"
    assert stream.malformed == 0


def test_deep_nesting_is_malformed_and_no_crash() -> None:
    stream = ChatStream()
    stream.feed(b"data: " + b"[" * 100_000 + b"]" * 100_000 + b"\n\n")
    assert stream.malformed == 1


def test_an_error_in_place_of_a_chunk_ends_the_reading() -> None:
    stream = ChatStream()
    error = b'data: {"id":"x","error":{"code":502,"message":"Provider disconnected"},"choices":[]}\n\n'
    assert stream.feed(TEXT + error + DONE) == TEXT
    assert stream.error == b'{"error":{"code":502,"message":"Provider disconnected"}}'
    assert not stream.done


def test_an_error_that_is_null_is_none() -> None:
    stream = ChatStream()
    assert stream.feed(event({"content": "a"}, error=None)) != b""
    assert stream.error is None


def test_what_follows_the_end_is_not_read() -> None:
    stream = ChatStream()
    assert stream.feed(TEXT + STOP + DONE + TEXT) == TEXT + STOP + DONE


@pytest.mark.parametrize("choices", [1, 2])
def test_done_without_a_finish_reason_is_no_end_of_an_answer(choices: int) -> None:
    """Nobody said how the answer ended: what came of it may be a part."""
    with pytest.raises(UpstreamBroken, match="without a finish reason"):
        ChatStream(choices=choices).feed(TEXT + DONE)


def test_fewer_choices_than_were_asked_for_are_whole_once_all_that_came_have_ended() -> None:
    """Some providers know nothing of `n`."""
    stream = ChatStream(choices=2)
    assert stream.feed(TEXT + STOP + DONE) == TEXT + STOP + DONE
    assert stream.done
    with pytest.raises(UpstreamBroken, match="without a finish reason"):
        ChatStream(choices=2).feed(TEXT + event({"content": "b"}, index=1) + STOP + DONE)


def test_a_stream_that_only_says_done_is_no_answer() -> None:
    with pytest.raises(UpstreamBroken, match="without an answer"):
        ChatStream().feed(COMMENT + DONE)


def test_a_stream_without_done_is_whole_once_it_has_its_finish_reason() -> None:
    stream = ChatStream()
    stream.feed(TEXT + STOP)
    assert stream.end() == DONE


def test_a_last_event_without_its_blank_line_still_counts() -> None:
    stream = ChatStream()
    stream.feed(TEXT + STOP.rstrip(b"\n"))
    assert stream.end() == STOP.rstrip(b"\n") + b"\n\n" + DONE


@pytest.mark.parametrize("cut", [b"", ROLE, TEXT, TEXT + STOP[:-10], TEXT + b"data: [DO"])
def test_a_stream_that_is_cut_is_never_presented_as_whole(cut: bytes) -> None:
    stream = ChatStream()
    stream.feed(cut)
    with pytest.raises(UpstreamBroken, match="ended before the answer did"):
        stream.end()


def test_every_choice_must_be_finished() -> None:
    stream = ChatStream(choices=2)
    stream.feed(event({"content": "a"}) + event({"content": "b"}, index=1) + STOP + STOP)
    assert not stream.whole
    stream.feed(event({}, finish="stop", index=1))
    assert stream.whole


def test_what_was_delivered_is_estimated_until_the_provider_says() -> None:
    stream = ChatStream()
    stream.feed(event({"content": "x" * 38}) + event({"reasoning_content": "y" * 40, "content": None}))
    assert stream.delivered_tokens == 20
    stream.feed(USAGE)
    assert stream.delivered_tokens == 3


@given(st.lists(st.integers(0, 2000)))
def test_where_the_reads_cut_does_not_matter(cuts: list[int]) -> None:
    whole = ROLE + COMMENT + TEXT + COMMENT + event({"content": "!"}, usage=None) + STOP + USAGE + DONE
    edges = sorted({0, len(whole), *(cut for cut in cuts if cut < len(whole))})
    stream = ChatStream(hide_usage=True)
    passed = b"".join(stream.feed(whole[start:end]) for start, end in pairwise(edges))
    assert passed == ROLE + TEXT + COMMENT + event({"content": "!"}) + STOP + DONE


@given(
    st.lists(CHUNKS.map(lambda chunk: b"data: " + json.dumps(chunk).encode() + b"\n\n") | st.binary()), st.booleans()
)
def test_no_provider_can_crash_it(pieces: list[bytes], hide_usage: bool) -> None:
    stream = ChatStream(hide_usage=hide_usage)
    with contextlib.suppress(UpstreamBroken):
        for piece in pieces:
            stream.feed(piece)
        stream.end()


@pytest.mark.parametrize("recording", recordings(*PROVIDERS, where=lambda recording: recording.streamed))
def test_recorded_streams_pass_unchanged_and_are_counted(recording: Recording) -> None:
    """All but the comments ahead of the content; the usage is the recording's own."""
    stream = ChatStream(choices=2 if "multiple_choices" in recording.name else 1)
    raw = recording.response
    passed = b"".join(stream.feed(raw[start : start + 100]) for start in range(0, len(raw), 100))
    assert stream.done
    assert stream.malformed == 0
    assert blocks(passed) == blocks(raw)
    chunks = [json.loads(block[6:]) for block in blocks(raw)[:-1]]
    counts = [chunk["usage"] for chunk in chunks if chunk.get("usage")]
    if counts:
        assert stream.usage is not None
        assert stream.usage.prompt + stream.usage.completion == counts[-1]["total_tokens"]
        assert stream.usage.prompt == counts[-1]["prompt_tokens"]
    else:
        assert stream.usage is None


def blocks(raw: bytes) -> list[bytes]:
    return [block for block in raw.split(b"\n\n") if block and not block.startswith(b":")]
