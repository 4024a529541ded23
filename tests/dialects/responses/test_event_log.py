"""The events of a response in the background, written down."""

from __future__ import annotations

import json

import msgspec
import pytest

from gateway.dialects.responses.event_log import EventLog, read_log
from gateway.errors import InvalidRequest


def delta(text: str) -> bytes:
    event = {"type": "response.output_text.delta", "sequence_number": 9, "delta": text}
    return f"data: {json.dumps(event)}\n\n".encode()


def test_events_are_numbered_anew_however_their_bytes_came() -> None:
    """What nobody can read is left out, and leaves no gap."""
    log = EventLog()
    for byte in delta("a") + b"data: {half\n\n" + delta("b"):
        log.take(bytes([byte]))
    events, following = log.since(0)
    assert [line for line in events.split(b"\n") if line.startswith(b"event:")] == [
        b"event: response.output_text.delta"
    ] * 2
    assert (events.count(b'"sequence_number":0'), events.count(b'"sequence_number":1'), following) == (1, 1, 2)


def test_beyond_the_bound_the_oldest_go_and_who_asks_for_them_is_told() -> None:
    log = EventLog(most_bytes=1_000)
    for number in range(100):
        log.take(delta(f"{number:03}"))
    log.end(msgspec.Raw(b'{"status":"completed"}'))
    with pytest.raises(InvalidRequest, match="not kept any more") as refused:
        log.since(0)
    assert refused.value.param == "starting_after"
    kept = read_log(log.to_bytes())
    events, following = kept.since(95)
    assert (b'"098"' in events, b"response.completed" in events, following, kept.ended) == (True, True, 101, True)
    assert len(log.to_bytes()) < 1_100


def test_many_events_come_in_pieces_of_64_kib() -> None:
    log = EventLog()
    for _ in range(300):
        log.take(delta("x" * 1000))
    number, pieces = 0, []
    while number < 300:
        piece, number = log.since(number)
        pieces.append(len(piece))
    assert max(pieces) < 64 * 1024 + 2_000
    assert len(pieces) == 6
