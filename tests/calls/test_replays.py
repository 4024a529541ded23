"""Every recorded answer of every provider, translated for every client of another dialect.

What the client hears is what the recording says by its own JSON: words, calls, why it ended, what it cost; at once, as
the stream that it was, and as a stream made of a whole answer; valid by the specification and the official types.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.calls.translation import TranslatedPassage
from gateway.dialects.codec import Frame, finish_steps
from tests.calls.heard import CLIENTS, MESSAGES, RESPONSES, hear, hear_stream, question
from tests.calls.recorded import Counts, Said, choices_in, provider_of, recorded_answers, recorded_errors, said
from tests.shared_material import Recording

FRAME = Frame("0123", 7)
PLAIN, STREAMS = recorded_answers(streamed=False), recorded_answers(streamed=True)


def passage_of(recording: Recording, client: str, *, streamed: bool) -> TranslatedPassage:
    codec, provider = CLIENTS[client], provider_of(recording)
    body = question(client, streamed=streamed, choices=choices_in(recording))
    conversation = finish_steps(codec.decode(body, provider.name))
    return TranslatedPassage(b"/", b"", conversation, codec, provider, FRAME)


def clients_of(recording: Recording) -> list[str]:
    return [name for name in CLIENTS if name != provider_of(recording).name]


def stream_for(recording: Recording, client: str, *cuts: int) -> bytes:
    """What the client reads, however the bytes arrive."""
    stream = passage_of(recording, client, streamed=True).stream()
    data = recording.response
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    pieces = [stream.feed(data[start:end]) for start, end in pairwise(places)]
    if not stream.done:
        pieces.append(stream.end())
    assert (stream.done, stream.error, stream.malformed) == (True, None, 0)
    return b"".join(pieces)


def expected(recording: Recording, client: str) -> Said:
    """What the recording says, as far as the client's dialect has a place for it."""
    facts = said(recording)
    if client == RESPONSES and facts.finish in ("stop", "tool_calls"):  # which are told apart by the calls alone
        return replace(facts, finish="tool_calls" if facts.calls else "stop")
    if client == MESSAGES:
        facts = replace(facts, usage=facts.usage or Counts(0, 0, 0, 0))  # which every message has
        if facts.refusal:
            filtered = "content_filter" if facts.finish == "stop" else facts.finish
            return replace(facts, text=facts.text + facts.refusal, refusal="", finish=filtered)
    return facts


def check(heard: Said, wanted: Said) -> None:
    """Arguments that were cut are not compared: Anthropic's client takes the beginning of an object for one."""
    pairs = zip(heard.calls, wanted.calls, strict=True)
    calls = tuple(ours if theirs[1] is not None else (ours[0], None) for ours, theirs in pairs)
    assert replace(heard, calls=calls) == wanted


@pytest.mark.parametrize("recording", PLAIN)
def test_a_recorded_answer_is_heard_by_every_client(recording: Recording) -> None:
    for client in clients_of(recording):
        answer = passage_of(recording, client, streamed=False).read(recording.response)
        assert answer.error is None
        check(hear(client, answer.body), expected(recording, client))


@pytest.mark.parametrize("recording", PLAIN)
def test_it_is_the_same_as_the_stream_that_the_client_asked_for(recording: Recording) -> None:
    for client in clients_of(recording):
        stream = passage_of(recording, client, streamed=True).as_stream(recording.response)
        check(hear_stream(client, stream), expected(recording, client))


@pytest.mark.parametrize("recording", STREAMS)
def test_a_recorded_stream_is_heard_by_every_client(recording: Recording) -> None:
    for client in clients_of(recording):
        check(hear_stream(client, stream_for(recording, client)), expected(recording, client))


@pytest.mark.parametrize("recording", STREAMS)
@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(0, 10**9), max_size=12))
def test_however_its_bytes_arrive(recording: Recording, cuts: list[int]) -> None:
    client = clients_of(recording)[len(cuts) % 2]
    whole = hear_stream(client, stream_for(recording, client))
    assert hear_stream(client, stream_for(recording, client, *cuts)) == whole


@pytest.mark.parametrize("recording", recorded_errors())
def test_a_recorded_error_is_no_answer(recording: Recording) -> None:
    for client in clients_of(recording):
        passage = passage_of(recording, client, streamed=True)
        assert passage.read(recording.response).error == recording.response
