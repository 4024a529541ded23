"""The splitter follows the WHATWG's rules however the bytes are cut, and keeps every byte it was given."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.dialects.sse import Event, SseSplitter, encode_event
from gateway.errors import UpstreamBroken


def split(*reads: bytes) -> list[Event]:
    splitter = SseSplitter()
    return [event for read in reads for event in splitter.feed(read)]


def data_of(events: list[Event]) -> list[tuple[bytes, bytes]]:
    return [(event.name, event.data) for event in events if event.data is not None]


def test_the_common_event_comes_with_its_bytes() -> None:
    raw = b'data: {"a":1}\n\n'
    assert split(raw) == [Event(raw, b'{"a":1}')]


def test_one_plain_event_in_a_read_needs_no_splitting() -> None:
    assert SseSplitter().sole_event(b'data: {"a":1}\n\n') == b'{"a":1}'


@pytest.mark.parametrize(
    "read",
    [
        b"data: 1\n\ndata: 2\n\n",
        b"data: 1\ndata: 2\n\n",
        b"data: 1\rdata: 2\n\n",
        b"data: 1\n\n\n\n",
        b"data: 1\n",
        b"\xef\xbb\xbfdata: 1\n\n",
        b": comment\n\n",
        b"data:1\n\n",
        b"",
    ],
)
def test_whatever_is_not_exactly_that_is_split(read: bytes) -> None:
    assert SseSplitter().sole_event(read) is None


def test_a_read_that_goes_on_with_an_event_is_no_event_by_itself() -> None:
    splitter = SseSplitter()
    splitter.feed(b"data: 1\n")
    assert splitter.sole_event(b"data: 2\n\n") is None
    assert data_of(splitter.feed(b"data: 2\n\n")) == [(b"", b"1\n2")]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_each_of_the_three_line_ends_ends_a_line(end: bytes) -> None:
    stream = end.join([b"event: a", b"data: 1", b"data: 2", b"", b"data: 3", b"", b""])
    assert data_of(split(stream)) == [(b"a", b"1\n2"), (b"", b"3")]


def test_only_one_space_after_the_colon_is_taken_off() -> None:
    assert data_of(split(b"data:x\n\ndata:  x\n\ndata\n\ndata:\n\n")) == [
        (b"", b"x"),
        (b"", b" x"),
        (b"", b""),
        (b"", b""),
    ]


def test_a_comment_is_no_event_but_keeps_its_bytes() -> None:
    events = split(b": OPENROUTER PROCESSING\n\ndata: 1\n\n")
    assert events == [Event(b": OPENROUTER PROCESSING\n\n", None), Event(b"data: 1\n\n", b"1")]


def test_a_comment_within_an_event_is_skipped() -> None:
    assert data_of(split(b": ping\ndata: 1\nid: 7\nretry: 5\n\n")) == [(b"", b"1")]


@pytest.mark.parametrize("cut", range(4))
def test_a_byte_order_mark_is_taken_off_the_stream_only_once(cut: int) -> None:
    stream = b"\xef\xbb\xbfdata: 1\n\n\xef\xbb\xbfdata: 2\n\n"
    assert data_of(split(stream[:cut], stream[cut:])) == [(b"", b"1")]


def test_what_no_blank_line_ends_is_unfinished() -> None:
    splitter = SseSplitter()
    assert [event.data for event in splitter.feed(b"data: 1\n\ndata: 2\n")] == [b"1"]
    assert splitter.unfinished == b"data: 2\n"


def test_a_lone_cr_ends_the_event_at_once() -> None:
    """Nobody waits for the LF that may or may not follow; where it does, it opens no event."""
    splitter = SseSplitter()
    assert [event.data for event in splitter.feed(b"data: 1\r\n\r")] == [b"1"]
    assert [event.data for event in splitter.feed(b"\ndata: 2\r\n\r\n")] == [b"2"]


def test_an_event_without_end_is_refused_at_the_limit() -> None:
    splitter = SseSplitter(limit_bytes=100)
    assert splitter.feed(b"data: " + b"x" * 94) == []
    with pytest.raises(UpstreamBroken, match="more than 100 bytes"):
        splitter.feed(b"x")


def test_a_large_first_read_is_refused_too() -> None:
    with pytest.raises(UpstreamBroken):
        SseSplitter(limit_bytes=100).feed(b"data: " + b"x" * 101)


LINES = st.sampled_from(
    [b"data: 1", b"data:2", b"data", b"event: a", b": comment", b"id: 1", b"", b"", b"data: \xc3\xa4", b"x: y", b":"]
)
STREAMS = st.lists(st.tuples(LINES, st.sampled_from([b"\n", b"\r\n", b"\r"]))).map(
    lambda lines: b"".join(line + end for line, end in lines)
)


@given(STREAMS, st.lists(st.integers(0, 200)))
@example(b"data: 1\r\n\r\ndata: 2\r\n\r\n", [10])
@example(b"\xef\xbb\xbfdata: 1\n\n", [1, 2])
def test_events_do_not_depend_on_where_the_reads_cut(stream: bytes, cuts: list[int]) -> None:
    edges = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    reads = [stream[start:end] for start, end in pairwise(edges)]
    assert data_of(split(*reads)) == data_of(split(stream)) == reference(stream)


@given(STREAMS, st.integers(1, 7))
@example(b"data: 1\n\n", 1)
@example(b"data: 1\r\n\r\n", 1)
@example(b"data: 1\r\rdata: 2\r\r", 1)
def test_no_byte_is_lost(stream: bytes, size: int) -> None:
    splitter = SseSplitter()
    events = [event for start in range(0, len(stream), size) for event in splitter.feed(stream[start : start + size])]
    assert b"".join(event.raw for event in events) + splitter.unfinished == stream
    assert data_of(events) == reference(stream)


def reference(stream: bytes) -> list[tuple[bytes, bytes]]:
    """The specification's own algorithm, line by line over the whole stream."""
    events: list[tuple[bytes, bytes]] = []
    name, data = b"", b""
    lines = stream.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    for line in lines[:-1]:
        if not line:
            if data:
                events.append((name, data[:-1]))
            name, data = b"", b""
            continue
        field, _, value = line.partition(b":")
        value = value[1:] if value.startswith(b" ") else value
        if field == b"event":
            name = value
        elif field == b"data":
            data += value + b"\n"
    return events


@given(st.binary().filter(lambda data: b"\r" not in data), st.sampled_from([b"", b"error"]))
def test_what_is_encoded_is_read_back(data: bytes, name: bytes) -> None:
    assert data_of(split(encode_event(data, name))) == [(name, data)]
