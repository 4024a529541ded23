"""OpenAI's official client with Claude and Gemini behind it: what it can ask for beside words, and embeddings."""

from __future__ import annotations

import base64
import json
from array import array
from typing import Any

import openai
import pytest
from google.genai import types as gemini
from openai import OpenAI, pydantic_function_tool
from pydantic import BaseModel

from tests.dialects.anthropic.wire_types import problems
from tests.dialects.gemini.google_types import GenerateContentRequest
from tests.shared_material import Recording, recordings
from tests.sockets.moves import FAMILIES, MOVES, OSTIA, ROMA, Move, name_for
from tests.sockets.upstream import KEYS, Asked, Upstream
from tests.sockets.voices import tells

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PAGE = base64.b64encode(b"%PDF-1.4 a page").decode()
ASKED: list[Any] = [{"role": "user", "content": "The weather?"}]

both = pytest.mark.parametrize("provider", ["anthropic", "google"])


class Weather(BaseModel):
    """An answer with a form."""

    city: str
    degrees: float


class TellWeather(BaseModel):
    """Tells the weather of a town."""

    city: str


def assert_valid(asked: Asked) -> None:
    """By the provider's own official types."""
    if asked.path.startswith("/google"):
        GenerateContentRequest.model_validate_json(asked.body)
    else:
        assert problems(asked.json) == []


@both
def test_a_request_with_all_that_there_is(client: OpenAI, upstream: Upstream, provider: str) -> None:
    """Roles, media, files, tools and their results, settings: each arrives, in words that the provider knows."""
    model = upstream.plays(tells(MOVES[-1]), family=FAMILIES[provider])
    messages: list[Any] = [
        {"role": "system", "content": "Be brief."},
        {"role": "developer", "content": [{"type": "text", "text": "And kind."}]},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What do you see?"},
                {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}", "detail": "low"}},
                {"type": "file", "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PAGE}"}},
            ],
        },
        {
            "role": "assistant",
            "content": "A pixel. Now the weather.",
            "tool_calls": [
                {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.written}}
                for call in (ROMA, OSTIA)
            ],
        },
        {"role": "tool", "tool_call_id": ROMA.id, "content": "clear"},
        {"role": "tool", "tool_call_id": OSTIA.id, "content": [{"type": "text", "text": "cloudy"}]},
        {"role": "user", "content": "Thank you. So?"},
    ]
    client.chat.completions.create(
        model=model,
        messages=messages,
        tools=[pydantic_function_tool(TellWeather, name="tell_weather")],
        tool_choice="auto",
        max_completion_tokens=500,
        temperature=0.5,
        stop=["END"],
        user="someone",
        metadata={"for": "a test"},
    )
    (asked,) = upstream.asked(model)
    assert_valid(asked)
    said = json.dumps(asked.json)
    for each in ("Be brief.", "And kind.", "What do you see?", PIXEL, PAGE, "A pixel.", "clear", "cloudy", "So?"):
        assert each in said
    for setting in ("500", "0.5", "END", "tell_weather", "Tells the weather of a town."):
        assert setting in said


@both
@pytest.mark.parametrize(
    ("choice", "claude", "google"),
    [
        ("auto", {"type": "auto"}, {"mode": "VALIDATED"}),  # the tool is a strict one
        ("required", {"type": "any"}, {"mode": "ANY"}),
        ("none", {"type": "none"}, {"mode": "NONE"}),
        (
            {"type": "function", "function": {"name": "tell_weather"}},
            {"type": "tool", "name": "tell_weather"},
            {"mode": "ANY", "allowedFunctionNames": ["tell_weather"]},
        ),
    ],
)
def test_the_choice_of_a_tool(
    client: OpenAI, upstream: Upstream, provider: str, choice: Any, claude: Any, google: Any
) -> None:
    model = upstream.plays(tells(MOVES[-1]), family=FAMILIES[provider])
    tools = [pydantic_function_tool(TellWeather, name="tell_weather")]
    client.chat.completions.create(model=model, messages=ASKED, tools=tools, tool_choice=choice)
    (asked,) = upstream.asked(model)
    assert_valid(asked)
    if provider == "anthropic":
        assert asked.json["tool_choice"] == claude
    else:
        assert asked.json["toolConfig"]["functionCallingConfig"] == google


@both
def test_structured_output_is_parsed_whole_and_streamed(client: OpenAI, upstream: Upstream, provider: str) -> None:
    weather = Weather(city="Roma", degrees=21.5)
    told = Move("", "", weather.model_dump_json())
    model = upstream.plays(tells(told, told), family=FAMILIES[provider])
    parsed = client.chat.completions.parse(model=model, messages=ASKED, response_format=Weather)
    assert parsed.choices[0].message.parsed == weather
    with client.chat.completions.stream(model=model, messages=ASKED, response_format=Weather) as stream:
        assert stream.get_final_completion().choices[0].message.parsed == weather
    for asked in upstream.asked(model):
        assert_valid(asked)


@both
def test_a_tools_arguments_are_parsed_as_they_stream(client: OpenAI, upstream: Upstream, provider: str) -> None:
    model = upstream.plays(tells(MOVES[0]), family=FAMILIES[provider])
    with client.chat.completions.stream(
        model=model, messages=ASKED, tools=[pydantic_function_tool(TellWeather, name="tell_weather")]
    ) as stream:
        done = [event for event in stream if event.type == "tool_calls.function.arguments.done"]
        calls = stream.get_final_completion().choices[0].message.tool_calls or []
    assert [event.index for event in done] == [0, 1]
    assert [call.function.parsed_arguments for call in calls] == [TellWeather(city="Roma"), TellWeather(city="Ostia")]
    assert len({call.id for call in calls}) == 2


