"""An actor dies while it is needed: whoever waits is told at once, and its supervisor brings it back."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from actors.supervisor import Escalated
from tests.whole.gateways import CHAT, ENGINES, QUESTION, STREAMED, Running, data_of, running
from tests.whole.upstream import answers, stalls, streams, texts_of

on_every_engine = pytest.mark.parametrize("engine", ENGINES)
in_both_ways = pytest.mark.parametrize("question", [QUESTION, STREAMED], ids=["plain", "streamed"])
BACKED = {**QUESTION, "model": "backed"}
PAUSE_S = 0.1
"""The longest pause before a first restart."""


class Explosion(Exception):
    """What no actor expects."""


def explode() -> None:
    raise Explosion("made for this test")


def crash(actor: Any) -> None:
    """Its own loop raises, as soon as it runs."""
    actor._timers.at(trio.current_time(), explode)


async def crash_at(it: Running, when: float, name: str = "openai") -> None:
    await trio.sleep_until(when)
    crash(it.provider(name))


@on_every_engine
@in_both_ways
async def test_a_provider_dies_under_a_call(autojump_clock: MockClock, engine: str, question: Any) -> None:
    """503 in that very second, the upstream call is closed; after the pause the next question is answered."""
    async with running(engine=engine, troubled=True) as it, trio.open_nursery() as nursery:
        it.openai.plays(stalls, streams("a") if "stream" in question else answers())
        nursery.start_soon(crash_at, it, 3)

        told = await it.ask(question)

        assert trio.current_time() == 3
        assert (told.status, told.error["code"]) == (503, "provider_unavailable")
        assert b"Explosion" not in told.body
        await trio.testing.wait_all_tasks_blocked()
        assert it.openai.asked[0].closed_at == 3
        assert (await it.request("GET", "/health")).json["status"] == "degraded"
        assert (await it.ask(question)).status == 503
        assert (await it.actors())["openai"]["state"] == "backing_off"

        await trio.sleep(PAUSE_S)
        answered = await it.ask(question)

        assert answered.status == 200
        openai = (await it.actors())["openai"]
        assert (openai["state"], openai["restarts"]) == ("running", 1)
        assert openai["last_error"] == "Explosion: made for this test"
        assert (await it.actors())["deepseek"]["restarts"] == 0
        assert (await it.figures())("gateway_actor_restarts_total", actor="openai") == 1
        assert [line["actor"] for line in it.logged("actor crashed")] == ["openai"]
        assert (await it.request("GET", "/health")).json["status"] == "ok"
        await trio.testing.wait_all_tasks_blocked()
        it.assert_at_rest()
        it.assert_nobody_is_connected()


@on_every_engine
@in_both_ways
async def test_the_fallback_serves_what_a_dead_provider_left(
    autojump_clock: MockClock, engine: str, question: Any
) -> None:
    async with running(engine=engine, troubled=True) as it, trio.open_nursery() as nursery:
        it.openai.plays(stalls)
        it.deepseek.plays(streams("Hello.", every_s=2) if "stream" in question else answers(after_s=2))
        nursery.start_soon(crash_at, it, 3)

        reply = await it.ask({**question, "model": "backed"})

        assert trio.current_time() == 5
        assert reply.status == 200
        assert (reply.header("x-gateway-provider"), reply.header("x-gateway-attempts")) == ("deepseek", "2")
        assert [asked.at for asked in it.deepseek.asked] == [3]
        figures = await it.figures()
        assert figures("retry_attempts_total", provider="deepseek", operation="fallback") == 1
        await trio.testing.wait_all_tasks_blocked()
        it.assert_at_rest()


@on_every_engine
async def test_a_provider_dies_in_the_middle_of_a_stream(autojump_clock: MockClock, engine: str) -> None:
    async with running(engine=engine, troubled=True) as it, trio.open_nursery() as nursery:
        it.openai.plays(streams(*"abcdef"))
        nursery.start_soon(crash_at, it, 2.5)

        reply = await it.ask(STREAMED)

        assert trio.current_time() == 2.5
        *events, last = data_of(reply.body)
        assert texts_of(events) == "ab"
        assert last["error"]["code"] == "provider_unavailable"
        await trio.testing.wait_all_tasks_blocked()
        assert it.openai.asked[0].closed_at == 2.5
        await trio.sleep(PAUSE_S)
        it.assert_at_rest()


@on_every_engine
async def test_those_in_the_queue_of_a_dead_provider_are_told_too(autojump_clock: MockClock, engine: str) -> None:
    replies = []

    async def ask(it: Running) -> None:
        replies.append((await it.ask()).status)

    async with running("[providers.openai]\nmax_concurrent = 1", engine=engine, troubled=True) as it:
        it.openai.plays(stalls)
        async with trio.open_nursery() as clients:
            for _ in range(5):
                clients.start_soon(ask, it)
            clients.start_soon(crash_at, it, 3)

        assert trio.current_time() == 3
        assert replies == [503] * 5
        assert len(it.openai.asked) == 1
        await trio.sleep(PAUSE_S)
        it.assert_at_rest()


@on_every_engine
@in_both_ways
async def test_the_router_dies_under_a_call(autojump_clock: MockClock, engine: str, question: Any) -> None:
    """Whoever asked is told at once; nobody else dies with it, and clients keep their connections."""
    async with running(engine=engine, troubled=True) as it, trio.open_nursery() as nursery:
        it.openai.plays(stalls, streams("a") if "stream" in question else answers())
        router = it.gateway.actors.router()
        assert router is not None
        nursery.start_soon(crash_soon, router, 3)
        neighbour = await it.connect()
        assert (await neighbour.request("GET", "/health")).status == 200

        told = await it.ask(question)

        assert trio.current_time() == 3
        assert (told.status, told.error["code"]) == (503, "provider_unavailable")
        await trio.testing.wait_all_tasks_blocked()
        assert it.openai.asked[0].closed_at == 3
        assert (await neighbour.request("POST", CHAT, json_body=question)).status == 503
        assert trio.current_time() == 3
        await trio.sleep(PAUSE_S)
        assert (await neighbour.request("POST", CHAT, json_body=question)).status == 200
        neighbour.leave()
        assert restarted(await it.actors()) == {"router": 1}
        assert it.gateway.actors.router() is not router
        await trio.testing.wait_all_tasks_blocked()
        it.assert_at_rest()
        it.assert_nobody_is_connected()


@on_every_engine
async def test_the_face_dies_and_its_successor_serves_those_who_wait(autojump_clock: MockClock, engine: str) -> None:
    """Connections die with the server, and so do their calls; what has not been accepted yet is not lost."""
    async with running(engine=engine, troubled=True) as it:
        it.openai.plays(stalls, answers())
        victim = await it.connect()
        await victim.send("POST", CHAT, json_body=QUESTION)
        await trio.sleep(3)
        crash_the_face(it)
        another = await it.connect()

        assert b" 200 " not in await victim.read_raw()  # Hypercorn finds the time for a 500
        assert trio.current_time() == 3
        another.leave()
        late = await it.ask()

        assert 3 < trio.current_time() <= 3 + PAUSE_S
        assert late.status == 200
        assert it.openai.asked[0].closed_at == 3
        assert restarted(await it.actors()) == {"face": 1}
        victim.leave()
        await trio.testing.wait_all_tasks_blocked()
        it.assert_at_rest()
        it.assert_nobody_is_connected()


async def test_a_provider_that_dies_too_often_takes_the_others_with_it_once(autojump_clock: MockClock) -> None:
    """Five restarts in 30 s are borne; the sixth crash is their supervisor's own, and root starts that one anew."""
    async with running(troubled=True) as it:
        for _ in range(6):
            crash(it.provider("openai"))
            await trio.sleep(4)

        actors = await it.actors()

        assert restarted(actors) == {"providers": 1}
        assert "openai" in actors["providers"]["last_error"]
        assert all(actor["state"] == "running" for actor in actors.values())
        assert (await it.ask()).status == 200
        assert [line["supervisor"] for line in it.logged("supervisor gives up")] == ["providers"]


