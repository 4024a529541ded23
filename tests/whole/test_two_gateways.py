"""Two gateways in one process, on one network and in one nursery, know nothing of each other."""

from __future__ import annotations

import json

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from tests.whole.gateways import CHAT, ENGINES, QUESTION, Running, configured, running
from tests.whole.upstream import answers, stalls

OTHER_ADDRESS = ("127.0.0.1", 8081)
LIMITED = """
[auth]
mode = "keys"
[[auth.keys]]
label = "team"
env = "TEAM_KEY"
requests_per_minute = 1
"""
TEAM = {"authorization": "Bearer sk-team"}


async def start_beside(one: Running, settings: str = "", *, engine: str = "edge") -> Running:
    """A second gateway that asks the same providers, with a key of its own."""
    environ = {"OPENAI_API_KEY": "sk-other", "TEAM_KEY": "sk-team"}
    other = Running(configured(engine, settings, environ), one.network, OTHER_ADDRESS, seed=1)
    await other.start(one.nursery)
    return other


@pytest.mark.parametrize("engine", ENGINES)
async def test_what_happens_to_one_is_neither_logged_nor_counted_by_the_other(
    autojump_clock: MockClock, engine: str
) -> None:
    async with running(engine=engine) as one:
        other = await start_beside(one, engine=engine)
        before = len(other.lines), len(other.events)

        assert (await one.ask()).status == 200

        assert len(one.logged("request")) == 1
        assert (len(other.lines), len(other.events)) == before
        assert (await one.figures())("llm_request_total") == 1
        assert (await other.figures())("llm_request_total") == 0
        assert (await one.actors())["openai"]["mailbox"]["processed"] == 1
        assert (await other.actors())["openai"]["mailbox"]["processed"] == 0
        assert (await other.ask()).header("x-request-id") == f"{(1 << 64) + 3:032x}"
        assert [asked.header("authorization") for asked in one.openai.asked] == [
            "Bearer sk-openai",
            "Bearer sk-other",
        ]


async def test_calls_in_flight_bytes_and_permits_are_each_ones_own(autojump_clock: MockClock) -> None:
    """One is full; the other serves at once."""
    async with running("[providers.openai]\nmax_concurrent = 1") as one, trio.open_nursery() as clients:
        other = await start_beside(one, "[providers.openai]\nmax_concurrent = 1")
        one.openai.plays(stalls, answers())
        for _ in range(2):
            clients.start_soon(one.ask)
            await trio.testing.wait_all_tasks_blocked()

        reply = await other.ask()

        assert (trio.current_time(), reply.status) == (0, 200)
        assert (one.provider("openai").in_flight, len(one.provider("openai").waiters)) == (1, 1)
        assert one.provider("openai").admission.memory.used == len(json.dumps(QUESTION))
        other.assert_at_rest()
        clients.cancel_scope.cancel()


async def test_the_ingress_budget_is_each_ones_own(autojump_clock: MockClock) -> None:
    head = b"POST %b HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000000\r\n\r\n" % CHAT.encode()
    async with running("[memory]\ningress_mb = 1") as one:
        other = await start_beside(one, "[memory]\ningress_mb = 1")
        greedy = await one.connect()
        await greedy.send_raw(head + b"x" * 100_000)
        await trio.testing.wait_all_tasks_blocked()
        question = {**QUESTION, "user": "u" * 100_000}

        assert one.gateway.ingress.used == 1_000_000
        assert other.gateway.ingress.used == 0
        refused = await one.ask(question)
        assert (refused.status, refused.error["code"]) == (503, "memory_pressure")
        assert (await other.ask(question)).status == 200
        greedy.leave()


async def test_the_limits_of_a_client_are_each_ones_own(autojump_clock: MockClock) -> None:
    async with running(LIMITED, environ={"TEAM_KEY": "sk-team"}) as one:
        other = await start_beside(one, LIMITED)

        assert (await one.ask(headers=TEAM)).status == 200
        refused = await one.ask(headers=TEAM)
        assert (refused.status, refused.error["code"], refused.header("retry-after")) == (
            429,
            "rate_limit_exceeded",
            "60",
        )
        assert (await other.ask(headers=TEAM)).status == 200


async def test_one_ends_and_the_other_goes_on(autojump_clock: MockClock) -> None:
    async with running() as one:
        other = await start_beside(one)
        assert (await one.ask()).status == 200

        other.gateway.drain()
        await trio.testing.wait_all_tasks_blocked()

        assert other.ended_at == 0
        with pytest.raises(ConnectionRefusedError):
            await other.connect()
        assert (await one.ask()).status == 200
        assert (await one.request("GET", "/health/ready")).json == {"status": "ready"}
