"""One client cannot hurt another: whatever some do, a good one beside them gets its answers, and nobody restarts."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import trio

from gateway.edge.sockets import connect
from tests.edge.hostile import BROKEN
from tests.edge.serving import get, post
from tests.face.http_client import Client
from tests.figures import Figures
from tests.sockets import scripts
from tests.sockets.callers import (
    AT_REST_S,
    CHAT,
    MEGABYTE,
    at_rest,
    call,
    chat,
    in_time,
    in_words,
    question,
    together,
)
from tests.sockets.processes import GatewayProcess, running
from tests.sockets.upstream import Asked, Upstream

pytestmark = pytest.mark.real_time

TIMES = 40
LONGEST_WAIT_S = 2.0
"""For the good client's answer, on a machine that is busy with the bad ones."""


class Neighbour:
    """A good client beside bad ones: it asks all the time over one connection and notes how long it waited."""

    def __init__(self, gateway: GatewayProcess, model: str) -> None:
        self._gateway = gateway
        self._model = model
        self.waited_s: list[float] = []

    async def live(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        client = Client(await connect(*self._gateway.address))
        task_status.started()
        try:
            while True:
                for stream in (False, True):
                    began_at = time.monotonic()
                    reply = await client.request("POST", CHAT, json_body=question(self._model, stream=stream))
                    assert reply.status == 200
                    assert not stream or reply.body.endswith(scripts.DONE)
                    self.waited_s.append(time.monotonic() - began_at)
                await trio.sleep(0.005)
        finally:
            client.leave()


@asynccontextmanager
async def neighbour_of(gateway: GatewayProcess, upstream: Upstream, *, limit_s: float = 60) -> AsyncIterator[Neighbour]:
    """Lives while the block runs, and must have lived well. All is at rest afterwards, and nothing has restarted."""
    neighbour = Neighbour(gateway, upstream.plays(scripts.answers))
    with trio.fail_after(limit_s):
        async with trio.open_nursery() as nursery:
            await nursery.start(neighbour.live)
            yield neighbour
            nursery.cancel_scope.cancel()
        await in_time(lambda: at_rest(gateway), AT_REST_S)
    assert len(neighbour.waited_s) > 10
    assert max(neighbour.waited_s) < LONGEST_WAIT_S
    assert {actor["restarts"] for actor in gateway.actors().values()} == {0}


async def test_no_hostile_client_hurts_its_neighbour(
    gateway: GatewayProcess, upstream: Upstream, measured: Figures
) -> None:
    """Each broken request forty times at once; every one of them is refused as it should be."""
    async with neighbour_of(gateway, upstream) as neighbour:
        for wire, status in BROKEN.values():

            async def refused(_: int, wire: bytes = wire, status: int = status) -> None:
                client = await call(gateway)
                assert (await client.ask(wire)).status == status
                client.stream.close()

            await together(TIMES, refused)
    measured(
        9,
        f"answers to a good client beside {TIMES * len(BROKEN)} that break HTTP",
        in_words(neighbour.waited_s),
        promised="no error",
    )


async def test_all_kinds_at_once_hurt_nobody(
    gateway: GatewayProcess, upstream: Upstream, measured: Figures, soak: float
) -> None:
    """Broken requests, huge and slow heads, slow bodies, readers that stall, resets, all beside three good ones."""
    wires = [wire for wire, _ in BROKEN.values()]
    question_wire = chat(upstream.plays(scripts.answers), stream=True)
    endless = chat(upstream.plays(scripts.talks_on), stream=True)
    half_a_head = get(CHAT, "X-Slow: y", method="POST")[:-2]
    half_a_body = get(CHAT, "Content-Length: 9999999", method="POST") + b"{"
    huge_head = get(CHAT, f"X-Huge: {'y' * 70_000}")
    ends_at = time.monotonic() + 3 * soak
    came = 0

    async def be_hostile(number: int) -> None:
        nonlocal came
        kinds = [endless, half_a_head, half_a_body, huge_head, question_wire[: 1 + number % len(question_wire)]]
        while time.monotonic() < ends_at:
            client = await call(gateway)
            came += 1
            wire = kinds[came % (len(kinds) + 1)] if came % (len(kinds) + 1) < len(kinds) else wires[came % len(wires)]
            with suppress(OSError):
                await client.send(wire)
                await trio.sleep(0.05)
            client.stream.close(abort=came % 2 == 0)

    neighbours = [Neighbour(gateway, upstream.plays(scripts.answers)) for _ in range(2)]
    async with neighbour_of(gateway, upstream, limit_s=60 + 3 * soak) as neighbour, trio.open_nursery() as nursery:
        for other in neighbours:
            await nursery.start(other.live)
        await together(20, be_hostile)
        nursery.cancel_scope.cancel()
    waited_s = [waited for each in (neighbour, *neighbours) for waited in each.waited_s]
    assert all(len(each.waited_s) > 10 for each in neighbours)
    assert max(waited_s) < LONGEST_WAIT_S
    measured(
        9, "answers to three good clients beside hostile ones of all kinds", in_words(waited_s), promised="no error"
    )


async def test_hypercorn_survives_them_too(upstream: Upstream, tmp_path: Path) -> None:
    """It answers as it likes, or not at all; but it lives, and so does the neighbour."""
    wires = [wire for wire, _ in BROKEN.values()]
    with running(tmp_path, settings='[server]\nengine = "hypercorn"', environ=upstream.environ) as gateway:
        neighbour = Neighbour(gateway, upstream.plays(scripts.answers))

        async def bother(number: int) -> None:
            client = await call(gateway)
            await client.send(wires[number % len(wires)])
            with trio.move_on_after(0.5), suppress(ConnectionResetError):
                await client.rest()
            client.stream.close(abort=number % 2 == 0)

        with trio.fail_after(30):
            async with trio.open_nursery() as nursery:
                await nursery.start(neighbour.live)
                for _ in range(4):
                    await together(2 * len(wires), bother)
                nursery.cancel_scope.cancel()
        assert len(neighbour.waited_s) > 10
        assert max(neighbour.waited_s) < LONGEST_WAIT_S
        assert {actor["restarts"] for actor in gateway.actors().values()} == {0}


async def test_a_reset_after_every_byte_hurts_nobody(gateway: GatewayProcess, upstream: Upstream) -> None:
    wire = chat(upstream.plays(scripts.answers), stream=True)
    before = gateway.descriptors()
    async with neighbour_of(gateway, upstream):
        for size in range(len(wire) + 1):
            client = await call(gateway)
            await client.send(wire[:size])
            client.stream.close(abort=True)
            await trio.sleep(0.001)
    with trio.fail_after(10):
        await in_time(lambda: gateway.descriptors() == before, AT_REST_S)


async def test_readers_that_stall_are_bounded_and_hurt_nobody(gateway: GatewayProcess, upstream: Upstream) -> None:
    """Twenty that ask for an endless answer and read none of it: the provider is made to wait, and nobody else."""
    sent_bytes = 0
    word = scripts.event({"content": "x" * 60_000})

    def floods(asked: Asked) -> None:
        nonlocal sent_bytes
        asked.begin_stream()
        while True:
            asked.stream(word)
            sent_bytes += len(word)

    flood = upstream.plays(floods)
    with trio.fail_after(30):
        stalled = [await call(gateway) for _ in range(20)]
        for client in stalled:
            await client.send(chat(flood, stream=True))
        before = -1
        while before < sent_bytes or not sent_bytes:  # until every buffer on the way is full
            before = sent_bytes
            await trio.sleep(0.2)
        async with neighbour_of(gateway, upstream):
            await trio.sleep(0.5)
            openai = (await trio.to_thread.run_sync(gateway.actors))["openai"]["detail"]
            assert len(openai["in_flight"]) in (len(stalled), len(stalled) + 1)
            assert openai["memory"]["used"] <= (len(stalled) + 1) * MEGABYTE / 4
            for client in stalled:
                client.stream.close(abort=True)


async def test_slow_senders_hurt_nobody(gateway: GatewayProcess, upstream: Upstream) -> None:
    """Requests that come a byte at a time are answered; bodies that are announced and never come cost nobody else."""
    wire = chat(upstream.plays(scripts.answers))

    async def dawdle(number: int) -> None:
        client = await call(gateway)
        if number % 2:
            await client.send(get("/v1/chat/completions", "Content-Length: 9999999", method="POST"))
            await trio.sleep(0.5)
        else:
            for offset in range(len(wire)):
                await client.send(wire[offset : offset + 1])
                await trio.sleep(0.002)
            assert (await client.answer()).status == 200
        client.stream.close()

    async with neighbour_of(gateway, upstream):
        await together(TIMES, dawdle)


async def test_a_wrong_request_leaves_its_connection_usable(gateway: GatewayProcess) -> None:
    """A dozen mistakes and a right one, all over one connection."""
    wrong = [
        (post("/v1/chat/completions", b"{nonsense"), 400),
        (post("/v1/chat/completions", b'{"model": 7, "messages": []}'), 400),
        (post("/v1/chat/completions", b'{"messages": [{"role": "user"}]}'), 400),
        (post("/v1/chat/completions", b""), 400),
        (chat("sandbox/nobody"), 404),
        (chat("elsewhere/nobody"), 404),
        (chat("sandbox/echo", "X-Gateway-Timeout: soon"), 400),
        (get("/v1/chat/completions"), 405),
        (post("/v1/models", b"{}"), 405),
        (get("/v1/nothing"), 404),
        (post("/v1/completions", b"{}"), 404),
        (get("/"), 404),
    ]
    with trio.fail_after(10):
        client = await call(gateway)
        for wire, status in wrong:
            answer = await client.ask(wire)
            assert (answer.status, answer.headers["content-type"]) == (status, "application/json")
            assert b'"error"' in answer.body
            assert b"Traceback" not in answer.body
        assert (await client.ask(chat("sandbox/echo"))).status == 200
        client.stream.close()
