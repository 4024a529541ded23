"""Providers asked through httpx's transport: what clients get is what they get by the edge's client."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from tests.memory_network import MemoryNetwork
from tests.proxy import ADDRESS, ADDRESS_WITH_PASSWORD, PASSWORD, Proxy
from tests.whole.gateways import CHAT, ENGINES, QUESTION, STREAMED, configured, data_of, running
from tests.whole.upstream import answers, fails, is_cut, resets, stalls, streams, texts_of

HTTPX = """
[upstream]
engine = "httpx"
"""
THROUGH_PROXY = HTTPX + f'proxy = "{ADDRESS}"\n'
WITH_PASSWORD = HTTPX + 'proxy_env = "THE_PROXY"\n'
NO_RETRY = "[retry]\nattempts = 1\n"

on_every_engine = pytest.mark.parametrize("engine", ENGINES)
in_both_ways = pytest.mark.parametrize("question", [QUESTION, STREAMED], ids=["plain", "streamed"])


async def test_answers_and_streams_pass_and_connections_are_kept(autojump_clock: MockClock) -> None:
    async with running(HTTPX) as it:
        it.openai.plays(answers("Hello.", after_s=2), streams("a", "b"), answers("Again."))

        first = await it.ask()
        streamed = await it.ask(STREAMED)
        second = await it.ask()

        assert trio.current_time() == 2 + 2
        assert first.json["choices"][0]["message"]["content"] == "Hello."
        *pieces, done = data_of(streamed.body)
        assert (texts_of(pieces), done) == ("ab", "[DONE]")
        assert second.json["choices"][0]["message"]["content"] == "Again."
        assert [asked.header("authorization") for asked in it.openai.asked] == ["Bearer sk-openai"] * 3
        assert [pool.idle for pool in it.gateway.upstream.statistics().values()] == [1]


@on_every_engine
@in_both_ways
async def test_a_client_that_leaves_ends_the_call_at_the_provider_in_the_same_second(
    autojump_clock: MockClock, engine: str, question: dict[str, Any]
) -> None:
    for script, at in ((stalls, 3), (streams("a", then=stalls), 20)):
        if question is QUESTION and at == 20:
            continue
        async with running(HTTPX, engine=engine) as it:
            it.openai.plays(script)
            began_at = trio.current_time()
            client = await it.connect()
            await client.send("POST", CHAT, json_body=question)
            await trio.sleep(at)

            client.leave()

            await trio.testing.wait_all_tasks_blocked()
            assert it.openai.asked[0].closed_at == began_at + at
            assert [pool.open for pool in it.gateway.upstream.statistics().values()] == [0]


@pytest.mark.parametrize(
    ("script", "status", "code"),
    [
        (fails(400), 400, None),
        (fails(429), 429, None),
        (resets(), 502, "upstream_error"),
        (stalls, 504, "upstream_timeout"),
    ],
)
async def test_failures_are_the_edges(autojump_clock: MockClock, script: Any, status: int, code: str | None) -> None:
    async with running(HTTPX + NO_RETRY) as it:
        it.openai.plays(script)
        reply = await it.ask(headers={"x-gateway-timeout": "7"})
        assert (reply.status, reply.error["code"]) == (status, code)
        assert trio.current_time() == (7 if script is stalls else 0)


async def test_a_provider_that_nobody_hears_blames_its_host(autojump_clock: MockClock) -> None:
    environ = {"OPENAI_BASE_URL": "http://nobody.test/v1"}
    async with running(HTTPX + NO_RETRY, environ=environ) as it:
        reply = await it.ask()
        assert (reply.status, reply.error["code"]) == (502, "upstream_error")
        assert "nobody.test" not in reply.body.decode()
        assert (await it.figures())("circuit_breaker_failures_total", provider="openai", model="*") == 1


async def test_a_stream_that_is_cut_never_looks_whole(autojump_clock: MockClock) -> None:
    async with running(HTTPX + NO_RETRY) as it:
        it.openai.plays(streams("a", "b", then=is_cut))
        reply = await it.ask(STREAMED)
        assert b"[DONE]" not in reply.body
        assert b"upstream_error" in reply.body


# Through a proxy.


@in_both_ways
async def test_plain_requests_are_forwarded(autojump_clock: MockClock, question: dict[str, Any]) -> None:
    network = MemoryNetwork()
    proxy = Proxy(network)
    async with running(THROUGH_PROXY, network=network) as it:
        await it.nursery.start(proxy.run)
        it.openai.plays(streams("a", "b") if question is STREAMED else answers("Hello."))
        assert (await it.ask(question)).status == 200
        assert proxy.asked == [b"POST http://openai.test/v1/chat/completions HTTP/1.1"]
        assert it.openai.asked[0].header("authorization") == "Bearer sk-openai"


async def test_a_client_that_leaves_is_felt_behind_the_proxy(autojump_clock: MockClock) -> None:
    network = MemoryNetwork()
    async with running(THROUGH_PROXY, network=network) as it:
        await it.nursery.start(Proxy(network).run)
        it.openai.plays(streams("a", then=stalls))
        client = await it.connect()
        await client.send("POST", CHAT, json_body=STREAMED)
        await trio.sleep(5)
        client.leave()
        await trio.testing.wait_all_tasks_blocked()
        assert it.openai.asked[0].closed_at == 5


async def test_a_proxy_is_shown_its_password_and_nobody_else_is(autojump_clock: MockClock) -> None:
    network = MemoryNetwork()
    environ = {"THE_PROXY": ADDRESS_WITH_PASSWORD}
    async with running(WITH_PASSWORD, network=network, environ=environ) as it:
        await it.nursery.start(Proxy(network, wants_password=True).run)
        assert (await it.ask()).status == 200
        assert it.openai.asked[0].header("proxy-authorization") is None
        shown = [(await it.request("GET", page)).body.decode() for page in ("/admin/actors", "/metrics")]
        assert not any(PASSWORD in text for text in (*it.lines, *shown))


async def test_the_other_client_and_its_providers_go_without_the_proxy(autojump_clock: MockClock) -> None:
    settings = f"""
        [providers.openai.upstream]
        engine = "httpx"
        proxy = "{ADDRESS}"
    """
    network = MemoryNetwork()
    proxy = Proxy(network)
    async with running(settings, network=network) as it:
        await it.nursery.start(proxy.run)
        assert (await it.ask()).status == 200
        assert (await it.ask({**QUESTION, "model": "deepseek-chat"})).status == 200
        assert len(proxy.asked) == 1


async def test_a_reload_sends_new_requests_through_the_proxy_and_back_again(autojump_clock: MockClock) -> None:
    through_proxy = f'[providers.openai.upstream]\nengine = "httpx"\nproxy = "{ADDRESS}"\n'
    network = MemoryNetwork()
    proxy = Proxy(network)
    async with running(network=network) as it:
        await it.nursery.start(proxy.run)
        seen = []
        for settings in ("", through_proxy, ""):
            await it.gateway.reload(configured("edge", settings))
            assert (await it.ask()).status == 200
            seen.append(len(proxy.asked))
        assert seen == [0, 1, 1]
