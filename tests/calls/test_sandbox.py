"""The sandbox answers as OpenAI would, at the speed and with the faults one sets."""

from __future__ import annotations

import json
from typing import Any

import pytest
import trio

from actors.errors import Blame, TimedOut
from actors.letters import Timeouts
from gateway.calls.sandbox import Fail
from gateway.dialects.envelope import Usage
from gateway.errors import InvalidRequest, ModelNotFound, UpstreamBroken, UpstreamError, UpstreamReset
from gateway.providers.sandbox import LOREM, THOUGHT
from tests.calls.asking import WALL_CLOCK_S, Told, ask, sandbox
from tests.shared_material import openai_schema

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def request(text: str = "Salve, munde!", **more: Any) -> bytes:
    messages = [{"role": "user", "content": text}]
    return json.dumps({"model": "sandbox/echo", "messages": messages} | more).encode()


def reply_of(told: Told) -> dict[str, Any]:
    assert told.failure is None
    assert told.head is not None
    document: dict[str, Any] = json.loads(told.head.body)
    return document


def chunks_of(told: Told) -> list[dict[str, Any]]:
    blocks = told.body.decode().split("\n\n")
    assert blocks[-2:] == ["data: [DONE]", ""]
    return [json.loads(block.removeprefix("data: ")) for block in blocks[:-2]]


def text_of(chunks: list[dict[str, Any]], index: int = 0) -> str:
    choices = [choice for chunk in chunks for choice in chunk["choices"] if choice["index"] == index]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


async def test_echo_answers_at_once_with_what_it_was_told(autojump_clock: trio.testing.MockClock) -> None:
    told = await ask(sandbox(), request(), model="echo")
    reply = reply_of(told)
    assert reply["choices"] == [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Salve, munde!", "refusal": None},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ]
    assert (reply["id"], reply["created"], reply["model"]) == (f"chatcmpl-{0:032x}", int(WALL_CLOCK_S), "sandbox/echo")
    assert told.ended_at == 0
    assert told.notes.usage is not None
    assert told.notes.usage.completion == reply["usage"]["completion_tokens"] == 2


async def test_a_stream_comes_word_by_word_at_the_set_pace(autojump_clock: trio.testing.MockClock) -> None:
    """3 s of latency, then the role and two words, each of which takes a quarter of a second."""
    told = await ask(sandbox(latency_s=3, tokens_per_s=4), request(stream=True), model="echo")
    chunks = chunks_of(told)
    assert [chunk["choices"][0]["delta"] for chunk in chunks] == [
        {"role": "assistant", "content": ""},
        {"content": "Salve,"},
        {"content": " munde!"},
        {},
    ]
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None, None, None, "stop"]
    assert all("usage" not in chunk for chunk in chunks)
    assert (told.attempt.content_at, told.ended_at) == (3, 3.5)


@pytest.mark.parametrize("n", [1, 3])
async def test_a_whole_answer_takes_as_long_as_its_stream(autojump_clock: trio.testing.MockClock, n: int) -> None:
    whole = await ask(sandbox(latency_s=3, tokens_per_s=4), request(n=n), model="echo")
    assert whole.ended_at == 3 + n * 2 / 4
    streamed = await ask(sandbox(latency_s=3, tokens_per_s=4), request(n=n, stream=True), model="echo")
    assert streamed.ended_at == 2 * whole.ended_at


async def test_usage_comes_last_in_a_stream_that_asks_for_it() -> None:
    told = await ask(sandbox(), request(stream=True, stream_options={"include_usage": True}), model="lorem")
    chunks = chunks_of(told)
    assert text_of(chunks) == LOREM
    assert all(chunk["usage"] is None for chunk in chunks[:-1])
    assert chunks[-1]["choices"] == []
    usage = told.notes.usage
    assert usage is not None
    assert chunks[-1]["usage"]["total_tokens"] == usage.prompt + usage.completion == told.attempt.spent_tokens


async def test_thoughts_come_before_the_answer_where_they_are_asked_for() -> None:
    """In the member that DeepSeek and vLLM have for them, and counted as OpenAI counts them."""
    thoughtful = request(reasoning_effort="low", stream=True)
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks_of(await ask(sandbox(), thoughtful, model="lorem"))]
    thoughts = [delta["reasoning_content"] for delta in deltas if "reasoning_content" in delta]
    assert "".join(thoughts) == THOUGHT
    assert [list(delta) for delta in deltas[1 : len(thoughts) + 2]] == [["reasoning_content"]] * len(thoughts) + [
        ["content"]
    ]
    reply = reply_of(await ask(sandbox(), request(reasoning_effort="low"), model="lorem"))
    assert reply["choices"][0]["message"]["reasoning_content"] == THOUGHT
    assert reply["choices"][0]["message"]["content"] == LOREM
    assert reply["usage"]["completion_tokens_details"]["reasoning_tokens"] == len(thoughts)


