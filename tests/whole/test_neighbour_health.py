"""/health/detailed tells how everybody is whom the gateway asks; /health/ready fails for who is required alone."""

from __future__ import annotations

import json
from typing import Any

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from tests.store.fake_redis import FakeServer
from tests.whole.gateways import QUESTION, Running, configured, running
from tests.whole.neighbours import CMS, beside, beside_both
from tests.whole.upstream import Upstream, answers, babbles, fails, resets, sends, stalls, writes

AT_CMS = {"CMS_URL": f"http://{CMS}"}
EVERY_10_S = "[cms]\ncheck_s = 10\n"


async def neighbours(it: Running) -> dict[str, Any]:
    told: dict[str, Any] = (await it.request("GET", "/health/detailed")).json["neighbours"]
    return told


async def ready(it: Running) -> tuple[int, Any]:
    reply = await it.request("GET", "/health/ready")
    return reply.status, reply.json.get("missing")


async def test_everybody_is_told_with_state_last_check_and_latency(autojump_clock: MockClock) -> None:
    async with beside(CMS, EVERY_10_S, environ=AT_CMS) as (it, cms):
        cms.health = sends({"status": "ok"}, after_s=0.5)
        it.openai.plays(answers(after_s=2))
        assert (await it.ask()).status == 200
        await trio.sleep(10)

        told = await neighbours(it)

        assert list(told) == ["redis", "cms", "code_orchestrator", *it.gateway.config.providers]
        assert told["redis"] == {"state": "off", "last_check_s": None, "latency_s": None, "required": False}
        assert told["cms"] == {"state": "up", "last_check_s": 1.5, "latency_s": 0.5, "required": False}
        assert told["code_orchestrator"]["state"] == "unknown"
        assert told["openai"] == {"state": "up", "last_check_s": 10, "latency_s": 2, "required": False}
        assert told["deepseek"] == {"state": "unknown", "last_check_s": None, "latency_s": None, "required": False}


async def test_a_provider_is_degraded_by_one_model_and_down_by_its_host(autojump_clock: MockClock) -> None:
    async with running("[retry]\nattempts = 1\n") as it:
        it.openai.plays(fails(500))
        for _ in range(5):
            assert (await it.ask()).status == 500
        assert (await neighbours(it))["openai"]["state"] == "degraded"
        for _ in range(5):
            await it.ask({**QUESTION, "model": "openrouter/anthropic/claude"})
        assert (await neighbours(it))["openrouter"]["state"] == "off", "it has no key"


@pytest.mark.parametrize("is_required", [False, True])
async def test_who_is_required_and_missing_makes_the_gateway_unready(
    autojump_clock: MockClock, is_required: bool
) -> None:
    """Down after ten seconds, back after thirty: the health check is the only one who asks."""
    required = '[health]\nrequired = ["cms"]\n' if is_required else ""
    async with beside(CMS, required + EVERY_10_S, environ=AT_CMS) as (it, cms):
        await trio.sleep(1)
        assert await ready(it) == (200, None)
        cms.health = fails(503)
        await trio.sleep(10)
        assert await ready(it) == ((503, ["cms"]) if is_required else (200, None))
        cms.health = sends({"status": "ok"})
        await trio.sleep(20)
        assert await ready(it) == (200, None)
        assert (await it.ask()).status == 200


async def test_who_is_required_is_looked_at_where_nobody_said_where_it_is(autojump_clock: MockClock) -> None:
    """At its usual place, where nobody listens here; and the store that is required but not configured."""
    async with running('[health]\nrequired = ["redis", "code_orchestrator", "openai"]') as it:
        await trio.sleep(1)
        assert await ready(it) == (503, ["redis", "code_orchestrator"])
        told = await neighbours(it)
        assert (told["code_orchestrator"]["state"], told["code_orchestrator"]["required"]) == ("down", True)


@pytest.mark.parametrize(
    ("script", "took_s"),
    [
        (stalls, 5),
        (fails(500), 0),
        (fails(404), 0),
        (resets(after_s=0.5), 1),
        (babbles, 0),
        (writes("<html>Welcome!</html>"), 0),
        (sends(["ok"]), 0),
        (sends({"status": "Unhealthy"}), 0),
    ],
    ids=["silent", "500", "404", "reset", "no HTTP", "a page", "no object", "ill by its own word"],
)
async def test_a_service_that_is_ill_is_down_after_one_look_and_up_after_another(
    autojump_clock: MockClock, script: Any, took_s: float
) -> None:
    """Looks come every ten seconds; what is lost on a kept connection is asked once more on another."""
    async with beside_both(EVERY_10_S + "[code_orchestrator]\ncheck_s = 10\n") as (it, cms, orchestrator):
        await trio.sleep(1)
        cms.health = orchestrator.health = script
        await trio.sleep(9 + took_s)
        await trio.testing.wait_all_tasks_blocked()
        told = await neighbours(it)
        for name in ("cms", "code_orchestrator"):
            assert told[name] == {"state": "down", "last_check_s": 0, "latency_s": took_s, "required": False}
        cms.health, orchestrator.health = sends({"status": "ok"}), sends({})
        await trio.sleep(11)
        told = await neighbours(it)
        assert [told[name]["state"] for name in ("cms", "code_orchestrator")] == ["up", "up"]


