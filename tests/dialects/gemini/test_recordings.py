"""Every recorded answer of Gemini's, read, and held against what a plain look at the recording shows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.dialects.answer_events import assemble
from gateway.dialects.conversation import Choice, Maker, Native, Reasoning, Reply, Text, ToolCall, Turn
from gateway.dialects.gemini.codec import GeminiProvider
from tests.dialects.gemini.answers import as_json, read_stream
from tests.dialects.gemini.google_types import NEWER_MODEL, asked, sent, user
from tests.shared_material import Recording, recordings

FINISHES = {
    "STOP": "stop",
    1: "stop",
    "MAX_TOKENS": "length",
    "SAFETY": "content_filter",
    "MODEL_ARMOR": "content_filter",
}


def is_answer(recording: Recording) -> bool:
    return recording.status == 200


def is_error(recording: Recording) -> bool:
    return not is_answer(recording)


def recorded(api: str, where: Any) -> list[Any]:
    return recordings("google", "vertex", api=api, where=where)


ANSWERS = recorded("generateContent", is_answer) + recorded("streamGenerateContent", is_answer)
STREAMS = recorded("streamGenerateContent", lambda each: is_answer(each) and each.streamed)
ERRORS = [each for api in ("generateContent", "streamGenerateContent", "models") for each in recorded(api, is_error)]


def chunks_of(recording: Recording) -> list[dict[str, Any]]:
    if recording.streamed:
        lines = recording.response.decode().splitlines()
        return [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
    document = json.loads(recording.response)
    return document if isinstance(document, list) else [document]


def read(recording: Recording) -> Reply:
    if recording.streamed:
        return assemble(read_stream(recording.response))
    return GeminiProvider().decode(recording.response)


def candidates_of(recording: Recording) -> dict[int, list[dict[str, Any]]]:
    found: dict[int, list[dict[str, Any]]] = {}
    for chunk in chunks_of(recording):
        for candidate in chunk.get("candidates", []):
            found.setdefault(candidate.get("index", 0), []).append(candidate)
    return found


def parts_of(candidate: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for piece in candidate:
        yield from piece.get("content", {}).get("parts", [])


def calls_of(candidate: list[dict[str, Any]]) -> list[tuple[str, Any]]:
    calls: list[tuple[str, Any]] = []
    for part in parts_of(candidate):
        call = part.get("functionCall")
        if call is None:
            continue
        if "name" in call:
            calls.append((call["name"], call.get("args", {})))
        for piece in call.get("partialArgs", []):
            put(calls[-1][1], piece["jsonPath"], piece["stringValue"])
    return calls


def put(place: Any, path: str, value: str) -> None:
    """Sets or lengthens the text at a JSON path."""
    names = [int(name) if name.isdecimal() else name for name in re.findall(r"[^$.\[\]]+", path)]
    for name, following in zip(names, [*names[1:], None], strict=True):
        if isinstance(name, int) and len(place) == name:
            place.append(None)
        present = place[name] if isinstance(name, int) else place.get(name)
        if following is None:
            place[name] = (present or "") + value
        elif present is None:
            place[name] = [] if isinstance(following, int) else {}
        place = place[name]


def words(parts: Iterator[dict[str, Any]] | list[dict[str, Any]], *, thought: bool) -> str:
    return "".join(part.get("text", "") for part in parts if part.get("thought", False) is thought)


@pytest.mark.parametrize("recording", ANSWERS)
def test_texts_thoughts_calls_and_finish_are_those_of_the_recording(recording: Recording) -> None:
    reply = read(recording)
    candidates = candidates_of(recording)
    assert len(reply.choices) == len(candidates)
    for index, choice in enumerate(reply.choices):
        pieces = candidates[index]
        assert "".join(part.text for part in choice.parts if isinstance(part, Text)) == words(
            parts_of(pieces), thought=False
        )
        assert "".join(part.text for part in choice.parts if isinstance(part, Reasoning)) == words(
            parts_of(pieces), thought=True
        )
        calls = [part for part in choice.parts if isinstance(part, ToolCall)]
        assert [(call.name, json.loads(call.arguments)) for call in calls] == calls_of(pieces)
        assert len({call.id for call in calls}) == len(calls)
        assert choice.finish.value == ("tool_calls" if calls else FINISHES[pieces[-1]["finishReason"]])


@pytest.mark.parametrize("recording", ANSWERS)
def test_usage_is_that_of_the_recording(recording: Recording) -> None:
    last = chunks_of(recording)[-1]
    counts = last["usageMetadata"]
    reply = read(recording)
    assert reply.model == last["modelVersion"]
    assert reply.usage is not None
    assert reply.usage.prompt + reply.usage.completion == counts["totalTokenCount"]
    assert reply.usage.prompt == counts["promptTokenCount"] + counts.get("toolUsePromptTokenCount", 0)
    assert reply.usage.reasoning == counts.get("thoughtsTokenCount", 0)
    assert reply.usage.cached == counts.get("cachedContentTokenCount", 0)


@pytest.mark.parametrize("recording", ANSWERS)
def test_signatures_and_the_work_of_own_tools_are_kept_in_order(recording: Recording) -> None:
    for index, choice in enumerate(read(recording).choices):
        parts = list(parts_of(candidates_of(recording)[index]))
        assert signatures_in(choice) == [part["thoughtSignature"] for part in parts if "thoughtSignature" in part]
        own = ("executableCode", "codeExecutionResult", "toolCall", "toolResponse")
        assert [part.value for part in choice.parts if isinstance(part, Native)] == [
            part for part in parts if any(name in part for name in own)
        ]


def signatures_in(choice: Choice) -> list[str]:
    found = [
        part.signature if isinstance(part, Reasoning) else part.value.get("thoughtSignature")
        for part in choice.parts
        if isinstance(part, Reasoning | Native)
    ]
    return [signature for signature in found if signature is not None]


@pytest.mark.parametrize("recording", ANSWERS)
def test_sources_of_the_recording_are_cited(recording: Recording) -> None:
    reply = read(recording)
    for index, pieces in candidates_of(recording).items():
        grounding = pieces[-1].get("groundingMetadata", {})
        texts = [part for part in reply.choices[index].parts if isinstance(part, Text)]
        cited = [(text.text, citation) for text in texts for citation in text.citations]
        expected = [
            (grounding["groundingChunks"][chunk].get("web", {}).get("uri"), support["segment"].get("text"))
            for support in grounding.get("groundingSupports", [])
            for chunk in support.get("groundingChunkIndices", [])
        ]
        places = [(each.url, text[each.start : each.end]) for text, each in cited if each.start is not None]
        assert places == expected


@pytest.mark.parametrize("recording", ANSWERS)
def test_an_answer_goes_back_in_the_next_turn_as_it_came(recording: Recording) -> None:
    """Valid by the official types, with each signature on a part of the kind that it signed."""
    for index, choice in enumerate(read(recording).choices):
        body = sent(asked(user("?"), Turn("assistant", choice.parts), user("And?")), NEWER_MODEL)
        if not choice.parts:
            continue
        parts = body["contents"][1]["parts"]
        original = list(parts_of(candidates_of(recording)[index]))
        assert words(parts, thought=False) == words(original, thought=False)
        assert signed_kinds(parts) == signed_kinds(original)


def signed_kinds(parts: list[dict[str, Any]]) -> list[tuple[str, str]]:
    kinds = ("functionCall", "executableCode", "toolCall", "toolResponse", "text")
    return [
        (part["thoughtSignature"], next((kind for kind in kinds if kind in part), "text"))
        for part in parts
        if part.get("thoughtSignature", "skip_").removeprefix("skip_") == part.get("thoughtSignature")
    ]


@pytest.mark.parametrize("recording", STREAMS)
def test_a_stream_is_the_same_in_pieces_of_any_size(recording: Recording) -> None:
    whole = read_stream(recording.response)
    for size in (1, 7, 1000):
        data = recording.response
        assert read_stream(*(data[place : place + size] for place in range(0, len(data), size))) == whole


@pytest.mark.parametrize("recording", STREAMS)
def test_a_stream_is_the_same_answer_as_its_chunks_in_one(recording: Recording) -> None:
    chunks = chunks_of(recording)
    whole = dict(chunks[-1])
    whole["candidates"] = [
        {**pieces[-1], "index": index, "content": {"parts": list(parts_of(pieces))}}
        for index, pieces in candidates_of(recording).items()
    ]
    assert GeminiProvider().decode(as_json(whole)) == read(recording)


@pytest.mark.parametrize("recording", ERRORS)
def test_errors_say_what_the_recording_says(recording: Recording) -> None:
    error = json.loads(recording.response)["error"]
    said = GeminiProvider().read_error(recording.response)
    assert said is not None
    assert said.message == error["message"]
    bad_key = "API_KEY_INVALID" in recording.response.decode()
    assert said.status == (401 if bad_key else error["code"]) == (401 if bad_key else recording.status)
    assert said.retry_after == (48.0 if "48s" in recording.response.decode() else None)
    stream = GeminiProvider().stream()
    assert stream.feed(recording.response) + stream.end() == []
    assert stream.error is not None
    assert GeminiProvider().read_error(stream.error) == said


@pytest.mark.parametrize("recording", ANSWERS)
def test_no_answer_is_an_error(recording: Recording) -> None:
    assert GeminiProvider().read_error(recording.response) is None


@pytest.mark.parametrize("recording", ANSWERS)
def test_all_reasoning_is_geminis(recording: Recording) -> None:
    for choice in read(recording).choices:
        assert all(part.maker == Maker.GOOGLE for part in choice.parts if isinstance(part, Reasoning))