async def test_what_a_stream_cost_is_known_also_where_the_client_did_not_ask() -> None:
    told = await ask(sandbox(), request(stream=True), model="echo")
    assert told.notes.usage is not None
    assert told.notes.usage.completion == 2


async def test_several_choices_are_answered_each() -> None:
    assert len(reply_of(await ask(sandbox(), request(n=3), model="echo"))["choices"]) == 3
    chunks = chunks_of(await ask(sandbox(), request(n=3, stream=True), model="echo"))
    assert [text_of(chunks, index) for index in range(3)] == ["Salve, munde!"] * 3


async def test_a_tool_call_is_streamed_as_openai_streams_it() -> None:
    body, asked = request(stream=True, tools=[WEATHER], tool_choice="required"), sandbox()
    chunks = chunks_of(await ask(asked, body, model="lorem"))
    first, *others = [call for chunk in chunks for call in chunk["choices"][0]["delta"].get("tool_calls", [])]
    assert (first["index"], first["type"], first["function"]) == (
        0,
        "function",
        {"name": "get_weather", "arguments": ""},
    )
    assert json.loads("".join(call["function"]["arguments"] for call in others)) == {"city": "lorem"}
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"
    reply = reply_of(await ask(asked, request(tools=[WEATHER], tool_choice="required"), model="lorem"))
    (call,) = reply["choices"][0]["message"]["tool_calls"]
    assert call["function"] == {"name": "get_weather", "arguments": '{"city":"lorem"}'}
    assert call["id"] != first["id"], "one conversation may hold both"
    assert reply["choices"][0]["message"]["content"] is None


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("fail", "kind", "status", "blame"),
    [
        ("429", UpstreamError, 429, Blame.NOBODY),
        ("500", UpstreamError, 500, Blame.MODEL),
        ("reset", UpstreamReset, 502, Blame.MODEL),
        ("cut", UpstreamBroken, 502, Blame.MODEL),
    ],
)
async def test_faults_are_those_of_a_real_provider(
    fail: Fail, kind: type[UpstreamError], status: int, blame: Blame, stream: bool
) -> None:
    told = await ask(sandbox(fail=fail), request(stream=stream), model="lorem")
    assert isinstance(told.failure, kind)
    assert (told.failure.status, told.failure.blame, told.failure.retryable) == (status, blame, True)
    assert told.failure.throttled is (fail == "429")
    assert told.failure.retry_after == (1 if fail == "429" else None)


async def test_a_cut_stream_has_delivered_half_and_has_no_end() -> None:
    told = await ask(sandbox(fail="cut"), request(stream=True), model="lorem")
    delivered = told.body.decode().count("data: ")
    assert 0 < delivered < len(LOREM.split())
    assert b"[DONE]" not in told.body


async def test_a_stalled_answer_ends_with_the_phases_time(autojump_clock: trio.testing.MockClock) -> None:
    told = await ask(sandbox(fail="stall"), request(stream=True), model="lorem", timeouts=Timeouts(first_token_s=60))
    assert isinstance(told.failure, TimedOut)
    assert told.ended_at == 60


async def test_an_unknown_model_is_not_found() -> None:
    told = await ask(sandbox(), request(), model="other")
    assert isinstance(told.failure, ModelNotFound)
    assert told.notes.usage is None


def after(**message: Any) -> dict[str, Any]:
    """A message behind one that is fine."""
    return {"messages": [{"role": "user", "content": "hi"}, {"role": "user", "content": "ho"} | message]}


def chosen(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name}}


