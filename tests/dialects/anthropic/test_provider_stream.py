"""Streamed answers of this API, event by event."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.answer_events import (
    Added,
    Cited,
    Closed,
    Counted,
    Ended,
    Event,
    Opened,
    Signed,
    Started,
    assemble,
    has_content,
)
from gateway.dialects.anthropic.provider_errors import read_error
from gateway.dialects.anthropic.provider_stream import MessageStream
from gateway.dialects.conversation import Citation, Finish, Maker, Native, Reasoning, Refusal, Text, ToolCall
from gateway.dialects.envelope import Usage
from gateway.errors import UpstreamBroken

CLAUDE = Maker.ANTHROPIC


def event(type_: str, **members: Any) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (type_.encode(), json.dumps({"type": type_, **members}).encode())


def start(index: int, type_: str, **members: Any) -> bytes:
    return event("content_block_start", index=index, content_block={"type": type_, **members})


def delta(index: int, **members: Any) -> bytes:
    return event("content_block_delta", index=index, delta={"type": "x_delta", **members})


def stop(index: int) -> bytes:
    return event("content_block_stop", index=index)


def ending(reason: str = "end_turn", usage: Any = None, **members: Any) -> bytes:
    usage = {"output_tokens": 9} if usage is None else usage
    return event("message_delta", delta={"stop_reason": reason, **members}, usage=usage) + STOP


PING = event("ping")
STOP = event("message_stop")
START = event(
    "message_start",
    message={"model": "claude-x", "content": [], "usage": {"input_tokens": 5, "output_tokens": 1}},
)
TEXT = start(0, "text", text="") + delta(0, text="Sal") + delta(0, text="ve") + stop(0)
WHOLE = START + PING + TEXT + ending()

BEGUN = Started("claude-x", Usage(5, 1))
SAID = [Opened(Text("")), Added("Sal"), Added("ve"), Closed()]
OVER = [Ended(Finish.STOP), Counted(Usage(5, 9))]


def heard(data: bytes) -> list[Event]:
    stream = MessageStream()
    events = stream.feed(data)
    events += stream.end()
    assert stream.done
    return events


def heard_of(*blocks: bytes) -> list[Event]:
    """The events between the beginning and the end."""
    events = heard(START + b"".join(blocks) + ending())
    assert events[0] == BEGUN
    assert events[-2:] == OVER
    return events[1:-2]


def test_a_text() -> None:
    assert heard(WHOLE) == [BEGUN, *SAID, *OVER]


def test_nothing_is_content_before_the_first_word() -> None:
    assert [has_content(each) for each in heard(START + PING + TEXT + ending())[:3]] == [False, False, True]


def test_pings_and_unknown_events_are_passed_over() -> None:
    news = event("something_new", delta={"text": "x"})
    noisy = START + PING + news + TEXT.replace(b"event: content_block_delta", PING + b"event: content_block_delta")
    assert heard(noisy + news + ending()) == heard(WHOLE)


def test_padding_and_line_ends_do_not_matter() -> None:
    padded = WHOLE.replace(b"}\n\n", b"       }\n\n")
    assert heard(padded) == heard(WHOLE.replace(b"\n", b"\r\n")) == heard(WHOLE)


def test_thinking_is_signed_at_its_end() -> None:
    thought = (
        start(0, "thinking", thinking="", signature="") + delta(0, thinking="hm") + delta(0, signature="s") + stop(0)
    )
    assert heard_of(thought) == [Opened(Reasoning(maker=CLAUDE)), Added("hm"), Signed("s"), Closed()]


def test_thinking_that_is_not_shown_is_signed_all_the_same() -> None:
    unseen = start(0, "thinking", thinking="", signature="") + delta(0, signature="s") + stop(0)
    assert heard_of(unseen) == [Opened(Reasoning(maker=CLAUDE)), Signed("s"), Closed()]


def test_redacted_thinking() -> None:
    redacted = start(0, "redacted_thinking", data="blob") + stop(0)
    assert heard_of(redacted) == [Opened(Reasoning(maker=CLAUDE, redacted=True)), Signed("blob"), Closed()]


def test_calls_come_piece_by_piece() -> None:
    calls = [
        start(0, "tool_use", id="t", name="f", input={}),
        delta(0, partial_json=""),
        delta(0, partial_json='{"a"'),
        delta(0, partial_json=": 1}"),
        stop(0),
        start(1, "tool_use", id="u", name="g", input={}),
        delta(1, partial_json=""),
        stop(1),
        start(2, "tool_use", id="v", name="h", input={"whole": True}),
        stop(2),
    ]
    assert heard_of(*calls) == [
        *(Opened(ToolCall("t", "f", "")), Added('{"a"'), Added(": 1}"), Closed()),
        *(Opened(ToolCall("u", "g", "")), Added("{}"), Closed()),
        *(Opened(ToolCall("v", "h", "")), Added('{"whole": true}'), Closed()),
    ]


def test_citations_belong_to_their_text() -> None:
    found = {"type": "web_search_result_location", "url": "https://x", "title": "t", "cited_text": "c"}
    citation = Citation(url="https://x", title="t", cited_text="c", native=found, dialect="anthropic_messages")
    cited = start(0, "text", text="", citations=[]) + delta(0, citation=found) + delta(0, text="so") + stop(0)
    assert heard_of(cited) == [Opened(Text("")), Cited(citation), Added("so"), Closed()]


def test_what_begins_with_words_says_them() -> None:
    assert heard_of(start(0, "text", text="So") + stop(0)) == [Opened(Text("")), Added("So"), Closed()]


def test_a_providers_own_tool_comes_whole() -> None:
    use = {"id": "srvtoolu_1", "name": "web_search"}
    found = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [{"url": "https://x"}]}
    blocks = [
        start(0, "server_tool_use", **use, input={}),
        delta(0, partial_json='{"query":'),
        delta(0, partial_json='"x"}'),
        stop(0),
        event("content_block_start", index=1, content_block=found),
        stop(1),
    ]
    searched = {"type": "server_tool_use", **use, "input": {"query": "x"}}
    assert heard_of(*blocks) == [
        *(Opened(Native("anthropic_messages", searched)), Closed()),
        *(Opened(Native("anthropic_messages", found)), Closed()),
    ]


def test_a_block_nobody_knows_is_kept_with_all_that_is_added_to_it() -> None:
    compaction = start(0, "compaction", content=None) + delta(0, content="so ") + delta(0, content="far") + stop(0)
    assert heard_of(compaction) == [
        Opened(Native("anthropic_messages", {"type": "compaction", "content": "so far"})),
        Closed(),
    ]


def test_an_input_that_was_cut_short_is_left_out() -> None:
    use = {"id": "s", "name": "web_search", "input": {}}
    cut = start(0, "server_tool_use", **use) + delta(0, partial_json='{"query": "x') + stop(0)
    assert heard_of(cut)[0] == Opened(Native("anthropic_messages", {"type": "server_tool_use", **use}))


def test_counts_are_cumulative_and_what_is_left_out_still_holds() -> None:
    first = {"input_tokens": 5, "cache_read_input_tokens": 7, "output_tokens": 1, "service_tier": "standard"}
    begun = event("message_start", message={"model": "m", "usage": first})
    last = {"input_tokens": 50, "output_tokens": 9, "output_tokens_details": {"thinking_tokens": 4}}
    stream = MessageStream()
    stream.feed(begun)
    assert stream.usage == Usage(12, 1, cached=7)
    events = stream.feed(TEXT + ending(usage=last))
    assert events[-1] == Counted(Usage(57, 9, cached=7, reasoning=4), "default")
    assert stream.usage == Usage(57, 9, cached=7, reasoning=4)


def test_a_stop_sequence_and_a_refusal() -> None:
    assert heard(START + ending("stop_sequence", stop_sequence="END"))[1] == Ended(Finish.STOP, 0, "END")
    refused = heard(START + TEXT + ending("refusal", stop_details={"explanation": "Not this."}))
    assert refused[5:-1] == [Opened(Refusal("")), Added("Not this."), Closed(), Ended(Finish.REFUSAL)]


def test_an_answer_is_whole_before_the_stream_is_done() -> None:
    stream = MessageStream()
    stream.feed(WHOLE.removesuffix(STOP))
    assert (stream.whole, stream.done) == (True, False)
    assert stream.end() == []
    assert stream.done


def test_what_follows_the_end_is_not_read() -> None:
    stream = MessageStream()
    stream.feed(WHOLE)
    assert stream.feed(WHOLE) == []


def test_an_error_takes_the_place_of_the_rest() -> None:
    error = {"type": "overloaded_error", "message": "Overloaded"}
    stream = MessageStream()
    assert stream.feed(START + event("error", error=error) + TEXT) == [BEGUN]
    assert stream.error is not None
    said = read_error(stream.error)
    assert said is not None
    assert (said.status, said.message) == (529, "Overloaded")
    assert stream.end() == []


@pytest.mark.parametrize(
    "cut",
    [b"", START, START + TEXT, START + TEXT[:-20], WHOLE.removesuffix(ending()), WHOLE[: -len(ending()) + 30], STOP],
)
def test_a_stream_that_is_cut_is_never_taken_for_whole(cut: bytes) -> None:
    stream = MessageStream()
    with pytest.raises(UpstreamBroken):
        (stream.feed(cut), stream.end())


@pytest.mark.parametrize(
    "odd",
    [
        b'event: content_block_delta\ndata: {"type":"content_blo\n\n',
        b'data: {"type":"content_block_delta","index":0,"delta":{"text":7}}\n\n',
        delta(0, text="nothing is open"),
        start(0, "text", text="") + delta(1, text="x"),
        event("content_block_start", index=0),
        start(0, "text", text="") + event("content_block_delta", index=0),
        b"event: error\ndata: Overloaded\n\n",
        ending().removesuffix(STOP) + TEXT,
    ],
)
def test_a_piece_of_the_answer_that_cannot_be_read_breaks_it(odd: bytes) -> None:
    with pytest.raises(UpstreamBroken):
        MessageStream().feed(START + odd)


@pytest.mark.parametrize("odd", [b"event: ping\ndata: {\n\n", b"data: [DONE]\n\n", b"data: [1]\n\n", b": hello\n\n"])
def test_anything_else_that_cannot_be_read_is_skipped(odd: bytes) -> None:
    stream = MessageStream()
    assert stream.feed(START + odd + TEXT + ending()) == heard(WHOLE)
    assert stream.malformed == (not odd.startswith(b":"))


def test_blocks_that_are_not_closed_end_with_the_next() -> None:
    open_ended = start(0, "text", text="") + delta(0, text="a") + start(1, "text", text="") + delta(1, text="b")
    assert heard_of(open_ended) == [Opened(Text("")), Added("a"), Closed(), Opened(Text("")), Added("b"), Closed()]


@given(st.lists(st.integers(0, 2000)))
def test_where_the_reads_cut_does_not_matter(cuts: list[int]) -> None:
    use = start(1, "server_tool_use", id="s", name="web_search", input={}) + delta(1, partial_json="{}") + stop(1)
    whole = START + TEXT + PING + use + ending()
    edges = sorted({0, len(whole), *(cut for cut in cuts if cut < len(whole))})
    stream = MessageStream()
    events = [each for first, last in pairwise(edges) for each in stream.feed(whole[first:last])]
    assert stream.done
    assert events == heard(whole)
    assert assemble(events).choices[0].finish is Finish.STOP


VALUES = st.sampled_from([None, True, 0, -1, "", "x", [], [1], {}, {"type": "text"}, {"type": "tool_use", "input": 1}])
TYPES = ("message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta", "error")
EVENTS = st.builds(
    event,
    st.sampled_from((*TYPES, "message_stop", "ping", "x")),
    **dict.fromkeys(("index", "delta", "content_block", "message", "usage", "error"), VALUES),
)


@given(st.lists(EVENTS | st.binary() | st.sampled_from([START, TEXT, PING]), max_size=8))
def test_no_provider_can_crash_it(pieces: list[bytes]) -> None:
    stream = MessageStream()
    try:
        for piece in pieces:
            stream.feed(piece)
        stream.end()
    except UpstreamBroken:
        return
    assert stream.done or stream.error is not None


def test_a_stream_that_stops_without_a_reason_is_not_taken_for_a_whole_answer() -> None:
    """Nobody said how it ended: what came of it may be a part."""
    stream = MessageStream()
    stream.feed(START + event("content_block_start", index=0, content_block={"type": "text", "text": ""}))
    with pytest.raises(UpstreamBroken, match="without a stop reason"):
        stream.feed(STOP)