async def test_a_provider_without_a_key_is_off_and_what_it_needs_is_told(autojump_clock: MockClock) -> None:
    """Nobody is asked for it, so that nobody will ever find it down; it matters where it is required alone."""
    needed = {"openrouter": ["OPENROUTER_API_KEY"]}
    async with running() as it:
        assert await ready(it) == (200, None)
        told = await neighbours(it)
        assert told["openrouter"] == {**NOT_ASKED, "state": "off", "needs": needed["openrouter"]}
        assert told["deepseek"] == {**NOT_ASKED, "state": "unknown"}
    required = '[health]\nrequired = ["openai", "openrouter", "sandbox"]\n'
    async with running(required) as it:
        reply = await it.request("GET", "/health/ready")
        assert (reply.status, reply.json) == (503, {"status": "missing", "missing": [*needed], "needs": needed})
    async with running(required, environ={"OPENROUTER_API_KEY": "sk-openrouter"}) as it:
        assert await ready(it) == (200, None)


async def test_a_service_that_is_switched_off_is_asked_nothing_at_all(autojump_clock: MockClock) -> None:
    """Not how it is, nor by a client's wish; and a reload that switches it on has it looked at."""
    async with beside(CMS, '[cms]\nenabled = "off"\ncheck_s = 10', environ=AT_CMS) as (it, cms):
        await trio.sleep(30)
        assert (await it.ask(headers={"x-cms-mode": "validate"})).status == 200
        assert (await neighbours(it))["cms"] == {**NOT_ASKED, "state": "off"}
        assert (cms.asked, cms.looked_at) == ([], [])
        await it.gateway.reload(configured("edge", EVERY_10_S, AT_CMS))
        await trio.sleep(5)
        assert (cms.looked_at, (await neighbours(it))["cms"]["state"]) == ([30], "up")


NOT_ASKED = {"last_check_s": None, "latency_s": None, "required": False}
OPENROUTER = {"OPENROUTER_API_KEY": "sk-openrouter", "OPENROUTER_BASE_URL": "http://openrouter.test/api/v1"}
ASKED_THERE = {**QUESTION, "model": "openrouter/anthropic/claude"}
KINDS = ("redis", "cms", "code_orchestrator", "openrouter")


@pytest.mark.parametrize("required", [(), KINDS], ids=["nobody is required", "everybody is"])
async def test_each_kind_that_is_down_is_told_and_counts_where_it_is_required(
    autojump_clock: MockClock, required: tuple[str, ...]
) -> None:
    """A store, both services and a provider's host, all of them gone and back; the router goes on beside them."""
    server = FakeServer()
    server.latency_s = 0.05
    environ = {"REDIS_URL": "redis://store.test", **OPENROUTER}
    settings = f"""
[health]
required = {json.dumps(required)}
[cms]
check_s = 10
[code_orchestrator]
check_s = 10
[retry]
attempts = 1
"""
    async with (
        beside_both(settings, environ=environ, open_redis=server.open) as (it, cms, orchestrator),
        trio.open_nursery() as nursery,
    ):
        openrouter = Upstream(it.network, "openrouter.test")
        await nursery.start(openrouter.run)
        assert (await it.ask(ASKED_THERE)).status == 200
        told = await neighbours(it)
        assert [told[name]["state"] for name in KINDS] == ["up"] * 4
        assert [told[name]["required"] for name in KINDS] == [name in required for name in KINDS]
        assert told["redis"]["latency_s"] == pytest.approx(0.05)
        assert await ready(it) == (200, None)

        server.fault = "no connection"
        cms.health = orchestrator.health = fails(503)
        openrouter.plays(resets())
        it.network.fail(openrouter.host, 80, ConnectionRefusedError())
        for _ in range(6):
            assert (await it.ask(ASKED_THERE)).status in (502, 503)
        await trio.sleep(11)
        assert (await it.ask(ASKED_THERE)).status in (502, 503)  # a probe, for its breaker's time is over
        told = await neighbours(it)
        assert [told[name]["state"] for name in KINDS] == ["down"] * 4
        assert await ready(it) == ((503, [*KINDS]) if required else (200, None))
        assert (await it.ask()).status == 200

        server.fault = ""
        cms.health = orchestrator.health = sends({"status": "ok"})
        openrouter.plays(answers())
        it.network.fail(openrouter.host, 80, None)
        await trio.sleep(30)
        assert await ready(it) == (200, None), "or nobody would be sent here to find out that it is back"
        assert (await it.ask(ASKED_THERE)).status == 200
        told = await neighbours(it)
        assert [told[name]["state"] for name in KINDS] == ["up"] * 4
        assert await ready(it) == (200, None)
        nursery.cancel_scope.cancel()
