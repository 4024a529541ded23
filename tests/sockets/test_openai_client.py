"""The official client, unmodified: what it asks for is what it gets."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterable
from typing import Literal

import pytest
from openai import AsyncOpenAI, OpenAI, pydantic_function_tool
from openai.types.chat import ChatCompletionChunk
from pydantic import BaseModel

from gateway.providers.sandbox import LOREM
from tests.sockets.processes import GatewayProcess
from tests.sockets.scripts import DONE, ROLE, STOP, WORDS, answers, completion, event
from tests.sockets.upstream import KEYS, Asked, Upstream

HELLO = "Hello, gateway!"
HELLO_ASKED = [{"role": "user", "content": HELLO}]


class Weather(BaseModel):
    """An answer with a form."""

    city: str
    degrees: float
    sky: Literal["clear", "cloudy"]


def text_of(chunks: Iterable[ChatCompletionChunk]) -> str:
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


# The sandbox, which the gateway speaks for itself.


def test_a_plain_question(client: OpenAI) -> None:
    answer = client.chat.completions.create(model="sandbox/echo", messages=HELLO_ASKED)
    assert answer.choices[0].message.content == HELLO
    assert (answer.model, answer.choices[0].finish_reason) == ("sandbox/echo", "stop")
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0


def test_several_answers_to_one_question(client: OpenAI) -> None:
    answer = client.chat.completions.create(model="sandbox/echo", messages=HELLO_ASKED, n=3)
    assert [(choice.index, choice.message.content) for choice in answer.choices] == [(i, HELLO) for i in range(3)]


def test_a_streamed_answer_without_usage_and_with_it(client: OpenAI) -> None:
    question = {"model": "sandbox/lorem", "messages": HELLO_ASKED, "stream": True}
    chunks = list(client.chat.completions.create(**question))
    assert text_of(chunks) == LOREM
    assert {chunk.usage for chunk in chunks} == {None}
    *chunks, last = client.chat.completions.create(**question, stream_options={"include_usage": True})
    assert text_of(chunks) == LOREM
    assert last.choices == []
    assert last.usage is not None
    assert last.usage.completion_tokens == len(LOREM.split())


def test_the_clients_own_stream_helper(client: OpenAI) -> None:
    with client.chat.completions.stream(model="sandbox/lorem", messages=HELLO_ASKED) as stream:
        kinds = [event.type for event in stream]
        answer = stream.get_final_completion()
    assert (kinds[0], kinds[-1]) == ("chunk", "content.done")
    assert answer.choices[0].message.content == LOREM


def test_a_tool_is_called_and_its_result_is_taken(client: OpenAI) -> None:
    tools = [pydantic_function_tool(Weather, name="tell_weather")]
    messages = [{"role": "user", "content": "Please tell_weather."}]
    answer = client.chat.completions.create(model="sandbox/lorem", messages=messages, tools=tools)
    (call,) = answer.choices[0].message.tool_calls or ()
    assert answer.choices[0].finish_reason == "tool_calls"
    assert call.function.name == "tell_weather"
    Weather.model_validate_json(call.function.arguments)
    messages += [answer.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": "It is clear."}]
    answer = client.chat.completions.create(model="sandbox/lorem", messages=messages, tools=tools)
    assert answer.choices[0].message.content == LOREM


def test_a_tools_arguments_are_streamed(client: OpenAI) -> None:
    with client.chat.completions.stream(
        model="sandbox/lorem",
        messages=HELLO_ASKED,
        tools=[pydantic_function_tool(Weather, name="tell_weather")],
        tool_choice="required",
    ) as stream:
        deltas = [event.arguments_delta for event in stream if event.type == "tool_calls.function.arguments.delta"]
        (call,) = stream.get_final_completion().choices[0].message.tool_calls or ()
    assert "".join(deltas) == call.function.arguments
    assert isinstance(call.function.parsed_arguments, Weather)


def test_structured_output_parsed_and_plain(client: OpenAI) -> None:
    parsed = client.chat.completions.parse(model="sandbox/lorem", messages=HELLO_ASKED, response_format=Weather)
    assert isinstance(parsed.choices[0].message.parsed, Weather)
    with client.chat.completions.stream(model="sandbox/lorem", messages=HELLO_ASKED, response_format=Weather) as stream:
        assert isinstance(stream.get_final_completion().choices[0].message.parsed, Weather)
    schema = {"name": "weather", "strict": True, "schema": Weather.model_json_schema()}
    answer = client.chat.completions.create(
        model="sandbox/lorem", messages=HELLO_ASKED, response_format={"type": "json_schema", "json_schema": schema}
    )
    Weather.model_validate_json(answer.choices[0].message.content or "")
    answer = client.chat.completions.create(
        model="sandbox/lorem", messages=HELLO_ASKED, response_format={"type": "json_object"}
    )
    assert isinstance(json.loads(answer.choices[0].message.content or ""), dict)


def test_the_raw_answer_says_who_answered(client: OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(
        model="sandbox/echo", messages=HELLO_ASKED, extra_headers={"X-Request-ID": "mine-1"}
    )
    names = ("x-request-id", "x-gateway-provider", "x-gateway-model", "x-gateway-attempts")
    assert [raw.headers[name] for name in names] == ["mine-1", "sandbox", "echo", "1"]
    assert (raw.request_id, raw.retries_taken) == ("mine-1", 0)
    assert raw.parse().choices[0].message.content == HELLO


def test_a_raw_stream_has_its_head_before_its_end(client: OpenAI) -> None:
    with client.chat.completions.with_streaming_response.create(
        model="sandbox/lorem", messages=HELLO_ASKED, stream=True
    ) as raw:
        assert raw.headers["content-type"].startswith("text/event-stream")
        assert raw.headers["x-gateway-provider"] == "sandbox"
        assert len(raw.request_id or "") == 32
        assert list(raw.iter_lines())[-2] == "data: [DONE]"


def test_models_are_listed_and_found(client: OpenAI) -> None:
    listed = {model.id: model.owned_by for model in client.models.list()}
    assert listed["sandbox/echo"] == "sandbox"
    assert listed["gpt-4.1-mini"] == "openai"
    for name in ("sandbox/echo", "gpt-4.1-mini", "openrouter/openai/gpt-5"):
        assert client.models.retrieve(name).id == name


# A provider behind the gateway.


@pytest.mark.parametrize("stream", [False, True])
def test_a_providers_answer_comes_through(client: OpenAI, upstream: Upstream, stream: bool) -> None:
    model = upstream.plays(answers)
    answer = client.chat.completions.create(model=model, messages=HELLO_ASKED, stream=stream)
    text = text_of(answer) if stream else answer.choices[0].message.content
    assert text == "".join(WORDS)
    (asked,) = upstream.asked(model)
    assert asked.path == "/openai/v1/chat/completions"
    assert asked.fields["authorization"] == f"Bearer {KEYS['OPENAI_API_KEY']}"
    assert asked.json["messages"] == HELLO_ASKED
    assert not [name for name in asked.fields if name.startswith("x-stainless")]


def test_what_a_client_adds_on_its_own_goes_up_and_comes_back(client: OpenAI, upstream: Upstream) -> None:
    def novel(asked: Asked) -> None:
        asked.answer(200, completion(asked.json["model"], novelty=asked.json["novelty"]), [("x-request-id", "up-1")])

    raw = client.chat.completions.with_raw_response.create(
        model=upstream.plays(novel), messages=HELLO_ASKED, extra_body={"novelty": {"as": "is"}}
    )
    message = raw.parse().choices[0].message
    assert message.model_extra == {"novelty": {"as": "is"}}
    assert (raw.headers["x-upstream-request-id"], raw.headers["x-gateway-provider"]) == ("up-1", "openai")
    assert raw.request_id != "up-1"


def test_structured_output_and_tools_of_a_provider(client: OpenAI, upstream: Upstream) -> None:
    weather = Weather(city="Roma", degrees=21.5, sky="clear")

    def structured(asked: Asked) -> None:
        assert asked.json["response_format"]["json_schema"]["strict"] is True
        asked.answer(200, completion(asked.json["model"], weather.model_dump_json()))

    parsed = client.chat.completions.parse(
        model=upstream.plays(structured), messages=HELLO_ASKED, response_format=Weather
    )
    assert parsed.choices[0].message.parsed == weather

    def calls_tool(asked: Asked) -> None:
        asked.begin_stream()
        opening = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "tell", "arguments": ""}}
        asked.stream(event({"role": "assistant", "content": None, "tool_calls": [opening]}))
        for piece in (weather.model_dump_json()[:9], weather.model_dump_json()[9:]):
            asked.stream(event({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}))
        asked.stream(event({}, "tool_calls") + DONE)
        asked.end_stream()

    with client.chat.completions.stream(
        model=upstream.plays(calls_tool), messages=HELLO_ASKED, tools=[pydantic_function_tool(Weather, name="tell")]
    ) as stream:
        (call,) = stream.get_final_completion().choices[0].message.tool_calls or ()
    assert call.function.parsed_arguments == weather


def test_the_first_words_arrive_while_the_rest_is_still_being_thought(client: OpenAI, upstream: Upstream) -> None:
    """Nothing on the way waits for more than it needs."""

    def slow(asked: Asked) -> None:
        asked.begin_stream()
        asked.stream(ROLE + event({"content": WORDS[0]}))
        assert asked.pause(0.3)
        asked.stream(event({"content": WORDS[1]}) + STOP + DONE)
        asked.end_stream()

    chunks = client.chat.completions.create(model=upstream.plays(slow), messages=HELLO_ASKED, stream=True)
    seen = [(chunk.choices[0].delta.content, time.monotonic()) for chunk in chunks]
    assert [text for text, _ in seen] == ["", WORDS[0], WORDS[1], None]
    assert seen[2][1] - seen[1][1] > 0.2


def test_the_asynchronous_client(gateway: GatewayProcess, upstream: Upstream) -> None:
    """Thirty at once: plain and streamed, the sandbox and a provider."""
    model = upstream.plays(answers)

    async def plain(client: AsyncOpenAI, name: str) -> str | None:
        answer = await client.chat.completions.create(model=name, messages=HELLO_ASKED)
        return answer.choices[0].message.content

    async def streamed(client: AsyncOpenAI, name: str) -> str:
        chunks = await client.chat.completions.create(model=name, messages=HELLO_ASKED, stream=True)
        return text_of([chunk async for chunk in chunks])

    async def all_of_them() -> list[str | None]:
        async with AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key="any") as client:
            tasks = [ask(client, name) for ask in (plain, streamed) for name in ("sandbox/echo", model) * 15]
            return await asyncio.wait_for(asyncio.gather(*tasks), 20)

    assert asyncio.run(all_of_them()) == [HELLO, "".join(WORDS)] * 30
