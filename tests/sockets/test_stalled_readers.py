"""A hundred clients ask for an endless answer and read none of it: they hold little, and no drain waits for them."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest
import trio

from bench.machine import resident_bytes
from tests.figures import Figures
from tests.sockets import scripts
from tests.sockets.callers import MEGABYTE, call, chat
from tests.sockets.processes import GatewayProcess, running
from tests.sockets.upstream import Asked, Upstream

pytestmark = pytest.mark.real_time

READERS = 100
MAY_HOLD_BYTES = MEGABYTE // 4
GRACE_S, STALL_S = 1.0, 5.0
SETTINGS = (
    f"[server]\ndrain_grace_s = {GRACE_S}\nwrite_stall_s = {STALL_S}\n[providers.openai]\ntokens_per_minute = 0\n"
)
WORDS = scripts.event({"content": "x" * 300}) * 100


class Flood:
    """Says more than anybody can take, and knows when nobody takes any more."""

    def __init__(self) -> None:
        self.sent_bytes = 0

    def __call__(self, asked: Asked) -> None:
        asked.begin_stream()
        while True:
            asked.stream(WORDS)
            self.sent_bytes += len(WORDS)

    async def held_up(self) -> None:
        """Returns when every buffer on the way is full."""
        before = -1
        while before < self.sent_bytes or not self.sent_bytes:
            before = self.sent_bytes
            await trio.sleep(0.3)


async def test_a_hundred_stalled_readers_are_bounded_and_end_with_the_gateway(
    upstream: Upstream, tmp_path: Path, measured: Figures
) -> None:
    flood = Flood()
    with running(tmp_path, settings=SETTINGS, environ=upstream.environ) as gateway:
        gateway.warm_up()
        before = resident_bytes(gateway.pid)
        model = upstream.plays(flood)
        with trio.fail_after(30):
            clients = [await call(gateway) for _ in range(READERS)]
            for client in clients:
                await client.send(chat(model, stream=True))
            await flood.held_up()
            openai = (await trio.to_thread.run_sync(gateway.actors))["openai"]["detail"]
        grown = (resident_bytes(gateway.pid) - before) / READERS
        assert len(openai["in_flight"]) == READERS
        assert openai["memory"]["used"] <= READERS * MAY_HOLD_BYTES
        assert grown <= MAY_HOLD_BYTES
        took_s = await end_of(gateway)
        for client in clients:
            client.stream.close()
    assert took_s <= GRACE_S + STALL_S + 1
    measured(
        10,
        f"each of {READERS} readers that stall",
        f"{grown / 1024:.0f} KiB resident, {openai['memory']['used'] / READERS / 1024:.0f} KiB by the books",
        promised=f"{MAY_HOLD_BYTES // 1024} KiB",
    )
    measured(
        10,
        f"a drain with {READERS} readers that stall, {GRACE_S:g} s of grace, writes cut after {STALL_S:g} s",
        f"{took_s:.1f} s",
        promised=f"{GRACE_S + STALL_S + 1:g} s",
    )


async def end_of(gateway: GatewayProcess) -> float:
    """Tells it to end; how long that took. It ends in order."""
    told_at = time.monotonic()
    gateway.send(signal.SIGTERM)
    assert await trio.to_thread.run_sync(gateway.wait) == 0
    return time.monotonic() - told_at