@pytest.mark.parametrize(
    ("members", "param", "said"),
    [
        (after(role="wizard"), "messages[1].role", "expected system, developer, user, assistant, tool or function"),
        (after(content=5), "messages[1].content", "a string or an array"),
        ({"messages": [{"role": "user"}]}, "messages[0].content", "Missing required parameter"),
        (after(name=5), "messages[1].name", "expected a string or null"),
        (after(content=[{"type": "telepathy"}]), "messages[1].content[0].type", "expected text, image_url"),
        (after(content=[{"type": "text", "text": 5}]), "messages[1].content[0].text", "expected a string"),
        (after(content=[{"type": "image_url"}]), "messages[1].content[0].image_url", "Missing"),
        (after(content=[{"type": "image_url", "image_url": {}}]), "messages[1].content[0].image_url.url", "Missing"),
        (after(role="assistant", tool_calls=5), "messages[1].tool_calls", "expected an array or null"),
        (after(role="tool"), "messages[1].tool_call_id", "Missing"),
        ({"max_tokens": -1}, "max_tokens", "at least 1"),
        ({"max_completion_tokens": 0}, "max_completion_tokens", "at least 1"),
        ({"n": 100_000}, "n", "from 1 to 128"),
        ({"n": 0}, "n", "from 1 to 128"),
        ({"tool_choice": "maybe"}, "tool_choice", "none, auto, required or an object"),
        ({"tool_choice": "auto"}, "tool_choice", "only allowed where tools are given"),
        ({"tool_choice": "required", "tools": []}, "tool_choice", "only allowed where tools are given"),
        ({"tool_choice": chosen("other"), "tools": [WEATHER]}, "tool_choice", "no tool is called 'other'"),
        ({"function_call": {"name": "other"}, "functions": [{"name": "a"}]}, "function_call", "called 'other'"),
        ({"tools": [WEATHER, 5]}, "tools[1]", "expected an object, but got an integer"),
        ({"tools": [{}]}, "tools[0].type", "Missing"),
        ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name", "Missing"),
        ({"tools": [{"type": "custom", "custom": {"name": "a"}}]}, "tools[0].type", "only OpenAI's own models"),
        ({"tools": [{"type": "abacus"}]}, "tools[0]", "had from the sandbox: it has no tool like 'abacus'"),
        ({"functions": [5]}, "functions[0]", "expected an object"),
        ({"parallel_tool_calls": "no"}, "parallel_tool_calls", "expected a boolean or null"),
        ({"response_format": "json"}, "response_format", "expected an object or null"),
        ({"response_format": {"type": "xml"}}, "response_format.type", "text, json_schema or json_object"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema", "Missing"),
        ({"response_format": {"type": "json_schema", "json_schema": 5}}, "response_format.json_schema", "an object"),
        ({"temperature": 3}, "temperature", "between 0 and 2"),
        ({"temperature": "hot"}, "temperature", "expected a number or null"),
        ({"top_p": -0.5}, "top_p", "between 0 and 1"),
        ({"frequency_penalty": 2.5}, "frequency_penalty", "between -2 and 2"),
        ({"presence_penalty": "none"}, "presence_penalty", "expected a number or null"),
        ({"logprobs": True}, "logprobs", "had from the sandbox: nothing there is a matter of chance"),
        ({"top_logprobs": 50}, "top_logprobs", "asks for 'logprobs'"),
        ({"stop": list("abcde")}, "stop", "had from the sandbox: it takes 4 of them at most"),
        ({"stop": 5}, "stop", "expected"),
        ({"seed": "x"}, "seed", "expected an integer or null"),
        ({"user": 5}, "user", "expected a string or null"),
        ({"metadata": {"a": 5}}, "metadata[...]", "expected a string"),
        ({"logit_bias": {"50256": "never"}}, "logit_bias[...]", "expected a number"),
        ({"reasoning_effort": "total"}, "reasoning_effort", "expected none, minimal"),
        ({"reasoning_effort": 5}, "reasoning_effort", "expected a string or null"),
        ({"oddity": 5}, "oddity", "Unknown member 'oddity'"),
    ],
)
async def test_what_openai_would_refuse_is_refused_and_named(members: dict[str, Any], param: str, said: str) -> None:
    failure = (await ask(sandbox(), request(**members), model="echo")).failure
    assert isinstance(failure, InvalidRequest)
    assert failure.param == param
    assert said in failure.message


async def test_nothing_said_costs_the_prompt_alone() -> None:
    told = await ask(sandbox(), request(""), model="echo")
    assert reply_of(told)["choices"][0]["message"]["content"] == ""
    assert told.notes.usage == Usage(prompt=told.attempt.spent_tokens or 0)
    assert told.notes.usage.prompt > 0


@pytest.mark.parametrize("model", ["echo", "lorem"])
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"n": 2},
        {"max_tokens": 1},
        {"reasoning_effort": "high"},
        {"tools": [WEATHER], "tool_choice": "required"},
        {"response_format": {"type": "json_object"}},
        {"stream_options": {"include_usage": True}},
    ],
)
async def test_what_the_sandbox_writes_is_valid_openai(model: str, more: dict[str, Any]) -> None:
    completion = openai_schema("CreateChatCompletionResponse")
    completion.validate(reply_of(await ask(sandbox(), request(**more), model=model)))
    chunk = openai_schema("CreateChatCompletionStreamResponse")
    for each in chunks_of(await ask(sandbox(), request(stream=True, **more), model=model)):
        chunk.validate(each)
