"""Every recorded answer of a provider that speaks chat completions, read, compared with itself and written again."""

from __future__ import annotations

import json
from collections import defaultdict
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from gateway.dialects.answer_events import Event, assemble, told
from gateway.dialects.chat.client import ChatClient
from gateway.dialects.chat.flavour import DEEPSEEK, OPENAI, OPENROUTER, Flavour
from gateway.dialects.chat.provider import ChatProvider
from gateway.dialects.conversation import Choice, Reasoning, Refusal, Reply, Text, ToolCall
from tests.dialects.chat.wire import FRAME, chunks_of, conversation, written_answer
from tests.shared_material import Recording, openai_schema, recordings

FLAVOURS = {"openai": OPENAI, "azure": OPENAI, "deepseek": DEEPSEEK, "openrouter": OPENROUTER}
ALL = recordings(*FLAVOURS, where=lambda each: each.status == 200)
STREAMS = recordings(*FLAVOURS, where=lambda each: each.status == 200 and each.streamed)
PLAIN = recordings(*FLAVOURS, where=lambda each: each.status == 200 and not each.streamed)
ERRORS = recordings(*FLAVOURS, where=lambda each: each.status != 200)

Facts = dict[str, Any]


def flavour_of(recording: Recording) -> Flavour:
    return FLAVOURS[recording.provider]


def events_of(recording: Recording, *cuts: int) -> list[Event]:
    decoder = ChatProvider(flavour_of(recording)).stream()
    data = recording.response
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    events = [event for start, end in pairwise(places) for event in decoder.feed(data[start:end])]
    events += decoder.end()
    assert decoder.whole
    assert decoder.malformed == 0
    return events


def reply_of(recording: Recording) -> Reply:
    if recording.streamed:
        return assemble(events_of(recording))
    return ChatProvider(flavour_of(recording)).decode(recording.response)


def said_by(recording: Recording) -> tuple[list[Facts], dict[str, Any]]:
    """What each choice says by the recording's own JSON, and the usage; computed without the codec."""
    if not recording.streamed:
        answer = json.loads(recording.response)
        return [facts_of([choice["message"]], [choice["finish_reason"]]) for choice in answer["choices"]], answer[
            "usage"
        ]
    deltas: dict[int, list[dict[str, Any]]] = defaultdict(list)
    finishes: dict[int, list[str]] = defaultdict(list)
    usage: dict[str, Any] = {}
    for line in recording.response.decode().splitlines():
        if line.startswith("data: {"):
            chunk = json.loads(line.removeprefix("data: "))
            usage = chunk.get("usage") or usage
            for choice in chunk["choices"]:
                deltas[choice["index"]].append(choice["delta"])
                if choice.get("finish_reason"):
                    finishes[choice["index"]].append(choice["finish_reason"])
    return [facts_of(deltas[index], finishes[index]) for index in sorted(deltas)], usage


def facts_of(deltas: list[dict[str, Any]], finishes: list[str]) -> Facts:
    calls: dict[int, list[str]] = {}
    for delta in deltas:
        for position, call in enumerate(delta.get("tool_calls") or []):
            if "function" in call:
                entry = calls.setdefault(call.get("index", position), ["", "", ""])
                pieces = (call.get("id"), call["function"].get("name"), call["function"].get("arguments"))
                for place, piece in enumerate(pieces):
                    entry[place] += piece or ""
    finish = "tool_calls" if calls and finishes[0] == "stop" else finishes[0]
    return {
        "text": "".join(delta.get("content") or "" for delta in deltas),
        "refusal": "".join(delta.get("refusal") or "" for delta in deltas),
        "reasoning": "".join(thoughts_of(delta) for delta in deltas),
        "proofs": sorted(
            proof
            for delta in deltas
            for detail in delta.get("reasoning_details") or []
            if (proof := detail.get("data") or detail.get("signature"))
        ),
        "calls": [tuple(call) for _, call in sorted(calls.items())],
        "sources": [note["url_citation"]["url"] for delta in deltas for note in delta.get("annotations") or []],
        "finish": finish,
    }


def thoughts_of(delta: dict[str, Any]) -> str:
    details = delta.get("reasoning_details") or []
    detailed = "".join(detail.get("text") or detail.get("summary") or "" for detail in details)
    return detailed or delta.get("reasoning_content") or delta.get("reasoning") or ""


