"""A stream on its way to the client: kept, and told what the gateway did for it."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.dialects.responses.errors import error_event
from gateway.dialects.responses.recorder import StreamRecorder
from gateway.errors import Description
from tests.dialects.responses.answers import ANSWERS, events_of, streamed, whole
from tests.shared_material import Recording, openai_schema, recordings

BROKEN = Description(502, "server_error", "upstream_error", "The stream broke.")


def streams(recording: Recording) -> bool:
    return recording.streamed and recording.status == 200


@pytest.mark.parametrize("recording", recordings("openai", "deepseek", "openrouter", api="responses", where=streams))
@settings(max_examples=25)
@given(data=st.data())
def test_a_recorded_stream_passes_untouched_and_its_response_is_kept(recording: Recording, data: st.DataObject) -> None:
    sent = recording.response
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sent)), max_size=4)))
    recorder = StreamRecorder({})
    got = b"".join(recorder.feed(sent[a:b]) for a, b in zip([0, *cuts], [*cuts, len(sent)], strict=True))
    assert got + recorder.end() == sent
    assert recorder.response is not None
    assert json.loads(bytes(recorder.response))["status"] in ("completed", "incomplete")


def test_what_the_gateway_did_is_set_wherever_the_response_is_shown() -> None:
    recorder = StreamRecorder({"previous_response_id": "resp_before"})
    before, after = streamed(ANSWERS["text"]), recorder.feed(streamed(ANSWERS["text"]))
    for old, new in zip(events_of(before), events_of(after), strict=True):
        if "response" in old:
            assert new["response"].pop("previous_response_id") == "resp_before"
            assert old["response"].pop("previous_response_id") is None
        assert new == old
    assert recorder.response is not None
    assert json.loads(bytes(recorder.response)) == {**whole(ANSWERS["text"]), "previous_response_id": "resp_before"}


def test_a_break_is_numbered_on_and_shows_the_failed_response() -> None:
    recorder = StreamRecorder({})
    sent = b"\n\n".join(streamed(ANSWERS["text"]).split(b"\n\n")[:5]) + b"\n\n"
    events = events_of(recorder.feed(sent) + recorder.fail(BROKEN))
    assert [event["sequence_number"] for event in events] == list(range(7))
    error, failed = events[-2:]
    assert (error["type"], error["message"]) == ("error", "The stream broke.")
    assert (failed["type"], failed["response"]["status"]) == ("response.failed", "failed")
    openai_schema("ResponseFailedEvent").validate(failed)
    assert recorder.response is None


def test_a_failed_response_is_what_a_broken_stream_comes_to() -> None:
    recorder = StreamRecorder({})
    recorder.feed(b"\n\n".join(streamed(ANSWERS["text"]).split(b"\n\n")[:5]) + b"\n\n")
    recorder.feed(recorder.fail(BROKEN))
    assert recorder.response is not None
    assert json.loads(bytes(recorder.response))["status"] == "failed"


def test_a_break_before_anything_was_said_is_an_error_alone() -> None:
    assert [event["type"] for event in events_of(StreamRecorder({}).fail(BROKEN))] == ["error"]
    (event,) = events_of(error_event(BROKEN))
    openai_schema("ResponseErrorEvent").validate(event)


def test_what_is_no_event_of_responses_passes() -> None:
    odd = b": comment\n\ndata: [DONE]\n\ndata: [1]\n\n"
    assert StreamRecorder({"a": msgspec.Raw(b"1")}).feed(odd) == odd
