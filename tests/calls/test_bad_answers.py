"""Answers that are none, for every client and provider: a failure that is known, never another, never a clean end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.calls.chat_passage import ChatPassage
from gateway.calls.count_passage import CountPassage, read_input_tokens
from gateway.calls.embeddings_passage import PassedEmbeddings
from gateway.calls.messages_passage import MessagesPassage
from gateway.calls.passage import Passage
from gateway.calls.responses_passage import ResponsesPassage
from gateway.calls.translation import TranslatedPassage, TranslatedStream
from gateway.dialects.anthropic.provider_codec import AnthropicProvider
from gateway.dialects.chat.flavour import DEEPSEEK, OPENAI, OPENROUTER
from gateway.dialects.chat.provider import ChatProvider
from gateway.dialects.codec import Frame, ProviderCodec
from gateway.dialects.fidelity import OPENAI_CHAT
from gateway.dialects.gemini.codec import GeminiProvider
from gateway.dialects.messages.answer_notes import read_count
from gateway.dialects.openai_chat import ChatRequest
from gateway.dialects.responses.provider import ResponsesProvider
from gateway.errors import UpstreamBroken
from tests.calls.heard import CLIENTS, conversation, hear, hear_stream
from tests.calls.recorded import choices_in, provider_of, recorded_answers
from tests.shared_material import Recording

PROVIDERS: dict[str, ProviderCodec] = {
    "openai": ChatProvider(OPENAI),
    "responses": ResponsesProvider(),
    "deepseek": ChatProvider(DEEPSEEK),
    "openrouter": ChatProvider(OPENROUTER),
    "anthropic": AnthropicProvider(),
    "gemini": GeminiProvider(),
}
DIALECTS = {codec.name: OPENAI_CHAT if isinstance(codec, ChatProvider) else codec.name for codec in PROVIDERS.values()}
"""What each is asked and answers in."""
PAIRS = [
    pytest.param(client, provider, id=f"{provider} to {client}")
    for client in CLIENTS
    for provider, codec in PROVIDERS.items()
    if DIALECTS[codec.name] != client
]
HTML = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
NO_ANSWERS = {
    "nothing": b"",
    "white space": b" \n",
    "HTML": HTML,
    "half an object": b'{"choices": [{"mess',
    "no UTF-8": b'{"model": "\xff\xfe"}',
    "null": b"null",
    "a number": b"5",
    "a text": b'"choices"',
    "an empty array": b"[]",
    "an empty object": b"{}",
    "members of wrong types": b'{"choices": 5, "content": 5, "candidates": 5, "output": 5}',
    "lists of wrong types": b'{"choices": [5], "content": [5], "candidates": [5]}',
    "empty lists": b'{"choices": [], "candidates": []}',
    "too deep": b'{"choices": ' + b"[" * 100_000,
    "too deep, and whole": b'{"choices": ' + b"[" * 5_000 + b"]" * 5_000 + b"}",
}

BEGUN = {
    "openai_chat": [
        {"id": "c", "model": "m", "choices": [{"index": 0, "delta": {"role": "assistant", "content": "Sal"}}]},
    ],
    "openai_responses": [
        {"type": "response.created", "response": {"model": "m", "status": "in_progress"}},
        {"type": "response.content_part.added", "part": {"type": "output_text", "text": ""}},
        {"type": "response.output_text.delta", "delta": "Sal"},
    ],
    "anthropic_messages": [
        {"type": "message_start", "message": {"model": "m", "usage": {"input_tokens": 3, "output_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Sal"}},
    ],
    "gemini": [{"candidates": [{"content": {"parts": [{"text": "Sal"}]}}], "modelVersion": "m"}],
}
"""The beginning of a stream of each dialect."""
ERRORS = {
    "openai_chat": {"error": {"message": "Overloaded.", "type": "server_error", "code": 503}},
    "openai_responses": {"type": "error", "error": {"message": "Overloaded.", "type": "server_error"}},
    "anthropic_messages": {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded."}},
    "gemini": {"error": {"code": 503, "message": "Overloaded.", "status": "UNAVAILABLE"}},
}
UNKNOWN = {"type": "something_new", "news": [1, 2]}


def passage(client: str, codec: ProviderCodec, *, streamed: bool = False, choices: int = 1) -> TranslatedPassage:
    asked = conversation(client, streamed=streamed, choices=choices)
    return TranslatedPassage(b"/", b"", asked, CLIENTS[client], codec, Frame("0123", 7))


def stream(client: str, provider: str) -> TranslatedStream:
    return passage(client, PROVIDERS[provider], streamed=True).stream()


def events(*documents: Any) -> bytes:
    return b"".join(written(document) for document in documents)


def written(document: Any) -> bytes:
    name = document.get("type") if isinstance(document, dict) else None
    head = f"event: {name}\n" if isinstance(name, str) else ""
    return f"{head}data: {json.dumps(document)}\n\n".encode()


@pytest.mark.parametrize("body", NO_ANSWERS.values(), ids=NO_ANSWERS)
@pytest.mark.parametrize(("client", "provider"), PAIRS)
def test_a_body_that_is_no_answer_is_none(client: str, provider: str, body: bytes) -> None:
    asked = passage(client, PROVIDERS[provider])
    with pytest.raises((ValueError, UpstreamBroken)):
        asked.read(body)
    with pytest.raises((ValueError, UpstreamBroken)):
        asked.as_stream(body)


PASSED: dict[str, Passage] = {
    "chat completions": ChatPassage(b"", ChatRequest("m", []), False),
    "responses": ResponsesPassage(b""),
    "messages": MessagesPassage(b""),
    "a count of tokens": CountPassage(b"", b"", read_count),
    "a count of input tokens": CountPassage(b"", b"", read_input_tokens),
    "embeddings": PassedEmbeddings(b"", 1),
}


@pytest.mark.parametrize("body", NO_ANSWERS.values(), ids=NO_ANSWERS)
@pytest.mark.parametrize("passed", PASSED.values(), ids=PASSED)
def test_nor_is_it_one_where_answers_pass_as_they_are(passed: Passage, body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        passed.read(body)


@pytest.mark.parametrize("body", NO_ANSWERS.values(), ids=NO_ANSWERS)
@pytest.mark.parametrize(("client", "provider"), PAIRS)
def test_nor_is_it_a_stream(client: str, provider: str, body: bytes) -> None:
    """Also as the data of events."""
    for data in (body, b"data: " + body + b"\n\n", b"data: " + body + b"\n\ndata: [DONE]\n\n"):
        answer = stream(client, provider)
        with pytest.raises(UpstreamBroken):
            assert (answer.feed(data), answer.end()) is None
        assert not answer.started


@pytest.mark.parametrize(("client", "provider"), PAIRS)
def test_events_that_nobody_knows_change_nothing(client: str, provider: str) -> None:
    begun = BEGUN[DIALECTS[PROVIDERS[provider].name]]
    plain, disturbed = stream(client, provider), stream(client, provider)
    assert disturbed.feed(events(UNKNOWN, *begun[:1], UNKNOWN, *begun[1:], UNKNOWN)) == plain.feed(events(*begun))


@pytest.mark.parametrize(("client", "provider"), PAIRS)
def test_a_stream_that_is_not_finished_has_no_end(client: str, provider: str) -> None:
    answer = stream(client, provider)
    heard = answer.feed(events(*BEGUN[DIALECTS[PROVIDERS[provider].name]]))
    assert b"Sal" in heard
    assert (answer.started, answer.settled, answer.done) == (True, False, False)
    with pytest.raises(UpstreamBroken):
        answer.end()


@pytest.mark.parametrize(("client", "provider"), PAIRS)
def test_an_event_that_is_cut_does_not_count(client: str, provider: str) -> None:
    answer = stream(client, provider)
    answer.feed(events(*BEGUN[DIALECTS[PROVIDERS[provider].name]]) + b'data: {"choices": [{"index": 0, "delta": {"con')
    with pytest.raises(UpstreamBroken):
        answer.end()


@pytest.mark.parametrize(("client", "provider"), PAIRS)
def test_an_error_in_place_of_the_first_event_is_the_answer(client: str, provider: str) -> None:
    codec = PROVIDERS[provider]
    answer = stream(client, provider)
    assert answer.feed(events(ERRORS[DIALECTS[codec.name]])) == b""
    assert (answer.started, answer.settled, answer.done) == (False, True, False)
    assert answer.error is not None
    said = codec.read_error(answer.error)
    assert said is not None
    assert said.message == "Overloaded."


@pytest.mark.parametrize(("client", "provider"), PAIRS)
def test_so_is_one_that_comes_amid_the_answer_and_nothing_after_it_is_heard(client: str, provider: str) -> None:
    codec = PROVIDERS[provider]
    answer = stream(client, provider)
    heard = answer.feed(
        events(*BEGUN[DIALECTS[codec.name]], ERRORS[DIALECTS[codec.name]], *BEGUN[DIALECTS[codec.name]])
    )
    assert heard.count(b"Sal") == 1
    assert (answer.settled, answer.done) == (True, False)
    assert answer.error is not None
    assert answer.end() == b""
    assert not answer.done


@pytest.mark.parametrize(("client", "provider"), PAIRS)
def test_an_error_object_with_a_good_status_is_told_as_one(client: str, provider: str) -> None:
    codec = PROVIDERS[provider]
    body = json.dumps(ERRORS[DIALECTS[codec.name]]).encode()
    assert passage(client, codec).read(body).error == body


# Recorded answers, one value of which has turned into another.

VALUES = st.sampled_from([None, True, 0, -1, 1.5, 10**30, "", "x", "\ud800", [], {}, [1], [None], {"a": 1}, [[]], [{}]])
WHOLE = [each.values[0] for each in recorded_answers(streamed=False)]
STREAMED = [each.values[0] for each in recorded_answers(streamed=True)]
FUZZ = settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))


def places_in(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where values stand in a document, itself among them."""
    yield path
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, member in members:
        yield from places_in(member, (*path, name))