def told_by(choice: Choice) -> Facts:
    parts = choice.parts
    return {
        "text": "".join(part.text for part in parts if isinstance(part, Text)),
        "refusal": "".join(part.text for part in parts if isinstance(part, Refusal)),
        "reasoning": "".join(part.text for part in parts if isinstance(part, Reasoning)),
        "proofs": sorted(part.signature for part in parts if isinstance(part, Reasoning) and part.signature),
        "calls": [(part.id, part.name, part.arguments) for part in parts if isinstance(part, ToolCall)],
        "sources": [citation.url for part in parts if isinstance(part, Text) for citation in part.citations],
        "finish": choice.finish.value,
    }


@pytest.mark.parametrize("recording", ALL)
def test_a_recorded_answer_says_what_its_own_json_says(recording: Recording) -> None:
    choices, usage = said_by(recording)
    reply = reply_of(recording)
    assert [told_by(choice) for choice in reply.choices] == choices
    assert reply.model
    if usage:
        assert reply.usage is not None
        details = usage.get("prompt_tokens_details") or {}
        assert reply.usage.prompt + reply.usage.completion == usage["total_tokens"]
        assert reply.usage.prompt == usage["prompt_tokens"]
        # One recording counts more tokens from the cache than the prompt has; a part is never more than the whole.
        assert reply.usage.cached == min(details.get("cached_tokens") or 0, usage["prompt_tokens"])
        assert reply.usage.written == (details.get("cache_write_tokens") or 0)
        reasoning = (usage.get("completion_tokens_details") or {}).get("reasoning_tokens") or 0
        assert reply.usage.reasoning == reasoning


@pytest.mark.parametrize("recording", ALL)
def test_written_again_it_is_what_the_specification_and_the_official_types_want(recording: Recording) -> None:
    answer = written_answer(reply_of(recording))
    openai_schema("CreateChatCompletionResponse").validate(answer)
    ChatCompletion.model_validate(answer, strict=True)
    said, _ = said_by(recording)
    for choice, facts in zip(answer["choices"], said, strict=True):
        assert (choice["message"]["content"] or "") == facts["text"]
        assert (choice["message"]["refusal"] or "") == facts["refusal"]
        assert choice["message"].get("reasoning_content", "") == facts["reasoning"]
        assert choice["finish_reason"] == facts["finish"]


@pytest.mark.parametrize("recording", ALL)
def test_its_stream_is_accumulated_by_the_official_client_to_the_whole_answer(recording: Recording) -> None:
    """The client's own accumulator, the one behind `client.chat.completions.stream`, loses and doubles nothing."""
    events = events_of(recording) if recording.streamed else told(reply_of(recording))
    encoder = ChatClient().stream(conversation(stream=True, stream_usage=True), FRAME)
    state = ChatCompletionStreamState()
    for chunk in chunks_of(encoder.encode(events) + encoder.end()):
        openai_schema("CreateChatCompletionStreamResponse").validate(chunk)
        state.handle_chunk(ChatCompletionChunk.model_validate(chunk))
    gathered = json.loads(state.current_completion_snapshot.model_dump_json())
    whole = written_answer(assemble(events))
    assert gathered["usage"]["total_tokens"] == whole["usage"]["total_tokens"] if "usage" in whole else True
    for choice, expected in zip(gathered["choices"], whole["choices"], strict=True):
        message = {name: value for name, value in choice["message"].items() if value not in (None, [], "")}
        message.pop("parsed", None)
        for call in message.get("tool_calls", []):
            call.pop("index")
            call["function"].pop("parsed_arguments")
        assert message == {name: value for name, value in expected["message"].items() if value not in (None, "")}
        assert choice["finish_reason"] == expected["finish_reason"]


@pytest.mark.parametrize("recording", STREAMS)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(0, 10**9), max_size=12))
def test_however_the_bytes_are_cut_the_events_are_the_same(recording: Recording, cuts: list[int]) -> None:
    assert events_of(recording, *cuts) == events_of(recording)


@pytest.mark.parametrize("recording", STREAMS)
def test_one_byte_at_a_time_makes_no_difference(recording: Recording) -> None:
    data = recording.response[:20_000]
    decoder, bytewise = (ChatProvider(flavour_of(recording)).stream() for _ in range(2))
    expected = decoder.feed(data)
    assert [event for at in range(len(data)) for event in bytewise.feed(data[at : at + 1])] == expected


@pytest.mark.parametrize("recording", ERRORS)
def test_a_recorded_error_is_understood_and_no_answer(recording: Recording) -> None:
    provider = ChatProvider(flavour_of(recording))
    error = provider.read_error(recording.response)
    assert error is not None
    assert error.message
    with pytest.raises(ValueError, match="error in place"):
        provider.decode(recording.response)
