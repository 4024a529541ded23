"""What a gateway takes of the machine's memory: a thousand silent streams, and clients that come and go without end."""

from __future__ import annotations

import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trio

from bench.machine import resident_bytes
from bench.processes import free_port
from tests.edge.serving import Client
from tests.figures import Figures
from tests.sockets import scripts
from tests.sockets.callers import AT_REST_S, MEGABYTE, at_rest, call, chat, in_time
from tests.sockets.processes import GatewayProcess, running
from tests.sockets.upstream import Upstream

pytestmark = pytest.mark.real_time

ROOT = Path(__file__).parents[2]
STREAMS = 1000
IDLE_BYTES = 40 * MEGABYTE
BEGIN_LIMIT_S = 30
CHURN_S = 5.0
WARM_UP_S = 2.0
FLAT = 0.05
UNLIMITED = "[providers.openai]\nrequests_per_minute = 0\ntokens_per_minute = 0\n"


@contextmanager
def bench_upstream(port: int) -> Iterator[dict[str, str]]:
    """The provider of the benchmark, in a process of its own; gives the environment of a gateway that asks it."""
    command = [sys.executable, "-m", "bench.upstream", str(port)]
    with subprocess.Popen(command, cwd=ROOT) as process:
        try:
            yield {"OPENAI_BASE_URL": f"http://127.0.0.1:{port}/v1", "OPENAI_API_KEY": "sk-any"}
        finally:
            process.terminate()


@contextmanager
def silent_streams(gateway: GatewayProcess, count: int) -> Iterator[int]:
    """Clients, in a process of their own, that have had a word and hear nothing more; gives how many there are."""
    command = [sys.executable, "-m", "bench.client", str(gateway.address[1]), str(count)]
    command += [str(BEGIN_LIMIT_S), "1", "gpt-4o-mini"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())["started"]
        finally:
            process.stdin.close()


def test_a_thousand_silent_streams_take_little(tmp_path: Path, measured: Figures) -> None:
    with (
        bench_upstream(port := free_port()) as environ,
        running(tmp_path, settings=UNLIMITED + "max_concurrent = 2000", environ=environ) as gateway,
    ):
        with silent_streams(gateway, 10) as count:
            assert count == 10
        gateway.wait_for(lambda: at_rest(gateway), AT_REST_S)
        before = resident_bytes(gateway.pid)
        with silent_streams(gateway, STREAMS) as count:
            assert count == STREAMS, port
            grown = resident_bytes(gateway.pid) - before
            assert len(gateway.actors()["openai"]["detail"]["in_flight"]) == STREAMS
        gateway.wait_for(lambda: at_rest(gateway), 10 * AT_REST_S)
    assert grown <= IDLE_BYTES
    measured(19, f"{STREAMS} silent streams", f"{grown / MEGABYTE:.1f} MiB", promised=f"{IDLE_BYTES // MEGABYTE} MiB")


class Visitors:
    """Clients that come again and again, each for a whole answer, a stream, or half of one."""

    def __init__(self, gateway: GatewayProcess, upstream: Upstream) -> None:
        self._gateway = gateway
        self._answers = upstream.plays(scripts.answers)
        self._talks_on = upstream.plays(scripts.talks_on)
        self.visits = 0

    async def come_until(self, ends_at: float) -> None:
        chance = random.Random(self.visits)
        while time.monotonic() < ends_at:
            client = await call(self._gateway)
            if chance.random() < 0.3:
                await self._leave_amid(client)
            else:
                answer = await client.ask(chat(self._answers, stream=chance.random() < 0.5, text="x" * 2000))
                assert answer.status == 200
            client.stream.close(abort=chance.random() < 0.5)
            self.visits += 1
            await trio.sleep(0.01)

    async def _leave_amid(self, client: Client) -> None:
        await client.send(chat(self._talks_on, stream=True))
        await client.read_until(scripts.WORDS[0].encode())


async def test_memory_is_flat_while_clients_come_and_go(
    upstream: Upstream, tmp_path: Path, measured: Figures, soak: float
) -> None:
    """The first and the last third of the time after the first seconds, each by its median."""
    with running(tmp_path, settings=UNLIMITED, environ=upstream.environ) as gateway:
        visitors = Visitors(gateway, upstream)
        resident: list[int] = []
        begins_at = time.monotonic() + WARM_UP_S
        ends_at = begins_at + CHURN_S * soak
        async with trio.open_nursery() as nursery:
            for _ in range(4):
                nursery.start_soon(visitors.come_until, ends_at)
            while time.monotonic() < ends_at:
                await trio.sleep(0.1)
                if time.monotonic() >= begins_at:
                    resident.append(resident_bytes(gateway.pid))
        await in_time(lambda: at_rest(gateway), AT_REST_S)
    third = len(resident) // 3
    first, last = statistics.median(resident[:third]), statistics.median(resident[-third:])
    assert abs(last / first - 1) <= FLAT
    measured(
        19,
        f"resident set over {CHURN_S * soak:g} s of clients that come and go",
        f"from {first / MEGABYTE:.1f} to {last / MEGABYTE:.1f} MiB ({last / first - 1:+.1%})",
        promised=f"flat, ± {FLAT:.0%}",
    )
