"""Workers among themselves: whichever of them is asked, the answer is everybody's."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial

import pytest
import trio
from trio.testing import MockClock

from gateway.siblings import ASK_S, Place
from tests.memory_network import MemoryNetwork
from tests.whole.gateways import QUESTION, Running, configured

PORT = 1
ECHO = {**QUESTION, "model": "sandbox/echo"}
RESPONSES = "/v1/responses"


class Workers:
    """Three workers of one gateway; each has an address of its own, as the kernel's choice is no part of a story."""

    def __init__(self, settings: str = "") -> None:
        self.network = MemoryNetwork()
        config = configured("edge", "[server]\nworkers = 3\n" + settings)
        self.all = [
            Running(
                config,
                self.network,
                ("127.0.0.1", 8080 + number),
                seed=number,
                number=number,
                place=Place(
                    others=[str(other) for other in range(3) if other != number],
                    connect=self.network.connect,
                    listen=partial(self.network.listen, str(number), PORT),
                ),
            )
            for number in range(3)
        ]


@asynccontextmanager
async def workers(settings: str = "") -> AsyncIterator[list[Running]]:
    house = Workers(settings)
    async with trio.open_nursery() as nursery:
        for each in house.all:
            await each.start(nursery)
        yield house.all
        nursery.cancel_scope.cancel()


async def test_a_scrape_of_any_worker_counts_everybodys_requests(autojump_clock: MockClock) -> None:
    async with workers() as (first, second, third):
        for worker, times in ((first, 1), (second, 2), (third, 4)):
            for _ in range(times):
                assert (await worker.ask(ECHO)).status == 200
        for worker in (first, second, third):
            figures = await worker.figures()
            assert figures("llm_request_total", model="echo") == 7
            assert figures("llm_request_duration_seconds_count", model="echo") == 7
            assert figures("llm_request_duration_seconds_bucket", model="echo", le="+Inf") == 7
            assert figures("gateway_worker_up") == 3


async def test_gauges_are_added_up_where_that_means_something(autojump_clock: MockClock) -> None:
    """Calls in flight are; a breaker's state is each worker's own."""
    slow = '[providers.sandbox]\nkind = "sandbox"\nlatency_ms = 5000\n'
    async with workers(slow) as (first, second, _), trio.open_nursery() as nursery:
        for worker in (first, second, second):
            nursery.start_soon(worker.ask, ECHO)
        await trio.sleep(1)
        second.gateway.metrics.set_breaker("openai", "*", 2)
        figures = await first.figures()
        assert figures("gateway_in_flight", actor="sandbox") == 3
        assert figures("circuit_breaker_state", provider="openai", worker="1") == 2
        assert figures("circuit_breaker_state", provider="openai", worker="0") == 0


async def test_who_does_not_answer_is_said_to_be_absent_and_nobody_waits_long(autojump_clock: MockClock) -> None:
    """One worker has ended, one hangs."""
    async with workers() as (first, second, third):
        await second.ask(ECHO)
        second.gateway.drain()
        await trio.sleep(1)
        assert second.ended_at is not None
        first.network.silence("2", PORT)
        began_at = trio.current_time()

        figures = await first.figures()

        assert trio.current_time() == began_at + ASK_S
        assert [figures("gateway_worker_up", worker=name) for name in "012"] == [1, 0, 0]
        page = (await first.request("GET", "/admin/actors")).json
        assert page["absent"] == ["1", "2"]
        assert {actor["worker"] for actor in page["actors"]} == {"0"}
        assert third.gateway.phase == "ready"


async def test_the_actors_of_all_workers_are_seen_on_any(autojump_clock: MockClock) -> None:
    async with workers() as (_, second, _):
        page = (await second.request("GET", "/admin/actors")).json
        assert (page["worker"], page["absent"]) == ("1", [])
        routers = [actor["worker"] for actor in page["actors"] if actor["name"] == "router"]
        assert routers == ["1", "0", "2"], "whoever is asked comes first"


OWN = {"x-gateway-admin": "1"}


async def test_an_order_given_to_any_worker_is_carried_out_by_all(autojump_clock: MockClock) -> None:
    async with workers() as (first, second, third):
        second.gateway.drain()
        await trio.sleep(1)
        began_at = trio.current_time()
        said = await first.request("POST", "/admin/providers/openai/drain", headers=OWN)
        assert said.json["workers"] == {"0": "done", "1": "absent", "2": "done"}
        assert trio.current_time() == began_at, "who is not there is not waited for"
        assert [worker.provider("openai").state for worker in (first, third)] == ["draining", "draining"]
        (line,) = third.logged("operator's order")
        assert (line["by"], line["what"]["intake"], line["worker"]) == ("127.0.0.1", "drained", "2")

        nobody = await third.request("POST", "/admin/providers/nobody/drain", headers=OWN)
        assert nobody.status == 404


