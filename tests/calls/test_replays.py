"""Every recorded answer of every provider, translated for every client of another dialect.

What the client hears is what the recording says by its own JSON: words, thoughts and their proofs, calls, why it ended,
what it cost; at once, as the stream that it was, and as a stream made of a whole answer; valid by the specification and
the official types.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gateway.calls.translation import TranslatedPassage
from gateway.dialects.answer_events import assemble
from gateway.dialects.codec import Frame, finish_steps
from gateway.dialects.conversation import Reply
from gateway.dialects.fidelity import OPENAI_CHAT
from gateway.dialects.gemini.contents import UNSIGNED
from tests.calls.heard import CLIENTS, MESSAGES, RESPONSES, conversation, hear, hear_stream, next_turn
from tests.calls.recorded import (
    Counts,
    Said,
    choices_in,
    is_response,
    provider_of,
    recorded_answers,
    recorded_errors,
    said,
)
from tests.shared_material import Recording

FRAME = Frame("0123", 7)
SIGNED = re.compile(rb'"(?:thoughtSignature|signature|encrypted_content|data)":("[^"]+")')
PLAIN, STREAMS = recorded_answers(streamed=False), recorded_answers(streamed=True)


def passage_of(recording: Recording, client: str, *, streamed: bool) -> TranslatedPassage:
    asked = conversation(client, streamed=streamed, choices=choices_in(recording))
    return TranslatedPassage(b"/", b"", asked, CLIENTS[client], provider_of(recording), FRAME)


def clients_of(recording: Recording) -> list[str]:
    """Everybody who is not passed on, and of Responses also those who are: nobody else would try all of that form."""
    return [name for name in CLIENTS if is_response(recording) or name != provider_of(recording).name]


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


@lru_cache(maxsize=8)
def heard(client: str, stream: bytes) -> Said:
    """Heard once, of streams that are the same to the byte."""
    return hear_stream(client, stream)


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
@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(0, 10**9), max_size=12))
@example(cuts=[])
def test_a_recorded_stream_is_heard_by_every_client_however_its_bytes_arrive(
    recording: Recording, cuts: list[int]
) -> None:
    for client in clients_of(recording):
        check(heard(client, stream_for(recording, client, *cuts)), expected(recording, client))


def is_signed(recording: Recording | None) -> bool:
    """And goes back in the same dialect: in Responses nobody but OpenAI is asked through the pivot."""
    if recording is None or (is_response(recording) and recording.provider != "openai"):
        return False
    return bool(said(recording).proofs)


@pytest.mark.parametrize("recording", [each for each in [*PLAIN, *STREAMS] if is_signed(each.values[0])])
def test_what_is_signed_goes_back_in_the_next_turn_as_it_was(recording: Recording) -> None:
    """Whoever the client is: it hands the answer back in its own dialect, and its provider gets what it has signed."""
    provider, reply = provider_of(recording), whole(recording)
    for client in clients_of(recording):
        heard = CLIENTS[client].encode(reply, conversation(client), FRAME)
        again = finish_steps(CLIENTS[client].decode(next_turn(client, heard), OPENAI_CHAT))
        sent = finish_steps(provider.encode(again, reply.model))
        assert signed_in(sent) == said(recording).proofs


def whole(recording: Recording) -> Reply:
    provider = provider_of(recording)
    if not recording.streamed:
        return provider.decode(recording.response)
    stream = provider.stream(choices_in(recording))
    return assemble(stream.feed(recording.response) + ([] if stream.done else stream.end()))


def signed_in(body: bytes) -> tuple[str, ...]:
    """The signatures in a request to a provider, sorted."""
    found = [json.loads(each) for each in SIGNED.findall(body)]
    return tuple(sorted(each for each in found if each != UNSIGNED))


@pytest.mark.parametrize("recording", recorded_errors())
def test_a_recorded_error_is_no_answer(recording: Recording) -> None:
    for client in clients_of(recording):
        passage = passage_of(recording, client, streamed=True)
        assert passage.read(recording.response).error == recording.response