async def test_a_gateway_that_cannot_be_kept_alive_gives_up(autojump_clock: MockClock) -> None:
    """Three restarts at the root within a minute are borne; with the next crash `run` raises, and nothing is left."""
    with pytest.RaisesGroup(Escalated, flatten_subgroups=True):
        async with running(troubled=True) as it:
            it.openai.plays(stalls)
            idle = await it.connect()
            while True:
                crash(it.gateway.actors.router())
                await trio.sleep(10)
    assert trio.current_time() == 30
    assert it.network.open_streams() == 1  # the client's own end
    idle.leave()
    with pytest.raises(ConnectionRefusedError):
        await it.connect()
    assert it.logged("supervisor gives up")[-1]["supervisor"] == "root"


async def test_a_call_that_crashes_hurts_nobody_else(autojump_clock: MockClock) -> None:
    """A bug in a call's own code is that call's 500, logged whole; no actor notices."""
    async with running(troubled=True) as it:
        works = it.provider("openai")._work

        async def broken(attempt: Any) -> Any:
            if attempt.call.id == f"{1:032x}":
                explode()
            return await works(attempt)

        it.provider("openai")._work = broken
        first, second = await it.ask(), await it.ask()

        assert (first.status, first.error["code"]) == (500, "internal_error")
        assert b"made for this test" not in first.body
        assert second.status == 200
        assert all(actor["restarts"] == 0 for actor in (await it.actors()).values())
        (line,) = it.logged("call crashed")
        assert any("Explosion" in frame for frame in line["crash"])
        it.assert_at_rest()


async def crash_soon(actor: Any, when: float) -> None:
    await trio.sleep_until(when)
    crash(actor)


def restarted(actors: dict[str, Any]) -> dict[str, int]:
    """How often, for those who were."""
    return {name: actor["restarts"] for name, actor in actors.items() if actor["restarts"]}


def crash_the_face(it: Running) -> None:
    """Its next accept but one raises what no server expects; later ones are as before."""
    accept = it.listener.accept

    async def broken() -> Any:
        it.listener.accept = accept  # type: ignore[method-assign]
        explode()

    it.listener.accept = broken  # type: ignore[method-assign]
