"""Answers as a Responses client gets them, whole and streamed."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.responses import Response

from gateway.dialects.answer_events import Added, Closed, Ended, Opened, Scored, Started
from gateway.dialects.codec import finish_steps
from gateway.dialects.conversation import Finish, Image, Maker, Native, Reasoning, Reply, Text, ToolCall
from gateway.dialects.fidelity import ANTHROPIC_MESSAGES
from gateway.dialects.responses.answer_stream import ResponsesStream
from gateway.dialects.responses.codec import ResponsesClient
from gateway.dialects.stamps import stamp
from gateway.errors import Description
from tests.dialects.responses.answers import (
    ANSWERS,
    FRAME,
    SCORE,
    USAGE,
    asked,
    client,
    client_of_stream,
    events_of,
    reply,
    streamed,
    whole,
)
from tests.shared_material import openai_schema, openapi

each_answer = pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS.keys())


def test_a_text_is_a_message() -> None:
    document = whole(ANSWERS["text"])
    assert document["output"] == [
        {
            "id": "msg_0123_0",
            "type": "message",
            "status": "completed",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "Hello", "annotations": [], "logprobs": []}],
        }
    ]
    assert (document["id"], document["model"], document["created_at"]) == ("resp_0123", "m-1", FRAME.created)
    assert (document["status"], document["incomplete_details"], document["error"]) == ("completed", None, None)
    assert document["usage"] == {
        "input_tokens": 10,
        "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2},
        "output_tokens": 7,
        "output_tokens_details": {"reasoning_tokens": 3},
        "total_tokens": 17,
    }


def test_reasoning_words_and_calls_are_items_in_order() -> None:
    assert whole(ANSWERS["thought, said, called"])["output"] == [
        {
            "id": "rs_0123_0",
            "type": "reasoning",
            "summary": [],
            "content": [{"type": "reasoning_text", "text": "Let me see."}],
            "encrypted_content": stamp(Maker.ANTHROPIC, "sig"),
        },
        {
            "id": "msg_0123_1",
            "type": "message",
            "status": "completed",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "I look.", "annotations": [], "logprobs": []}],
        },
        {
            "id": "fc_0123_2",
            "type": "function_call",
            "status": "completed",
            "call_id": "a",
            "name": "f",
            "arguments": "{}",
        },
    ]


def test_openais_own_reasoning_comes_back_as_it_was() -> None:
    assert whole(ANSWERS["openai's thoughts"])["output"][0] == {
        "id": "rs_theirs",
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": "hm"}],
        "encrypted_content": "gAAA",
    }


def test_citations_say_where_they_stand() -> None:
    first, second = whole(ANSWERS["cited"])["output"][0]["content"]
    assert first["annotations"] == [
        {"type": "url_citation", "url": "https://a", "title": "A", "start_index": 0, "end_index": 7},
        {"type": "url_citation", "url": "https://b", "title": "", "start_index": 2, "end_index": 5},
    ]
    assert second["annotations"] == []


def test_probabilities_have_bytes_even_where_the_provider_left_them_out() -> None:
    (part,) = whole(ANSWERS["scored"])["output"][0]["content"]
    assert part["logprobs"] == [{**SCORE, "bytes": [0xC3, 0xA9]}]


@pytest.mark.parametrize(
    ("finish", "status", "details"),
    [
        (Finish.STOP, "completed", None),
        (Finish.TOOL_CALLS, "completed", None),
        (Finish.LENGTH, "incomplete", {"reason": "max_output_tokens"}),
        (Finish.CONTENT_FILTER, "incomplete", {"reason": "content_filter"}),
        (Finish.REFUSAL, "incomplete", {"reason": "content_filter"}),
        (Finish.PAUSE, "incomplete", {"reason": "max_output_tokens"}),
    ],
)
def test_how_an_answer_ends(finish: Finish, status: str, details: Any) -> None:
    document = whole(reply(Text("x"), finish=finish))
    assert (document["status"], document["incomplete_details"]) == (status, details)
    assert document["output"][0]["status"] == status


def test_an_answer_repeats_what_was_asked() -> None:
    settings: dict[str, Any] = {
        "instructions": "Be brief.",
        "max_output_tokens": 9,
        "metadata": {"a": "b"},
        "parallel_tool_calls": False,
        "reasoning": {"effort": "low"},
        "store": False,
        "temperature": 0.5,
        "text": {"format": {"type": "json_object"}},
        "tool_choice": "required",
        "top_p": 0.5,
        "truncation": "auto",
        "user": "u",
    }
    tools = [{"type": "function", "name": "f"}, {"type": "web_search", "search_context_size": "low", "name": 5}]
    document = whole(ANSWERS["text"], asked(**settings, tools=tools))
    assert {name: document[name] for name in settings} == settings
    assert document["tools"] == [
        {"type": "function", "name": "f", "description": None, "parameters": None, "strict": None},
        tools[1],
    ]


@each_answer
def test_what_we_send_is_what_the_specification_says(answer: Reply) -> None:
    validator = openai_schema("Response")
    validator.validate(whole(answer))
    validator.validate(whole(answer, asked(tools=[{"type": "function", "name": "f"}], tool_choice="auto")))


@each_answer
def test_and_so_is_every_event(answer: Reply) -> None:
    names = {
        openapi()["components"]["schemas"][name]["properties"]["type"]["enum"][0]: name
        for name in (
            each["$ref"].split("/")[-1] for each in openapi()["components"]["schemas"]["ResponseStreamEvent"]["anyOf"]
        )
    }
    for event in events_of(streamed(answer)):
        openai_schema(names[event["type"]]).validate(event)


@each_answer
def test_the_official_client_reads_a_whole_answer(answer: Reply) -> None:
    body = ResponsesClient().encode(answer, asked(), FRAME)
    with client(lambda _: httpx.Response(200, headers={"content-type": "application/json"}, content=body)) as caller:
        response = caller.responses.create(model="m", input="hi")
    assert pydantic.TypeAdapter(Response).validate_python(json.loads(body)).id == response.id
    texts = [part.text for part in answer.choices[0].parts if isinstance(part, Text)]
    assert response.output_text == "".join(texts)


@each_answer
def test_the_official_client_gathers_a_stream(answer: Reply) -> None:
    """What its helper adds up, delta by delta, is the whole answer."""
    deltas = ""
    with client_of_stream(streamed(answer)) as caller, caller.responses.stream(model="m", input="hi") as stream:
        for number, event in enumerate(stream):
            assert event.sequence_number == number
            if event.type == "response.output_text.delta":
                deltas += event.delta
                assert deltas.endswith(event.delta)
        if whole(answer)["status"] == "completed":
            final = stream.get_final_response()
            assert json.loads(final.model_dump_json(exclude_unset=True))["output"] is not None
            assert final.output_text == deltas
            calls = [part for part in answer.choices[0].parts if isinstance(part, ToolCall)]
            found = [item for item in final.output if item.type == "function_call"]
            assert [(item.call_id, item.name, item.arguments) for item in found] == [
                (call.id, call.name, call.arguments) for call in calls
            ]


def test_the_official_client_parses_structured_output() -> None:
    class Point(pydantic.BaseModel):
        x: int

    text = streamed(reply(Text('{"x": 3}')))
    with (
        client_of_stream(text) as caller,
        caller.responses.stream(model="m", input="hi", text_format=Point) as stream,
    ):
        assert stream.get_final_response().output_parsed == Point(x=3)


@each_answer
def test_a_stream_ends_with_the_answer_that_would_have_come_whole(answer: Reply) -> None:
    events = events_of(streamed(answer))
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert [event["type"] for event in events[:2]] == ["response.created", "response.in_progress"]
    last = events[-1]
    assert last["type"] == f"response.{whole(answer)['status']}"
    assert last["response"] == whole(answer)
    done = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    if answer is not ANSWERS["scored"]:  # whose probabilities are told after its words were whole
        assert done == last["response"]["output"]
    added = [event["output_index"] for event in events if event["type"] == "response.output_item.added"]
    assert added == list(range(len(done)))


@each_answer
def test_we_read_our_own_streams_as_we_read_openais(answer: Reply) -> None:
    stream = ResponsesStream()
    sent = streamed(answer)
    assert stream.feed(sent) + stream.end() == sent
    assert (stream.whole, stream.usage) == (True, USAGE)


@each_answer
def test_what_came_back_goes_on_as_it_was(answer: Reply) -> None:
    """The output of an answer, sent as input, is the turn that the provider made."""
    output = whole(answer)["output"]
    parts = answer.choices[0].parts
    if not output or any(isinstance(part, Native) for part in parts):
        return
    turns = finish_steps(
        ResponsesClient().decode(json.dumps({"model": "m", "input": output}).encode(), ANTHROPIC_MESSAGES)
    ).turns
    assert len(turns) == 1
    found = turns[0].parts
    assert [type(part) for part in found] == [type(part) for part in parts]
    for got, sent in zip(found, parts, strict=True):
        if isinstance(got, Reasoning) and isinstance(sent, Reasoning):
            assert (got.text, got.signature, got.maker) == (sent.text, sent.signature, sent.maker)
            assert (got.summary, got.redacted) == (sent.summary, sent.redacted)
        elif isinstance(got, ToolCall | Image):
            assert got == sent
        elif isinstance(got, Text) and isinstance(sent, Text):
            assert got.text == sent.text


@given(st.lists(st.text(min_size=1), min_size=1), st.integers(1, 5))
def test_events_may_come_in_any_bundles(pieces: list[str], bundle: int) -> None:
    events = [Started("m-1"), Opened(Text("")), *map(Added, pieces), Closed(), Ended(Finish.STOP)]
    encoder = ResponsesClient().stream(asked(), FRAME)
    sent = b"".join(encoder.encode(events[start : start + bundle]) for start in range(0, len(events), bundle))
    found = events_of(sent + encoder.end())
    assert [event["delta"] for event in found if event["type"] == "response.output_text.delta"] == pieces
    assert found[-1]["response"]["output"][0]["content"][0]["text"] == "".join(pieces)


def test_probabilities_that_come_with_the_words_go_out_with_them() -> None:
    encoder = ResponsesClient().stream(asked(), FRAME)
    encoder.encode([Started("m-1"), Opened(Text(""))])
    (event,) = events_of(encoder.encode([Added("é"), Scored({"content": [SCORE]})]))
    assert (event["delta"], event["logprobs"]) == ("é", [{**SCORE, "bytes": [0xC3, 0xA9]}])


def test_other_choices_are_not_told() -> None:
    encoder = ResponsesClient().stream(asked(), FRAME)
    encoder.encode([Started("m-1")])
    assert encoder.encode([Opened(Text(""), 1), Added("x", 1), Closed(1), Ended(Finish.LENGTH, 1)]) == b""


def test_an_answer_that_breaks_ends_with_an_error_and_a_failed_response() -> None:
    encoder = ResponsesClient().stream(asked(), FRAME)
    sent = encoder.encode([Started("m-1"), Opened(Text("")), Added("Hel")])
    ending = encoder.fail(Description(502, "server_error", "upstream_error", "The provider's stream ended."))
    found = events_of(sent + ending)
    assert [event["sequence_number"] for event in found] == list(range(len(found)))
    error, failed = found[-2:]
    assert (error["type"], error["code"], error["message"]) == (
        "error",
        "upstream_error",
        "The provider's stream ended.",
    )
    assert (failed["response"]["status"], failed["response"]["output"]) == ("failed", [])
    assert failed["response"]["error"] == {"code": "server_error", "message": "The provider's stream ended."}
    openai_schema("ResponseFailedEvent").validate(failed)
    openai_schema("ResponseErrorEvent").validate(error)
