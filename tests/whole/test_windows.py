"""How full a context window is, as clients and providers are told: on every answer, before its first byte."""

from __future__ import annotations

from typing import Any

import pytest
from trio.testing import MockClock

from tests.face.http_client import Reply
from tests.whole.gateways import CHAT, ENGINES, QUESTION, running
from tests.whole.test_tool_turns import says
from tests.whole.upstream import answers, fails, streams

NAMES = ("x-cms-routed", "x-cms-tier", "x-token-count", "x-token-limit", "x-headroom-pct")
ELSEWHERE = "http://openai.test"
HALF: dict[str, Any] = {"model": "gpt-4o", "messages": [{"role": "user", "content": "a" * 4 * 64_000}]}
OTHER_DIALECTS: dict[str, dict[str, Any]] = {
    "/v1/responses": {"input": "a" * 4 * 64_000},
    "/v1/messages": {"messages": HALF["messages"], "max_tokens": 9},
}
WINDOW_OF_128K = '[models."deepseek-chat"]\ncontext_window = 128000\n'


def told(reply: Reply) -> list[str | None]:
    return [reply.header(name) for name in NAMES]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("stream", [False, True])
async def test_client_and_provider_are_told_how_full_the_window_is(
    autojump_clock: MockClock, engine: str, stream: bool
) -> None:
    async with running(engine=engine) as it:
        it.openai.plays(streams("Hello.") if stream else answers())

        reply = await it.ask({**HALF, "stream": stream})

        expected = ["false", "3", "64000", "128000", "50.0"]
        assert (reply.status, told(reply)) == (200, expected)
        assert [it.openai.asked[0].header(name) for name in NAMES] == expected


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("path", "members"), OTHER_DIALECTS.items(), ids=["responses", "messages"])
async def test_so_are_they_in_the_other_dialects(
    autojump_clock: MockClock, path: str, members: dict[str, Any], stream: bool
) -> None:
    """Whoever translates tells the provider the same; in a stream the client has it before the first event."""
    async with running(WINDOW_OF_128K) as it:
        it.deepseek.plays(says("Hello."))
        question = {"model": "deepseek-chat", **members, "stream": stream}
        reply = await it.request("POST", path, json_body=question)
        tokens = -(-64_000 * 40 // 32)
        expected = ["false", "3", str(tokens), "128000", f"{100 - 100 * tokens / 128_000:.1f}"]
        assert (reply.status, told(reply)) == (200, expected)
        assert [it.deepseek.asked[0].header(name) for name in NAMES] == expected


@pytest.mark.parametrize("stream", [False, True])
async def test_every_provider_is_told(autojump_clock: MockClock, stream: bool) -> None:
    """What the client is told too, of each model's own window."""
    models = {"OPENAI": "gpt-4o", "ANTHROPIC": "claude-sonnet-4-5", "GEMINI": "gemini-2.5-flash"}
    models |= {"DEEPSEEK": "deepseek-chat", "OPENROUTER": "mistralai/mistral-large"}
    environ = {f"{name}_API_KEY": "key" for name in models} | {f"{name}_BASE_URL": ELSEWHERE for name in models}
    async with running(environ=environ) as it:
        it.openai.plays(*[fails(400)] * len(models))
        replies = [await it.ask({**HALF, "model": model, "stream": stream}) for model in models.values()]
        seen = [[asked.header(name) for name in NAMES] for asked in it.openai.asked]
        assert seen == [told(reply) for reply in replies]
        assert len({(limit, count) for _, _, count, limit, _ in seen}) > 3


async def test_an_error_says_it_too_and_what_is_no_conversation_says_nothing(autojump_clock: MockClock) -> None:
    async with running() as it:
        it.openai.plays(fails(400))
        assert told(await it.ask()) == ["false", "1", "3", "128000", "100.0"]
        embedded = await it.request(
            "POST", "/v1/embeddings", json_body={"model": "sandbox/embedding", "input": "a" * 4000}
        )
        assert (embedded.status, told(embedded)) == (200, [None] * 5)


async def test_only_listed_providers_are_told_and_nobody_where_it_is_off(autojump_clock: MockClock) -> None:
    async with running('[cms]\npropagate = ["deepseek"]') as it:
        it.openai.plays(fails(500))
        reply = await it.ask({**QUESTION, "model": "backed"})
        assert (reply.status, reply.header("x-cms-tier")) == (200, "1")
        assert [asked.header("x-cms-tier") for asked in (*it.openai.asked, *it.deepseek.asked)] == [
            *[None] * len(it.openai.asked),
            "1",
        ]
    async with running('[cms]\nenabled = "off"') as it:
        assert told(await it.ask()) == [None] * 5
        assert it.openai.asked[0].header("x-cms-tier") is None


@pytest.mark.parametrize("stream", [False, True])
async def test_a_fallback_is_told_of_its_own_window_and_the_client_of_that_of_whoever_answers(
    autojump_clock: MockClock, stream: bool
) -> None:
    """Another family, another window; where nobody answers, of whom was asked last."""
    first = ["false", "3", "64000", "128000", "50.0"]
    second = ["false", "4", "80000", "64000", "0.0"]
    async with running("[retry]\nattempts = 1\n") as it:
        it.openai.plays(fails(500))
        it.deepseek.plays(says("Hello."), fails(500))
        for status in (200, 500):
            reply = await it.ask({**HALF, "model": "backed", "stream": stream})
            assert (reply.status, reply.header("x-gateway-provider"), told(reply)) == (status, "deepseek", second)
        for provider, expected in ((it.openai, first), (it.deepseek, second)):
            assert [[asked.header(name) for name in NAMES] for asked in provider.asked] == [expected] * 2


@pytest.mark.parametrize("join", ["false", "true"])
async def test_an_answer_from_the_cache_tells_of_the_window_of_whoever_made_it(
    autojump_clock: MockClock, join: str
) -> None:
    """Also whoever had it made, and has joined others."""
    async with running(f"[retry]\nattempts = 1\n[cache]\nenabled = true\njoin = {join}\n") as it:
        it.openai.plays(fails(500))
        it.deepseek.plays(says("Hello."))
        for how in ("miss", "hit"):
            reply = await it.ask({**HALF, "model": "backed"})
            assert (reply.header("x-gateway-cache"), reply.header("x-gateway-provider")) == (how, "deepseek")
            assert told(reply) == ["false", "4", "80000", "64000", "0.0"]


async def test_the_window_is_the_catalogues_unless_the_configuration_says_another(autojump_clock: MockClock) -> None:
    """And that of whoever is asked, whatever the client calls it."""
    big = '[models."big"]\ntarget = "openai/gpt-4.1"\n'
    alias = f'{big}[models."small"]\ntarget = "openai/gpt-4.1"\ncontext_window = 9000\n'
    async with running(alias) as it:
        replies = [await it.ask({**HALF, "model": model}) for model in ("gpt-4.1", "big", "small")]
        assert [(reply.header("x-token-limit"), reply.header("x-cms-tier")) for reply in replies] == [
            ("1000000", "1"),
            ("1000000", "1"),
            ("9000", "4"),
        ]
        limits = [asked.header("x-token-limit") for asked in it.openai.asked]
        assert limits == ["1000000", "1000000", "9000"]


async def test_a_model_whose_window_nobody_knows_has_the_default_one(autojump_clock: MockClock) -> None:
    async with running("[cms]\ndefault_window = 1000") as it:
        reply = await it.request("POST", CHAT, json_body={**HALF, "model": "sandbox/echo"})
        assert told(reply) == ["false", "4", "64000", "1000", "0.0"]
