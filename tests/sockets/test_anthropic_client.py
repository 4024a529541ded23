"""Anthropic's official client, unmodified, with every provider behind the gateway."""

from __future__ import annotations

import json
from typing import Any

import anthropic
import pytest
from anthropic import Anthropic
from pydantic import BaseModel

from tests.sockets.moves import FAMILIES, MOVES, Move, name_for
from tests.sockets.processes import GatewayProcess
from tests.sockets.upstream import KEYS, Asked, Upstream
from tests.sockets.voices import tells

ANSWER = MOVES[-1]
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
QUESTION: dict[str, Any] = {
    "max_tokens": 4096,
    "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}},
                {"type": "text", "text": "What is this?"},
            ],
        }
    ],
}
IN_WORDS: dict[str, Any] = {**QUESTION, "messages": [{"role": "user", "content": "What is new?"}]}

every_provider = pytest.mark.parametrize("provider", FAMILIES)


@every_provider
def test_a_message(anthropic_client: Anthropic, upstream: Upstream, provider: str) -> None:
    model = upstream.plays(tells(ANSWER), family=FAMILIES[provider])
    raw = anthropic_client.messages.with_raw_response.create(model=name_for(model), **IN_WORDS)
    message = raw.parse()
    assert (message.type, message.role, message.stop_reason) == ("message", "assistant", "end_turn")
    assert [block.text for block in message.content if block.type == "text"] == [ANSWER.text]
    thoughts = [block.thinking for block in message.content if block.type == "thinking" and block.thinking]
    assert thoughts == ([] if provider == "openai" else [ANSWER.thought])
    assert (message.usage.input_tokens, message.usage.output_tokens) == (7, 3)
    assert message.model == model
    assert raw.headers["x-gateway-provider"] == provider


