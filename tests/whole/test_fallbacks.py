"""Chains of models: those that a request names itself, and what a content filter refuses."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.whole.gateways import QUESTION, STREAMED, Running, data_of, running
from tests.whole.test_recovery_dialects import claude
from tests.whole.upstream import Asked, Script, Upstream, answers, event, fails, sends, streams, texts_of

ALLOWED = """
[retry]
attempts = 1
request_fallbacks = true
[models.nickname]
target = "deepseek/deepseek-chat"
"""
ENDPOINTS: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": ("/v1/chat/completions", {"messages": QUESTION["messages"]}),
    "responses": ("/v1/responses", {"input": "Say hello."}),
    "messages": ("/v1/messages", {"messages": QUESTION["messages"], "max_tokens": 10}),
    "embeddings": ("/v1/embeddings", {"input": "Say hello."}),
}
EMBEDDED = {
    "object": "list",
    "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}],
    "model": "m",
    "usage": {"prompt_tokens": 3, "total_tokens": 3},
}
YIELDS = """
[models.yielding]
target = "openai/gpt-4o"
fallbacks = ["deepseek/deepseek-chat"]
fallback_on_content_filter = true
"""


@pytest.mark.parametrize("endpoint", ENDPOINTS)
async def test_a_request_names_its_own_fallbacks(autojump_clock: MockClock, endpoint: str) -> None:
    """Asked in that order when its model fails; neither provider hears of the list."""
    path, question = ENDPOINTS[endpoint]
    async with running(ALLOWED) as it:
        it.openai.plays(fails(503))
        it.deepseek.plays(sends(EMBEDDED) if endpoint == "embeddings" else answers())

        reply = await it.request("POST", path, json_body={**question, "model": "gpt-4o", "fallbacks": ["nickname"]})

        assert (reply.status, reply.header("x-gateway-provider")) == (200, "deepseek")
        assert reply.header("x-gateway-attempts") == "2"
        for asked in (*it.openai.asked, *it.deepseek.asked):
            assert "fallbacks" not in asked.json
        assert (len(it.openai.asked), len(it.deepseek.asked)) == (1, 1)
        assert (await it.figures())("retry_attempts_total", provider="deepseek", operation="fallback") == 1
        it.assert_at_rest()


async def test_its_own_list_takes_the_place_of_the_configured_one(autojump_clock: MockClock) -> None:
    """An empty one means that nobody else is to be asked."""
    async with running(ALLOWED) as it:
        it.openai.plays(fails(503))

        reply = await it.ask({**QUESTION, "model": "backed", "fallbacks": []})

        assert (reply.status, reply.header("x-gateway-attempts")) == (503, "1")
        assert it.deepseek.asked == []


async def test_null_is_no_list_of_its_own(autojump_clock: MockClock) -> None:
    """Clients write null for what they leave out: the configured one holds, and no provider hears of the null."""
    async with running(ALLOWED) as it:
        it.openai.plays(fails(503))
        it.deepseek.plays(answers())

        reply = await it.ask({**QUESTION, "model": "backed", "fallbacks": None})

        assert (reply.status, reply.header("x-gateway-provider")) == (200, "deepseek")
        assert all("fallbacks" not in asked.json for asked in (*it.openai.asked, *it.deepseek.asked))


async def test_a_stream_that_breaks_is_gone_on_with_by_a_named_fallback(autojump_clock: MockClock) -> None:
    async with running(ALLOWED) as it:
        it.openai.plays(streams("Hello ", then=_hangs_up))
        it.deepseek.plays(streams(" world."))

        reply = await it.ask({**STREAMED, "fallbacks": ["deepseek-chat"]})

        *events, done = data_of(reply.body)
        assert (texts_of(events), done) == ("Hello world.", "[DONE]")


@pytest.mark.parametrize(
    ("fallbacks", "param"),
    [
        (["deepseek-chat", "claude-sonnet-4-5"], "fallbacks[1]"),
        ("gpt-4o", "fallbacks"),
        ([{"model": "gpt-4o"}], "fallbacks"),
        (["deepseek-chat"] * 9, "fallbacks"),
    ],
    ids=["nobody has a key for it", "no list", "objects", "too many"],
)
async def test_a_list_that_cannot_be_followed_is_a_400_that_names_it(
    autojump_clock: MockClock, fallbacks: Any, param: str
) -> None:
    async with running(ALLOWED) as it:
        reply = await it.ask({**QUESTION, "fallbacks": fallbacks})

        assert (reply.status, reply.error["param"]) == (400, param)
        assert it.openai.asked == []


async def test_where_they_are_not_allowed_who_names_some_is_told(autojump_clock: MockClock) -> None:
    """Nobody believes in a fallback that is not there; the word in a message is only a word."""
    async with running() as it:
        for fallbacks in (["deepseek-chat"], []):
            reply = await it.ask({**QUESTION, "fallbacks": fallbacks})
            assert (reply.status, reply.error["param"]) == (400, "fallbacks")
            assert "[retry] request_fallbacks" in reply.error["message"]
        assert it.openai.asked == []
        said = {"role": "user", "content": '{"fallbacks": []}'}
        assert (await it.ask({**QUESTION, "messages": [said], "metadata": {"fallbacks": "x"}})).status == 200


@pytest.mark.parametrize("own", [[{"model": "claude-opus-4-6"}], "default"])
async def test_anthropics_member_of_the_same_name_travels_on(autojump_clock: MockClock, own: Any) -> None:
    environ = {"ANTHROPIC_API_KEY": "sk-anthropic", "ANTHROPIC_BASE_URL": "http://anthropic.test"}
    async with running(ALLOWED, environ=environ) as it:
        anthropic = Upstream(it.network, "anthropic.test")
        anthropic.plays(claude("Hello."))
        await it.nursery.start(anthropic.run)
        question = {"model": "claude-sonnet-4-5", "messages": QUESTION["messages"], "max_tokens": 10, "stream": True}

        reply = await it.request("POST", "/v1/messages", json_body={**question, "fallbacks": own})

        assert reply.status == 200
        assert anthropic.asked[0].json["fallbacks"] == own


# Content filters.


def filtered_chat(text: str = "") -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "gpt-4o",
        "choices": [{"index": 0, "message": message, "finish_reason": "content_filter"}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10},
    }


def filtered_error() -> Script:
    async def script(asked: Asked) -> None:
        body = b'{"error":{"message":"flagged","type":null,"param":"prompt","code":"content_filter"}}'
        await asked.send_head(400, b"content-type: application/json", b"content-length: %d" % len(body))
        await asked.send(body)

    return script


async def filtered_stream(asked: Asked) -> None:
    await asked.send_head(200, b"content-type: text/event-stream", b"transfer-encoding: chunked")
    await asked.send_chunk(event({"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]}))
    await asked.send_chunk(event({"choices": [{"index": 0, "delta": {}, "finish_reason": "content_filter"}]}))
    await asked.send_chunk(b"data: [DONE]\n\n")
    await asked.send(b"0\r\n\r\n")


REFUSALS: dict[str, tuple[Script, dict[str, Any]]] = {
    "an answer": (sends(filtered_chat()), QUESTION),
    "an error": (filtered_error(), QUESTION),
    "a stream": (filtered_stream, STREAMED),
    "an answer in place of a stream": (sends(filtered_chat()), STREAMED),
}


@pytest.mark.parametrize("kind", REFUSALS)
async def test_a_content_filters_refusal_is_the_answer(autojump_clock: MockClock, kind: str) -> None:
    """As it comes, though there is a fallback."""
    script, question = REFUSALS[kind]
    async with running() as it:
        it.openai.plays(script)

        reply = await it.ask({**question, "model": "backed"})

        assert reply.status == (400 if kind == "an error" else 200)
        assert b"content_filter" in reply.body
        assert it.deepseek.asked == []
        assert len(it.openai.asked) == 1
        await check_billed(it, attempts=1)


@pytest.mark.parametrize("kind", REFUSALS)
async def test_where_the_model_says_so_it_goes_to_the_fallback(autojump_clock: MockClock, kind: str) -> None:
    """Nobody is to blame for it, and it is asked for once."""
    script, question = REFUSALS[kind]
    async with running(YIELDS) as it:
        it.openai.plays(script)
        it.deepseek.plays(streams("Hello.", every_s=0) if question is STREAMED else answers())

        reply = await it.ask({**question, "model": "yielding"})

        assert (reply.status, reply.header("x-gateway-provider")) == (200, "deepseek")
        assert b"Hello." in reply.body
        assert b"content_filter" not in reply.body
        assert len(it.openai.asked) == 1
        await check_billed(it, attempts=2)


async def test_the_last_ones_refusal_is_the_answer(autojump_clock: MockClock) -> None:
    async with running(YIELDS) as it:
        it.openai.plays(sends(filtered_chat()))
        it.deepseek.plays(sends(filtered_chat("So far.")))

        reply = await it.ask({**QUESTION, "model": "yielding"})

        assert reply.status == 200
        assert reply.json["choices"][0]["message"]["content"] == "So far."


async def _hangs_up(asked: Asked) -> None:
    asked.hang_up()


async def check_billed(it: Running, *, attempts: int) -> None:
    await trio.testing.wait_all_tasks_blocked()
    (line,) = it.logged("request")
    assert line["attempts"] == attempts
    figures = await it.figures()
    assert figures("circuit_breaker_failures_total") == 0
    assert figures("retry_attempts_total", operation="fallback") == attempts - 1
    it.assert_at_rest()
