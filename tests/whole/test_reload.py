"""New settings for a gateway at work: what has begun ends as it began, what comes is served as they say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from gateway import serve
from gateway.config import Origin
from tests.whole.gateways import QUESTION, STREAMED, Running, configured, data_of, running
from tests.whole.upstream import Upstream, answers, streams

NARROW = "[providers.openai]\nmax_concurrent = 1\n"
ANOTHER = """
[providers.local]
kind = "openai"
base_url = "http://local.test/v1"
[models."small"]
target = "local/tiny"
"""


def texts(body: bytes) -> str:
    return "".join(
        event["choices"][0]["delta"].get("content") or ""
        for event in data_of(body)
        if event != "[DONE]" and event["choices"]
    )


async def states(it: Running) -> dict[str, str]:
    return {name: actor["state"] for name, actor in (await it.actors()).items() if actor["kind"] == "provider"}


async def test_a_changed_provider_is_replaced_and_its_calls_end_on_the_old_one(autojump_clock: MockClock) -> None:
    async with running() as it, trio.open_nursery() as nursery:
        it.openai.plays(streams("One ", "two ", "three.", every_s=2), answers("Hello."))
        replies: list[Any] = []

        async def ask() -> None:
            replies.append((await it.ask(STREAMED), trio.current_time()))

        nursery.start_soon(ask)
        await trio.sleep(1)
        old, sandbox = it.provider("openai"), it.provider("sandbox")

        assert await it.gateway.reload(configured("edge", NARROW)) == []

        assert trio.current_time() == 1, "nobody waits for the old one"
        assert it.provider("openai") is not old
        assert it.provider("openai").settings.max_concurrent == 1
        assert it.provider("sandbox") is sandbox, "who has not changed is left alone"
        assert (await states(it))["openai~1"] == "draining"
        assert (await it.ask()).status == 200, "the only permit is not the old one's"
        await trio.sleep(20)
        ((reply, ended_at),) = replies
        assert (texts(reply.body), reply.body.endswith(b"data: [DONE]\n\n"), ended_at) == ("One two three.", True, 6)
        assert "openai~1" not in await states(it)
        assert old.buried
        it.assert_at_rest()


async def test_those_that_wait_at_a_changed_provider_are_still_served_by_it(autojump_clock: MockClock) -> None:
    async with running(NARROW) as it, trio.open_nursery() as nursery:
        it.openai.plays(answers("First.", after_s=4), answers("Second.", after_s=1))
        ended: list[tuple[int, float]] = []

        async def ask() -> None:
            ended.append(((await it.ask()).status, trio.current_time()))

        nursery.start_soon(ask)
        nursery.start_soon(ask)
        await trio.sleep(1)
        await it.gateway.reload(configured("edge"))
        await trio.sleep(10)
        assert ended == [(200, 4), (200, 5)]
        assert "openai~1" not in await states(it)


async def test_providers_and_models_come_and_go(autojump_clock: MockClock) -> None:
    async with running() as it:
        local = Upstream(it.network, "local.test")
        await it.nursery.start(local.run)
        local.plays(answers("I am small."), answers("Still here.", after_s=5))
        question = {**QUESTION, "model": "small"}
        before = await it.ask(question)
        assert before.status != 200

        await it.gateway.reload(configured("edge", ANOTHER))
        assert (await it.ask(question)).json["choices"][0]["message"]["content"] == "I am small."
        assert "small" in [model["id"] for model in (await it.request("GET", "/v1/models")).json["data"]]

        async with trio.open_nursery() as nursery:
            replies: list[Any] = []

            async def ask() -> None:
                replies.append(await it.ask(question))

            nursery.start_soon(ask)
            await trio.sleep(1)
            await it.gateway.reload(configured("edge"))
            after = await it.ask(question)
            assert (after.status, after.error["code"]) == (before.status, before.error["code"])
        assert replies[0].json["choices"][0]["message"]["content"] == "Still here."
        await trio.sleep(1)
        assert not [name for name in await states(it) if name.startswith("local")]


KEYS = """
[auth]
mode = "keys"
[[auth.keys]]
label = "first"
env = "FIRST_KEY"
requests_per_minute = 1
[[auth.keys]]
label = "second"
env = "SECOND_KEY"
requests_per_minute = {second}
"""
HELD = {"FIRST_KEY": "k-first", "SECOND_KEY": "k-second"}


async def test_limits_change_for_those_whose_limits_have_changed(autojump_clock: MockClock) -> None:
    """Nobody gets a fresh minute out of a reload that says nothing new about it."""
    async with running(KEYS.format(second=1), environ=HELD) as it:
        it.openai.plays(answers(), answers(), answers())

        async def status(key: str) -> int:
            return (await it.ask(headers={"authorization": f"Bearer {key}"})).status

        assert [await status("k-first"), await status("k-second")] == [200, 200]
        await it.gateway.reload(configured("edge", KEYS.format(second=60), HELD))
        assert [await status("k-first"), await status("k-second")] == [429, 200]
        await it.gateway.reload(configured("edge"))
        assert (await it.ask()).status == 200, "no key is asked for any more"


async def test_new_prices_hold_for_what_is_billed_from_then_on(autojump_clock: MockClock) -> None:
    question = {**QUESTION, "model": "deepseek/deepseek-chat"}

    def priced(usd: float) -> str:
        return f'[models."{question["model"]}"]\nprices = {{ input = {usd}, output = {usd} }}\n'

    async with running(priced(1.0)) as it:
        before = float((await it.ask(question)).header("x-gateway-cost-usd") or 0)
        await it.gateway.reload(configured("edge", priced(3.0)))
        after = float((await it.ask(question)).header("x-gateway-cost-usd") or 0)
        assert after == pytest.approx(3 * before)
        assert before > 0


async def test_log_levels_and_memory_change_at_once(autojump_clock: MockClock) -> None:
    async with running() as it:
        await it.ask({**QUESTION, "model": "sandbox/echo"})
        assert len(it.logged("request")) == 1
        settings = '[log]\nlevel = "warning"\n[memory]\nthreshold_mb = 64\ningress_mb = 1\n'
        await it.gateway.reload(configured("edge", settings))
        await it.ask({**QUESTION, "model": "sandbox/echo"})
        assert len(it.logged("request")) == 1
        assert it.gateway.ingress.limit == 1024 * 1024
        assert it.gateway.phase == "ready"
        it.memory.bytes = 64 * 1024 * 1024
        await trio.sleep(1)
        assert it.gateway.phase == "refusing"


async def test_what_needs_a_new_process_is_told_and_left_as_it_is(autojump_clock: MockClock) -> None:
    async with running() as it:
        settings = "[server]\nbody_bytes = 10\n[responses]\nttl_s = 1\n[timeouts]\ntotal_s = 7\n"
        assert await it.gateway.reload(configured("edge", settings)) == ["server", "responses"]
        assert it.gateway.config.server.body_bytes > 10
        assert it.gateway.config.timeouts.total_s == 7
        assert (await it.ask({**QUESTION, "model": "sandbox/echo"})).status == 200


async def test_wrong_settings_are_told_whole_and_change_nothing(autojump_clock: MockClock, tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text("[retry]\nattempts = 0\n[timeouts]\nidle_s = -1\n")
    async with running(troubled=True) as it:
        before = it.gateway.settled
        await serve.reload(it.gateway, Origin(path=file, environ={}, options={}))
        assert it.gateway.settled is before
        (line,) = it.logged("configuration refused")
        idle_s, attempts = line["mistakes"]
        assert "timeouts.idle_s: expected a number above 0" in idle_s
        assert "retry.attempts: expected a whole number from 1 to 20, found 0" in attempts
        file.write_text("[retry]\nattempts = 5\n[providers.openai]\nbase_url = 'http://openai.test/v1'")
        await serve.reload(it.gateway, Origin(path=file, environ={}, options={}))
        assert it.gateway.config.retry.attempts == 5
        assert it.logged("configuration reloaded")[0]["waiting_for_restart"] == []


async def test_reloads_follow_one_another(autojump_clock: MockClock) -> None:
    async with running() as it:
        async with trio.open_nursery() as nursery:
            for settings in (NARROW, ANOTHER, "", NARROW + ANOTHER):
                nursery.start_soon(it.gateway.reload, configured("edge", settings))
        await trio.sleep(1)
        names = list(it.gateway.config.providers)
        assert sorted(await states(it)) == sorted(names)
        assert (await it.ask({**QUESTION, "model": "sandbox/echo"})).status == 200


async def test_what_a_model_took_before_it_went_is_still_its_own_in_the_metrics(autojump_clock: MockClock) -> None:
    """Nobody had scraped since: its name is no longer among those that are known, and it was when it was billed."""
    async with running('[models."in-house"]\ntarget = "openai/in-house"\n') as it:
        assert (await it.ask({**QUESTION, "model": "in-house"})).status == 200
        await it.gateway.reload(configured("edge"))
        figures = await it.figures()
        assert figures("llm_request_total", model="in-house") == 1
        assert figures("llm_tokens_total", model="in-house") > 0
        assert figures("llm_tokens_total", model="other") == 0