@every_provider
def test_a_streamed_message_has_all_its_events(anthropic_client: Anthropic, upstream: Upstream, provider: str) -> None:
    model = upstream.plays(tells(MOVES[0]), family=FAMILIES[provider])
    with anthropic_client.messages.stream(model=name_for(model), **IN_WORDS) as helper:
        kinds = [event.type for event in helper if event.type.startswith(("message_", "content_block_"))]
        message = helper.get_final_message()
    assert kinds[0] == "message_start"
    assert kinds[-2:] == ["message_delta", "message_stop"]
    begun = [kind for kind in kinds if kind in ("content_block_start", "content_block_stop")]
    assert begun == ["content_block_start", "content_block_stop"] * (len(begun) // 2)
    assert message.stop_reason == "tool_use"
    assert [block.input for block in message.content if block.type == "tool_use"] == [
        call.arguments for call in MOVES[0].calls
    ]
    assert message.usage.output_tokens == 3


@every_provider
def test_the_text_arrives_word_by_word(anthropic_client: Anthropic, upstream: Upstream, provider: str) -> None:
    model = upstream.plays(tells(ANSWER), family=FAMILIES[provider])
    with anthropic_client.messages.stream(model=name_for(model), **IN_WORDS) as helper:
        words = list(helper.text_stream)
    assert "".join(words) == ANSWER.text
    assert len(words) > 1 or provider == "google"  # which tells it in one piece here


class Weather(BaseModel):
    city: str
    degrees: float


@pytest.mark.parametrize("provider", [name for name in FAMILIES if name != "deepseek"])
def test_structured_output_is_parsed_whole_and_streamed(
    anthropic_client: Anthropic, upstream: Upstream, provider: str
) -> None:
    weather = Weather(city="Roma", degrees=21.5)
    told = Move("", "c2lnbmVk", weather.model_dump_json())
    model = upstream.plays(tells(told, told), family=FAMILIES[provider])
    parsed = anthropic_client.messages.parse(model=name_for(model), output_format=Weather, **IN_WORDS)
    assert parsed.parsed_output == weather
    with anthropic_client.messages.stream(model=name_for(model), output_format=Weather, **IN_WORDS) as helper:
        assert helper.get_final_message().parsed_output == weather
    for asked in upstream.asked(model):
        assert '"required":["city","degrees"]' in json.dumps(asked.json, separators=(",", ":"))


@pytest.mark.parametrize("provider", ["openai", "anthropic", "google", "openrouter"])
def test_an_image_gets_there(anthropic_client: Anthropic, upstream: Upstream, provider: str) -> None:
    model = upstream.plays(tells(ANSWER), family=FAMILIES[provider])
    anthropic_client.messages.create(model=name_for(model), **QUESTION)
    (asked,) = upstream.asked(model)
    assert PIXEL in json.dumps(asked.json)
    assert "image/png" in json.dumps(asked.json)


def test_an_image_for_a_model_that_sees_nothing_is_refused(anthropic_client: Anthropic, upstream: Upstream) -> None:
    """By its place in the request; the provider is not asked."""
    model = upstream.plays(tells(ANSWER), family=FAMILIES["deepseek"])
    with pytest.raises(anthropic.BadRequestError, match=r"messages\[0\]\.content\[0\]"):
        anthropic_client.messages.create(model=model, **QUESTION)
    assert upstream.asked(model) == []


@every_provider
def test_keys_stay_where_they_belong(anthropic_client: Anthropic, upstream: Upstream, provider: str) -> None:
    model = upstream.plays(tells(ANSWER), family=FAMILIES[provider])
    anthropic_client.messages.create(model=name_for(model), **IN_WORDS)
    (asked,) = upstream.asked(model)
    assert "the-clients-own-key" not in str(asked.fields)
    assert any(asked.fields.get(name, "").endswith(KEYS[KEY_OF[provider]]) for name in KEY_HEADERS)


KEY_HEADERS = ("authorization", "x-api-key", "x-goog-api-key")
KEY_OF = {
    "openai": "OPENAI_API_KEY",
    "anthropic": "ANTHROPIC_API_KEY",
    "google": "GEMINI_API_KEY",
    "deepseek": "DEEPSEEK_API_KEY",
    "openrouter": "OPENROUTER_API_KEY",
}


# Counting.


def test_claude_counts_its_tokens_itself(anthropic_client: Anthropic, upstream: Upstream) -> None:
    model = upstream.plays(lambda asked: asked.answer(200, b'{"input_tokens": 4711}'), family="claude")
    counted = anthropic_client.messages.count_tokens(model=model, messages=IN_WORDS["messages"])
    assert counted.input_tokens == 4711
    (asked,) = upstream.asked(model)
    assert asked.path == "/anthropic/v1/messages/count_tokens"


def test_gemini_and_openai_count_the_same_question(anthropic_client: Anthropic, upstream: Upstream) -> None:
    question: Any = {
        "messages": [{"role": "user", "content": "And in Rome?"}],
        "system": "Be brief.",
        "tools": [{"name": "look", "input_schema": {"type": "object"}}],
        "thinking": {"type": "enabled", "budget_tokens": 1024},
    }
    gemini = upstream.plays(lambda asked: asked.answer(200, b'{"totalTokens": 31}'), family="gemini")
    gpt = upstream.plays(
        lambda asked: asked.answer(200, b'{"object":"response.input_tokens","input_tokens":29}'), family="gpt"
    )
    assert anthropic_client.messages.count_tokens(model=gemini, **question).input_tokens == 31
    assert anthropic_client.messages.count_tokens(model=gpt, **question).input_tokens == 29
    (asked,) = upstream.asked(gemini)
    assert asked.path == f"/google/v1beta/models/{gemini}:countTokens"
    (asked,) = upstream.asked(gpt)
    assert asked.path == "/openai/v1/responses/input_tokens"


@pytest.mark.parametrize(("family", "tokens"), [("gpt", 325), ("claude", 343)])
def test_who_serves_the_api_without_counting_leaves_it_to_an_estimate(
    anthropic_client: Anthropic, upstream: Upstream, family: str, tokens: int
) -> None:
    """1300 characters, of which a token of Claude's has 3.8; also for a Claude that Anthropic has never heard of."""
    model = upstream.plays(lambda asked: asked.answer(404, b'{"detail":"Not Found"}'), family=family)
    question: Any = [{"role": "user", "content": "What is new? " * 100}]
    assert anthropic_client.messages.count_tokens(model=model, messages=question).input_tokens == tokens
    assert len(upstream.asked(model)) == 1


@pytest.mark.parametrize(("provider", "tokens"), [("deepseek", 407), ("openrouter", 343)])
def test_for_others_tokens_are_estimated(
    anthropic_client: Anthropic, upstream: Upstream, provider: str, tokens: int
) -> None:
    model = upstream.plays(tells(), family=FAMILIES[provider])
    question: Any = [{"role": "user", "content": "What is new? " * 100}]
    counted = anthropic_client.messages.count_tokens(model=name_for(model), messages=question)
    assert counted.input_tokens == tokens
    assert upstream.asked(model) == []


# What a client of Anthropic's says beside the message.


def test_betas_reach_anthropic_and_nobody_else(anthropic_client: Anthropic, upstream: Upstream) -> None:
    for provider in ("anthropic", "google"):
        model = upstream.plays(tells(ANSWER), family=FAMILIES[provider])
        anthropic_client.messages.create(
            model=model, extra_headers={"anthropic-beta": "context-1m-2025-08-07"}, **IN_WORDS
        )
        (asked,) = upstream.asked(model)
        assert ("anthropic-beta" in asked.fields) == (provider == "anthropic")
        assert ("anthropic-version" in asked.fields) == (provider == "anthropic")


def test_what_a_client_adds_on_its_own_goes_up_to_claude_and_comes_back(
    anthropic_client: Anthropic, upstream: Upstream
) -> None:
    def novel(asked: Asked) -> None:
        message = {"id": "msg_1", "type": "message", "role": "assistant", "model": asked.model, "content": []}
        usage = {"input_tokens": 1, "output_tokens": 1}
        more = {"stop_reason": "end_turn", "stop_sequence": None, "usage": usage, "novelty": asked.json["novelty"]}
        asked.answer(200, json.dumps({**message, **more}).encode())

    model = upstream.plays(novel, family="claude")
    message = anthropic_client.messages.create(model=model, extra_body={"novelty": {"as": "is"}}, **IN_WORDS)
    assert message.model_extra == {"novelty": {"as": "is"}}


def test_what_another_provider_cannot_do_is_named(anthropic_client: Anthropic, upstream: Upstream) -> None:
    model = upstream.plays(tells(ANSWER), family="gemini")
    with pytest.raises(anthropic.BadRequestError, match="novelty"):
        anthropic_client.messages.create(model=model, extra_body={"novelty": 1}, **IN_WORDS)
    with pytest.raises(anthropic.BadRequestError, match="top_k"):
        anthropic_client.messages.create(model=model, extra_body={"top_k": "many"}, **IN_WORDS)
    assert upstream.asked(model) == []


def test_an_unknown_path_is_answered_in_words(gateway: GatewayProcess) -> None:
    with (
        Anthropic(base_url=f"{gateway.url}/elsewhere", api_key="any", max_retries=0) as client,
        pytest.raises(anthropic.NotFoundError),
    ):
        client.messages.create(model="sandbox/echo", **IN_WORDS)


def test_the_list_of_models(anthropic_client: Anthropic) -> None:
    """Page by page, as the client asks for the next one by itself; one model; one that is not there."""
    names = [model.id for model in anthropic_client.models.list()]
    assert {"sandbox/echo", "sandbox/lorem"} <= set(names)
    page = anthropic_client.models.list(limit=2)
    assert [model.id for model in page.data] == names[:2]
    assert (page.has_more, page.first_id, page.last_id) == (len(names) > 2, names[0], names[1])
    assert [model.id for model in page] == names
    before = anthropic_client.models.list(limit=1, before_id=names[2])
    assert ([model.id for model in before.data], before.has_more) == ([names[1]], True)
    one = anthropic_client.models.retrieve("sandbox/echo")
    assert (one.type, one.id, one.display_name, one.created_at.year) == ("model", "sandbox/echo", "sandbox/echo", 1970)
    with pytest.raises(anthropic.NotFoundError, match="nobody-knows") as missing:
        anthropic_client.models.retrieve("nobody-knows")
    assert missing.value.body["error"]["type"] == "not_found_error"  # type: ignore[index]
    for wrong in ({"limit": 0}, {"after_id": "nobody-knows"}):
        with pytest.raises(anthropic.BadRequestError):
            anthropic_client.models.list(**wrong)  # type: ignore[arg-type]
