"""Whole gateways that share one store, in virtual time: limits, breakers, stored responses, and a store that fails."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.memory_network import MemoryNetwork
from tests.store.fake_redis import FakeServer
from tests.whole.gateways import QUESTION, Running, running
from tests.whole.upstream import answers, fails

SHARED = {"REDIS_URL": "redis://store.test"}
KEYED = {**SHARED, "TEAM_KEY": "sk-team"}
LIMITED = """
[auth]
mode = "keys"
[[auth.keys]]
label = "team"
env = "TEAM_KEY"
requests_per_minute = 60
"""
TEAM = {"authorization": "Bearer sk-team"}
RESPONSE = {"model": "sandbox/echo", "input": "Keep this."}


@asynccontextmanager
async def two(server: FakeServer, settings: str = "", environ: Any = SHARED) -> AsyncIterator[tuple[Running, Running]]:
    """Two gateways of one store, each with a network of its own."""
    async with (
        running(settings, environ=environ, open_redis=server.open, seed=1) as one,
        running(settings, environ=environ, open_redis=server.open, seed=2) as other,
    ):
        yield one, other


async def test_a_breaker_that_opens_here_opens_there_within_a_second_and_closes_by_its_own_probe(
    autojump_clock: MockClock,
) -> None:
    server = FakeServer()
    async with two(server, "[retry]\nattempts = 1\n") as (one, other):
        one.openai.plays(*[fails(500)] * 5)
        other.openai.plays(answers("Well again."))
        for _ in range(5):
            assert (await one.ask()).status == 500
        await trio.sleep(1.0)
        actors = await other.actors()
        assert actors["openai"]["detail"]["breakers"]["gpt-4o"]["state"] == "open"
        assert (await other.ask()).status == 503
        assert other.openai.asked == []
        await trio.sleep(5.0)
        assert (await other.ask()).status == 200
        assert (await one.actors())["hints"]["detail"] == {"told": 1, "heard": 0}, "the hint was not echoed"
        assert (await other.actors())["hints"]["detail"] == {"told": 0, "heard": 1}
        await trio.sleep(2.0)
        assert (await other.actors())["openai"]["detail"]["breakers"]["gpt-4o"]["state"] == "closed", "heeded once"


async def test_a_clients_limit_holds_over_both(autojump_clock: MockClock) -> None:
    server = FakeServer()
    async with two(server, LIMITED, KEYED) as gateways:
        statuses = []
        for number in range(100):
            reply = await gateways[number % 2].ask({**QUESTION, "model": "sandbox/echo"}, headers=TEAM)
            statuses.append(reply.status)
            await trio.sleep(0.001)
        assert set(statuses) == {200, 429}
        assert 60 - 2 <= statuses.count(200) <= 60 + 2, "within one lease each"


async def test_a_response_made_here_is_read_continued_and_deleted_there(autojump_clock: MockClock) -> None:
    server = FakeServer()
    server.latency_s = 0.001
    async with two(server) as (one, other):
        made = (await one.request("POST", "/v1/responses", json_body=RESPONSE)).json
        path = f"/v1/responses/{made['id']}"
        assert (await other.request("GET", path)).json == made
        continued = {**RESPONSE, "previous_response_id": made["id"], "input": "And this."}
        assert (await other.request("POST", "/v1/responses", json_body=continued)).status == 200
        assert (await other.request("DELETE", path)).status == 200
        assert (await one.request("GET", path)).status == 404
        figures = await other.figures()
        for operation in ("response_get", "response_put"):
            asked = figures("gateway_store_seconds_count", operation=operation)
            took = figures("gateway_store_seconds_sum", operation=operation)
            assert (asked, took) == (3, pytest.approx(3 * server.latency_s)), operation


async def test_a_gateway_that_stood_still_asks_once_more_and_a_503_for_want_of_time_is_told(
    autojump_clock: MockClock,
) -> None:
    """The store is not to blame and stays in use; who is told to come again after the second time is counted."""
    server = FakeServer()
    server.latency_s = 0.01
    async with running(open_redis=server.open, environ=KEYED) as it, trio.open_nursery() as nursery:
        made = (await it.request("POST", "/v1/responses", json_body=RESPONSE)).json
        told: list[int] = []

        async def ask() -> None:
            told.append((await it.request("GET", f"/v1/responses/{made['id']}")).status)

        for stands_still in (1, 2):
            nursery.start_soon(ask)
            for _ in range(stands_still):
                await trio.sleep(0.005)
                assert it.logged("store did not answer in time") == []
                autojump_clock.jump(0.3)
            await trio.sleep(0.1)
        assert told == [200, 503]
        (line,) = it.logged("store did not answer in time")
        assert (line["level"], line["operation"]) == ("warning", "response_get")
        assert (await it.figures())("gateway_store_unanswered_total", operation="response_get") == 1


@pytest.mark.parametrize("fault", ["hangs", "no connection", "out of memory", "read-only"])
async def test_without_the_store_everything_goes_on_but_what_is_stored(autojump_clock: MockClock, fault: str) -> None:
    server = FakeServer()
    async with running(LIMITED, environ=KEYED, open_redis=server.open) as it:
        made = (await it.request("POST", "/v1/responses", json_body=RESPONSE, headers=TEAM)).json
        if fault == "hangs":
            server.hangs = True
        else:
            server.fault = fault
        latencies = []
        for _ in range(20):
            began = trio.current_time()
            assert (await it.ask({**QUESTION, "model": "sandbox/echo"}, headers=TEAM)).status == 200
            latencies.append(trio.current_time() - began)
            await trio.sleep(0.1)
        assert latencies == [0.0] * 20, "nobody waits for the store"
        told = await it.request("GET", f"/v1/responses/{made['id']}", headers=TEAM)
        assert (told.status, told.json["error"]["code"]) == (503, "store_unavailable")
        assert told.header("retry-after") == "1"
        began = trio.current_time()
        kept = await it.request("POST", "/v1/responses", json_body=RESPONSE, headers=TEAM)
        assert kept.status == 200, "it is paid for: the client gets it, though nobody can read it later"
        assert trio.current_time() == began
        background = {**RESPONSE, "background": True}
        assert (await it.request("POST", "/v1/responses", json_body=background, headers=TEAM)).status == 503
        assert [line["after"] for line in it.logged("store moved")] == ["connected", "degraded"]
        figures = await it.figures()
        assert figures("gateway_store_mode") == 2
        assert figures("gateway_store_unanswered_total", operation="response_get") == 1
        assert it.logged("store did not answer in time") == [], "the line above has told it once for all"
        assert (await it.request("GET", "/health")).json["status"] == "ok"
        assert (await it.request("GET", "/health/detailed")).json["store"] == {"mode": "degraded"}

        server.hangs, server.fault = False, ""
        await trio.sleep(5.0)
        assert (await it.request("GET", f"/v1/responses/{made['id']}", headers=TEAM)).json == made
        assert [line["after"] for line in it.logged("store moved")][-1] == "connected"


async def test_a_slow_store_slows_what_is_stored_and_nothing_else(autojump_clock: MockClock) -> None:
    server = FakeServer()
    server.latency_s = 0.05
    async with running(LIMITED, environ=KEYED, open_redis=server.open) as it:
        await trio.sleep(0.1)
        began = trio.current_time()
        for _ in range(20):
            assert (await it.ask({**QUESTION, "model": "sandbox/echo"}, headers=TEAM)).status == 200
        assert trio.current_time() == began
        made = (await it.request("POST", "/v1/responses", json_body=RESPONSE, headers=TEAM)).json
        assert (await it.request("GET", f"/v1/responses/{made['id']}", headers=TEAM)).json == made
        assert 0.1 <= trio.current_time() - began <= 0.2
        assert it.logged("store moved")[-1]["after"] == "connected"


async def test_a_providers_limit_holds_over_both_and_those_beyond_it_wait(autojump_clock: MockClock) -> None:
    server = FakeServer()
    server.latency_s = 0.001
    statuses: list[int] = []

    async def ask(it: Running) -> None:
        statuses.append((await it.ask({**QUESTION, "model": "sandbox/echo"})).status)

    async with two(server, "[providers.sandbox]\nrequests_per_minute = 60\n") as gateways:
        began = trio.current_time()
        async with trio.open_nursery() as nursery:
            for number in range(66):
                nursery.start_soon(ask, gateways[number % 2])
        assert statuses == [200] * 66
        assert 66 - 60 - 2 <= trio.current_time() - began <= 66 - 60 + 2, "a burst of 60, then one a second"


async def test_a_store_that_comes_and_goes_costs_no_request(autojump_clock: MockClock) -> None:
    server = FakeServer()
    async with running(environ=SHARED, open_redis=server.open) as it:
        for number in range(200):
            server.fault = "no connection" if number % 7 < 3 else ""
            assert (await it.ask({**QUESTION, "model": "sandbox/echo"})).status == 200
            await trio.sleep(0.13)


async def test_nobody_said_and_nobody_answers_so_each_keeps_its_own(autojump_clock: MockClock) -> None:
    async with running(environ={"REDIS_URL": ""}) as it:
        assert ("localhost", 6379) in it.network.connects
        assert trio.current_time() == 0.0
        (line,) = it.logged("store moved")
        assert (line["after"], line["because"]) == (
            "memory",
            "REDIS_URL is not set, and none answers at localhost:6379",
        )
        made = (await it.request("POST", "/v1/responses", json_body=RESPONSE)).json
        assert (await it.request("GET", f"/v1/responses/{made['id']}")).json == made
        assert (await it.figures())("gateway_store_mode") == 0


async def test_whoever_listens_at_the_usual_place_without_a_word_delays_the_start_by_50_ms(
    autojump_clock: MockClock,
) -> None:
    network = MemoryNetwork()
    network.silence("localhost", 6379)
    async with running(environ={"REDIS_URL": ""}, network=network) as it:
        assert trio.current_time() == 0.05
        assert it.logged("store moved")[0]["after"] == "memory"


async def test_a_store_at_the_usual_place_is_found(autojump_clock: MockClock) -> None:
    network, server = MemoryNetwork(), FakeServer()

    async def answer_ping() -> None:
        listener = await network.listen("localhost", 6379)
        stream = await listener.accept()
        await stream.wait_readable()
        assert stream.receive_nowait(64) == b"PING\r\n"
        stream.send_nowait(b"+PONG\r\n")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(answer_ping)
        await trio.testing.wait_all_tasks_blocked()
        async with running(environ={"REDIS_URL": ""}, network=network, open_redis=server.open) as it:
            assert it.logged("store moved")[0]["after"] == "connected"
            assert str(server.opened[0]) == "server localhost:6379"


LEISURELY = "[providers.sandbox]\nlatency_ms = 20000\n"
BACKGROUND = {**RESPONSE, "background": True}


async def begun(it: Running) -> str:
    """The path of a response that runs in the background for 20 s."""
    made = await it.request("POST", "/v1/responses", json_body=BACKGROUND)
    assert (made.status, made.json.get("status")) == (200, "queued"), made.json
    return f"/v1/responses/{made.json['id']}"


async def status_of(it: Running, path: str) -> str:
    status: str = (await it.request("GET", path)).json["status"]
    return status


async def test_work_in_the_background_is_seen_from_everywhere(autojump_clock: MockClock) -> None:
    async with two(FakeServer(), LEISURELY) as (one, other):
        path = await begun(one)
        for _ in range(19):
            await trio.sleep(1)
            assert await status_of(other, path) == "in_progress"
        await trio.sleep(2)
        assert (await other.request("GET", path)).json["output"][0]["content"][0]["text"] == "Keep this."


async def test_work_whose_worker_has_died_has_failed(autojump_clock: MockClock) -> None:
    server = FakeServer()
    async with running(LEISURELY, environ=SHARED, open_redis=server.open, seed=1) as other:
        await trio.sleep(10)
        async with running(LEISURELY, environ=SHARED, open_redis=server.open, seed=2) as one:
            path = await begun(one)
            await trio.sleep(5.5)
        await trio.sleep(5.4)
        assert await status_of(other, path) == "in_progress", "its last word was 5.9 s ago"
        await trio.sleep(0.2)
        reply = (await other.request("GET", path)).json
        assert (reply["status"], reply["error"]["code"]) == ("failed", "server_error")
        assert (await other.request("POST", f"{path}/cancel")).json["status"] == "failed"


async def test_a_cancel_reaches_the_worker_that_does_the_work(autojump_clock: MockClock) -> None:
    async with two(FakeServer(), LEISURELY) as (one, other):
        path = await begun(one)
        await trio.sleep(0.3)
        began = trio.current_time()
        assert (await other.request("POST", f"{path}/cancel")).json["status"] == "cancelled"
        assert trio.current_time() - began <= 1.1
        assert (await one.actors())["responses"]["detail"]["running"] == 0
        one.assert_at_rest()


async def test_a_delete_stops_the_work_wherever_it_is(autojump_clock: MockClock) -> None:
    async with two(FakeServer(), LEISURELY) as (one, other):
        path = await begun(one)
        assert (await other.request("DELETE", path)).status == 200
        assert (await one.actors())["responses"]["detail"]["running"] == 0
        assert (await one.request("GET", path)).status == 404


async def test_an_answer_that_finds_the_store_away_waits_for_it(autojump_clock: MockClock) -> None:
    server = FakeServer()
    async with two(server, LEISURELY) as (one, other):
        path = await begun(one)
        await trio.sleep(15)
        server.fault = "no connection"
        await trio.sleep(30)
        server.fault = ""
        await trio.sleep(5.2)
        assert await status_of(other, path) == "completed"


async def test_a_store_that_is_left_in_order_is_no_trouble(autojump_clock: MockClock) -> None:
    """A gateway that stops logs nothing that an alarm would heed."""
    async with running(environ=SHARED, open_redis=FakeServer().open) as it:
        assert [line["after"] for line in it.logged("store moved")] == ["connected"]
        await it.gateway.leave()
        await trio.sleep(30)
        assert it.ended_at is not None
    assert [line["after"] for line in it.logged("store moved")] == ["connected"]