def changed(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    copy = document.copy()
    copy[path[0]] = changed(document[path[0]], path[1:], value)
    return copy


def mutated(data: st.DataObject, document: Any) -> Any:
    """With one value replaced."""
    place = data.draw(st.sampled_from(list(places_in(document))))
    return changed(document, place, data.draw(VALUES))


def drawn(data: st.DataObject, among: list[Recording | None]) -> tuple[Recording, str]:
    """A recording and a client of another dialect."""
    found = [each for each in among if each is not None]
    if not found:
        pytest.skip("no recorded traffic")
    recording = data.draw(st.sampled_from(found))
    others = [name for name in CLIENTS if name != provider_of(recording).name]
    return recording, data.draw(st.sampled_from(others))


def is_valid_stream(client: str, heard: bytes) -> bool:
    """Anthropic's client insists on arguments that are JSON, which no model is sure to write."""
    try:
        hear_stream(client, heard)
    except ValueError as problem:
        return "Unable to parse tool parameter JSON from model" in str(problem)
    return True


@FUZZ
@given(data=st.data())
def test_an_answer_with_a_value_of_a_wrong_type_is_read_or_is_none(data: st.DataObject) -> None:
    """What is read of it is still an answer by the official types."""
    recording, client = drawn(data, WHOLE)
    body = json.dumps(mutated(data, json.loads(recording.response))).encode()
    asked = passage(client, provider_of(recording))
    try:
        answer = asked.read(body)
    except (ValueError, UpstreamBroken):
        return
    if answer.error is None:
        hear(client, answer.body)
        asked = passage(client, provider_of(recording), streamed=True)
        assert is_valid_stream(client, asked.as_stream(body))


@FUZZ
@given(data=st.data())
def test_so_is_a_stream_and_it_ends_whole_or_not_at_all(data: st.DataObject) -> None:
    recording, client = drawn(data, STREAMED)
    lines = recording.response.decode().splitlines(keepends=True)
    place = data.draw(st.sampled_from([at for at, line in enumerate(lines) if line.startswith("data: {")]))
    lines[place] = f"data: {json.dumps(mutated(data, json.loads(lines[place][6:])))}\n"
    answer = passage(client, provider_of(recording), streamed=True, choices=choices_in(recording)).stream()
    try:
        heard = answer.feed("".join(lines).encode())
        if answer.error is None and not answer.done:
            heard += answer.end()
    except UpstreamBroken:
        return
    if answer.error is None:
        assert answer.done
        assert is_valid_stream(client, heard)
