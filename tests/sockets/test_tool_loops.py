"""Three turns with tools, for every client and every provider: what the provider signed comes back to it unchanged.

The official clients' own objects go back as they came: messages, content blocks, output items.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from anthropic import Anthropic, beta_tool
from openai import OpenAI

from tests.sockets.moves import FAMILIES, MOVES, RESULTS, name_for
from tests.sockets.upstream import Asked, Upstream
from tests.sockets.voices import Responses, tells, voice_of

QUESTION = "What is the weather in Roma and in Ostia, and what is the time?"
FUNCTIONS: dict[str, dict[str, Any]] = {
    "tell_weather": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    "tell_time": {"type": "object", "properties": {}},
}


def result_of(name: str, arguments: Any) -> str:
    """What a function answers, whatever id its call has."""
    (call,) = (each for move in MOVES for each in move.calls if (each.name, each.arguments) == (name, arguments))
    return RESULTS[call.id]


# How a client of each dialect goes on until the model calls no more tools; what comes back are the model's last words.


def in_chat(openai: OpenAI, _: Anthropic, model: str, stream: bool) -> str:
    tools = [
        {"type": "function", "function": {"name": name, "parameters": schema}} for name, schema in FUNCTIONS.items()
    ]
    messages: list[Any] = [{"role": "user", "content": QUESTION}]
    while True:
        question: Any = {"model": model, "messages": messages, "tools": tools, "reasoning_effort": "low"}
        if stream:
            with openai.chat.completions.stream(**question) as helper:
                message = helper.get_final_completion().choices[0].message
        else:
            message = openai.chat.completions.create(**question).choices[0].message
        messages.append(message)
        if not message.tool_calls:
            return message.content or ""
        for call in message.tool_calls:
            result = result_of(call.function.name, json.loads(call.function.arguments))
            messages.append({"role": "tool", "tool_call_id": call.id, "content": result})


def in_messages(_: OpenAI, anthropic: Anthropic, model: str, stream: bool) -> str:
    tools = [{"name": name, "input_schema": schema} for name, schema in FUNCTIONS.items()]
    messages: list[Any] = [{"role": "user", "content": QUESTION}]
    while True:
        thinking = {"type": "enabled", "budget_tokens": 1024}
        question: Any = {"model": model, "max_tokens": 4096, "messages": messages, "tools": tools, "thinking": thinking}
        if stream:
            with anthropic.messages.stream(**question) as helper:
                message = helper.get_final_message()
        else:
            message = anthropic.messages.create(**question)
        messages.append({"role": "assistant", "content": message.content})
        calls = [block for block in message.content if block.type == "tool_use"]
        if not calls:
            return "".join(block.text for block in message.content if block.type == "text")
        results = [
            {"type": "tool_result", "tool_use_id": call.id, "content": result_of(call.name, call.input)}
            for call in calls
        ]
        messages.append({"role": "user", "content": results})


def in_responses(openai: OpenAI, _: Anthropic, model: str, stream: bool) -> str:
    """Everything goes back as the client has it; nothing is kept."""
    items: list[Any] = [{"role": "user", "content": QUESTION}]
    settings = {"store": False, "include": ["reasoning.encrypted_content"]}
    while True:
        response = respond(openai, stream, model=model, input=items, **settings)
        items += response.output
        if not (results := results_for(response)):
            return str(response.output_text)
        items += results


def in_kept_responses(openai: OpenAI, _: Anthropic, model: str, stream: bool) -> str:
    """Only what is new goes up; earlier turns are known by the response's id."""
    response = respond(openai, stream, model=model, input=QUESTION)
    while results := results_for(response):
        response = respond(openai, stream, model=model, input=results, previous_response_id=response.id)
    return str(response.output_text)


def respond(openai: OpenAI, stream: bool, **question: Any) -> Any:
    tools = [
        {"type": "function", "name": name, "parameters": schema, "strict": False} for name, schema in FUNCTIONS.items()
    ]
    question |= {"tools": tools, "reasoning": {"effort": "low", "summary": "auto"}}
    if not stream:
        return openai.responses.create(**question)
    with openai.responses.stream(**question) as helper:
        return helper.get_final_response()


def results_for(response: Any) -> list[Any]:
    return [
        {
            "type": "function_call_output",
            "call_id": item.call_id,
            "output": result_of(item.name, json.loads(item.arguments)),
        }
        for item in response.output
        if item.type == "function_call"
    ]


LOOPS: dict[str, Callable[[OpenAI, Anthropic, str, bool], str]] = {
    "chat": in_chat,
    "messages": in_messages,
    "responses": in_responses,
    "kept responses": in_kept_responses,
}


def check_windows(asked: list[Asked]) -> None:
    """Whoever is asked learns how full the window is; it grows with every turn."""
    told = [[each.fields.get(name) for name in ("x-cms-routed", "x-cms-tier")] for each in asked]
    assert told == [["false", "1"]] * len(asked)
    counts = [int(each.fields["x-token-count"]) for each in asked]
    assert counts == sorted(set(counts))
    for each, count in zip(asked, counts, strict=True):
        limit = int(each.fields["x-token-limit"])
        assert each.fields["x-headroom-pct"] == f"{100 - 100 * count / limit:.1f}"


ASKED_FOR = {**FAMILIES, "openai, reasoning": "gpt-5"}
OVER_RESPONSES = ("messages", "openai, reasoning")
"""Translated to Responses; what a client of Messages has of an item has no place for the item's id."""


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("provider", ASKED_FOR)
@pytest.mark.parametrize("dialect", LOOPS)
def test_what_was_signed_comes_back_as_it_was(
    client: OpenAI, anthropic_client: Anthropic, upstream: Upstream, dialect: str, provider: str, stream: bool
) -> None:
    model = upstream.plays(tells(*MOVES), family=ASKED_FOR[provider])
    assert LOOPS[dialect](client, anthropic_client, name_for(model), stream) == MOVES[-1].text
    for turn, asked in enumerate(upstream.asked(model)):
        assert asked.path.startswith(f"/{provider.partition(',')[0]}/")
        voice = Responses(named=False) if (dialect, provider) == OVER_RESPONSES else voice_of(asked)
        voice.check(asked, MOVES[:turn])
    assert len(upstream.asked(model)) == len(MOVES)
    check_windows(upstream.asked(model))
    if provider == "openai, reasoning":
        assert asked.path.endswith("/chat/completions" if dialect == "chat" else "/responses")


@beta_tool
def tell_weather(city: str) -> str:
    """What the weather is there."""
    return result_of("tell_weather", {"city": city})


@beta_tool
def tell_time() -> str:
    """What time it is."""
    return result_of("tell_time", {})


@pytest.mark.parametrize("provider", [name for name in FAMILIES if name != "anthropic"])
def test_the_official_tool_runner_goes_on_without_the_thread_that_no_other_provider_keeps(
    anthropic_client: Anthropic, upstream: Upstream, provider: str
) -> None:
    model = upstream.plays(tells(*MOVES), family=FAMILIES[provider])
    runner = anthropic_client.beta.messages.tool_runner(
        model=name_for(model),
        max_tokens=4096,
        messages=[{"role": "user", "content": QUESTION}],
        tools=[tell_weather, tell_time],
        thinking={"type": "enabled", "budget_tokens": 1024},
    )
    assert "".join(block.text for block in runner.until_done().content if block.type == "text") == MOVES[-1].text
    for turn, asked in enumerate(upstream.asked(model)):
        voice_of(asked).check(asked, MOVES[:turn])
    assert len(upstream.asked(model)) == len(MOVES)