@pytest.mark.parametrize("apart", range(3))
async def test_of_two_orders_in_one_moment_the_later_one_holds_everywhere(
    autojump_clock: MockClock, apart: int
) -> None:
    """Two operators, each at another worker, neither of whom knows of the other; what they do twice changes nothing."""
    async with workers() as (first, second, third):
        said: dict[str, Mapping[str, str]] = {}

        async def order(worker: Running, word: str) -> None:
            reply = await worker.request("POST", f"/admin/providers/openai/{word}", headers=OWN)
            said[word] = reply.json["workers"]

        async with trio.open_nursery() as operators:
            operators.start_soon(order, first, "drain")
            for _ in range(apart):
                await trio.lowlevel.checkpoint()
            operators.start_soon(order, second, "pause")
        assert [worker.provider("openai").state for worker in (first, second, third)] == ["paused"] * 3
        assert said["pause"] == {"0": "done", "1": "done", "2": "done"}
        assert said["drain"]["0"] == "done"
        assert said["drain"]["1"] == "superseded"
        for _ in range(2):
            await order(third, "resume")
        assert set(said["resume"].values()) == {"done"}


async def test_a_worker_that_starts_later_does_as_the_others_do(autojump_clock: MockClock) -> None:
    """What operators have closed is not open again because a process had to be replaced."""
    house = Workers()
    first, second, third = house.all
    async with trio.open_nursery() as nursery:
        await first.start(nursery)
        await first.request("POST", "/admin/providers/openai/drain", headers=OWN)
        for limits in ({"max_concurrent": 7}, {"requests_per_minute": 60}):
            path = "/admin/providers/sandbox/limits"
            await first.request("PATCH", path, json_body=limits, headers=OWN)

        await second.start(nursery)

        assert second.provider("openai").state == "draining"
        settings = second.provider("sandbox").settings
        assert (settings.max_concurrent, settings.limits.requests_per_minute) == (7, 60)
        assert (await first.request("POST", "/admin/providers/openai/resume", headers=OWN)).status == 200
        await third.start(nursery)
        assert third.provider("openai").state == "running"
        nursery.cancel_scope.cancel()


async def test_requests_are_listed_and_cancelled_from_any_worker(autojump_clock: MockClock) -> None:
    slow = '[providers.sandbox]\nkind = "sandbox"\nlatency_ms = 50000\n'
    async with workers(slow) as (first, second, third), trio.open_nursery() as nursery:
        ended: list[tuple[int, float]] = []

        async def ask(worker: Running) -> None:
            status = (await worker.ask(ECHO)).status
            ended.append((status, trio.current_time()))

        for worker in (second, third):
            nursery.start_soon(ask, worker)
            await trio.sleep(1)
        page = (await first.request("GET", "/admin/requests")).json
        assert ([row["worker"] for row in page["requests"]], page["total"], page["absent"]) == (["1", "2"], 2, [])

        there = page["requests"][0]["id"]
        said = await first.request("DELETE", f"/admin/requests/{there}", headers=OWN)
        assert said.json["workers"] == {"1": "done"}
        await trio.sleep(0.1)
        assert ended == [(503, 2)]
        assert (await third.request("DELETE", f"/admin/requests/{there}", headers=OWN)).status == 404
        assert "refused" in third.logged("operator's order")[-1]["what"]
        await third.request("DELETE", f"/admin/requests/{page['requests'][1]['id']}", headers=OWN)


async def test_a_response_is_found_and_deleted_wherever_it_is_asked_for(autojump_clock: MockClock) -> None:
    """Its id names the worker that keeps it."""
    async with workers() as (first, second, third):
        body = {"model": "sandbox/echo", "input": "Remember me."}
        made = (await second.request("POST", RESPONSES, json_body=body)).json
        assert (await first.request("GET", f"{RESPONSES}/{made['id']}")).json["output"] == made["output"]
        more = {"model": "sandbox/echo", "input": "And?", "previous_response_id": made["id"]}
        assert (await third.request("POST", RESPONSES, json_body=more)).status == 200
        assert (await third.request("DELETE", f"{RESPONSES}/{made['id']}")).status == 200
        for worker in (first, second, third):
            assert (await worker.request("GET", f"{RESPONSES}/{made['id']}")).status == 404


async def test_a_response_in_the_background_is_cancelled_on_whichever_worker_it_runs(autojump_clock: MockClock) -> None:
    """At once, and with it the call to the provider."""
    slow = '[providers.sandbox]\nkind = "sandbox"\nlatency_ms = 50000\n'
    async with workers(slow) as (first, second, _):
        body = {"model": "sandbox/echo", "input": "Take your time.", "background": True}
        made = (await second.request("POST", RESPONSES, json_body=body)).json
        await trio.sleep(1)
        assert (await first.request("GET", f"{RESPONSES}/{made['id']}")).json["status"] == "in_progress"

        cancelled = await first.request("POST", f"{RESPONSES}/{made['id']}/cancel")

        assert (cancelled.status, cancelled.json["status"]) == (200, "cancelled")
        assert trio.current_time() == 1
        second.assert_at_rest()


async def test_an_id_that_nobody_made_is_nobodys(autojump_clock: MockClock) -> None:
    async with workers() as (first, _, _):
        for made_up in (f"resp_{1:04x}{'0' * 28}", f"resp_{9:04x}{'0' * 28}", "resp_nonsense"):
            assert (await first.request("GET", f"{RESPONSES}/{made_up}")).status == 404