@pytest.mark.parametrize(
    ("provider", "field", "value"),
    [
        ("anthropic", "n", 2),
        ("anthropic", "frequency_penalty", 0.5),
        ("anthropic", "logprobs", True),
        ("anthropic", "logit_bias", {"50256": -100}),
        ("google", "logit_bias", {"50256": -100}),
        ("google", "modalities", ["audio", "text"]),
    ],
)
def test_what_a_provider_cannot_do_is_named(
    client: OpenAI, upstream: Upstream, provider: str, field: str, value: Any
) -> None:
    model = upstream.plays(tells(MOVES[-1]), family=FAMILIES[provider])
    with pytest.raises(openai.BadRequestError) as told:
        client.chat.completions.create(model=model, messages=ASKED, extra_body={field: value})
    assert told.value.param == field
    assert upstream.asked(model) == []


def test_the_history_of_one_provider_goes_on_with_another(client: OpenAI, upstream: Upstream) -> None:
    """What Claude signed is nothing that Gemini could read, and the other way round: it is left out, the rest stays."""
    models = {
        provider: upstream.plays(tells(*MOVES), family=FAMILIES[provider]) for provider in ("anthropic", "google")
    }
    messages = list(ASKED)
    tools = [pydantic_function_tool(TellWeather, name="tell_weather")]
    for provider in ("anthropic", "google", "anthropic"):
        message = client.chat.completions.create(model=models[provider], messages=messages, tools=tools)
        said = message.choices[0].message
        messages.append(said)
        messages += [{"role": "tool", "tool_call_id": call.id, "content": "clear"} for call in said.tool_calls or []]
    (in_google,) = upstream.asked(models["google"])
    _, in_claude = upstream.asked(models["anthropic"])
    assert MOVES[0].proof not in str(in_google.json)
    assert MOVES[0].thought not in str(in_google.json)
    assert MOVES[0].text in str(in_google.json)
    first, *_, after = (message for message in in_claude.json["messages"] if message["role"] == "assistant")
    assert first["content"][0] == {"type": "thinking", "thinking": MOVES[0].thought, "signature": MOVES[0].proof}
    assert [block["type"] for block in after["content"]] == ["text", "tool_use", "tool_use"]
    for asked in (in_google, in_claude):
        assert_valid(asked)


# Embeddings.


GEMINI_EMBEDDINGS = recordings("google", api="embeddings", where=lambda each: each.status == 200)
OTHER_EMBEDDINGS = recordings("openai", "openrouter", api="embeddings", where=lambda each: each.status == 200)
NO_EMBEDDINGS = recordings("google", "openai", "openrouter", api="embeddings", where=lambda each: each.status != 200)


def plays(recording: Recording) -> Any:
    return lambda asked: asked.answer(recording.status, recording.response)


@pytest.mark.parametrize("form", ["as it comes", "float", "base64"])
@pytest.mark.parametrize("recording", GEMINI_EMBEDDINGS)
def test_geminis_embeddings(client: OpenAI, upstream: Upstream, recording: Recording, form: Any) -> None:
    """The client asks for base64 of its own accord, and makes numbers of it again."""
    recorded = [each["values"] for each in json.loads(recording.response)["embeddings"]]
    model = upstream.plays(plays(recording), family="gemini")
    more = {} if form == "as it comes" else {"encoding_format": form}
    answer = client.embeddings.create(model=model, input=["A text."] * len(recorded), dimensions=768, **more)
    assert [each.index for each in answer.data] == list(range(len(recorded)))
    for each, values in zip(answer.data, recorded, strict=True):
        found = each.embedding
        if isinstance(found, str):
            found = array("f", base64.b64decode(found)).tolist()
        assert found == pytest.approx(values, rel=1e-6)
    assert answer.usage.prompt_tokens == answer.usage.total_tokens > 0
    (asked,) = upstream.asked(model)
    assert asked.path == f"/google/v1beta/models/{model}:batchEmbedContents"
    assert asked.fields["x-goog-api-key"] == KEYS["GEMINI_API_KEY"]
    for request in asked.json["requests"]:
        assert (request["model"], request["outputDimensionality"]) == (f"models/{model}", 768)
        gemini.Content.model_validate(request["content"])


@pytest.mark.parametrize("recording", OTHER_EMBEDDINGS)
def test_others_embeddings_pass_as_they_are(client: OpenAI, upstream: Upstream, recording: Recording) -> None:
    model = upstream.plays(plays(recording), family=FAMILIES[recording.provider])
    texts = json.loads(recording.request)["input"]
    answer = client.embeddings.create(model=name_for(model), input=texts)
    recorded = json.loads(recording.response)["data"]
    assert len(answer.data) == len(recorded)
    (asked,) = upstream.asked(model)
    assert asked.json == {"model": model, "input": texts, "encoding_format": "base64"}


@pytest.mark.parametrize("recording", NO_EMBEDDINGS)
def test_a_recorded_refusal_of_embeddings(client: OpenAI, upstream: Upstream, recording: Recording) -> None:
    model = upstream.plays(plays(recording), family=FAMILIES[recording.provider])
    with pytest.raises(openai.APIStatusError) as told:
        client.embeddings.create(model=name_for(model), input="A text.")
    assert told.value.status_code == recording.status
    assert json.loads(recording.response)["error"]["message"] in told.value.message


def test_who_makes_no_embeddings_says_so(client: OpenAI, upstream: Upstream) -> None:
    model = upstream.plays(tells(), family="claude")
    with pytest.raises(openai.BadRequestError, match="embeddings"):
        client.embeddings.create(model=model, input="A text.")
    with pytest.raises(openai.BadRequestError) as told:
        client.embeddings.create(model=upstream.plays(tells(), family="gemini"), input=[1, 2, 3])
    assert told.value.param == "input"
