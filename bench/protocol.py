"""The actor protocol alone: asker, router, provider, call task and back, with limits on and no I/O."""

from __future__ import annotations

import gc
import random
import sys
import time
from statistics import median

import trio

from actors.admission import ProviderSettings
from actors.attempt import Attempt
from actors.buckets import RateLimits
from actors.events import ignore
from actors.letters import Call, Candidate
from actors.provider import ProviderActor
from actors.router import RouterActor, RouterSettings

ASKERS = 10
CALLS = 5_000
ROUNDS = 5
LIMITS = RateLimits(requests_per_minute=1e9, tokens_per_minute=1e12)
"""Counted, never reached."""


async def measure(askers: int = ASKERS, calls: int = CALLS, rounds: int = ROUNDS) -> list[float]:
    """CPU µs a call, one figure a round."""
    clock = trio.lowlevel.current_clock().current_time
    candidates = (Candidate(provider="quick", model="m"),)
    dice = random.Random(0)

    async def work(attempt: Attempt) -> bytes:
        attempt.sent()
        attempt.accepted()
        attempt.spent_tokens = 5
        return b"answer"

    router = RouterActor(
        RouterSettings(),
        resolve=lambda call: candidates,
        provider=lambda name: provider,
        clock=clock,
        random=dice,
        observe=ignore,
    )
    provider = ProviderActor(
        ProviderSettings(name="quick", limits=LIMITS),
        work=work,
        report=router.report,
        clock=clock,
        random=dice,
        observe=ignore,
    )

    async def ask(count: int) -> None:
        for number in range(count):
            now = clock()
            call = Call(
                id=str(number), arrived_at=now, deadline=now + 600.0, model="m", payload=None, size_bytes=500, tokens=50
            )
            try:
                await router.ask(call)
            finally:
                router.leave(call)

    figures = []
    async with trio.open_nursery() as nursery:
        await nursery.start(provider.run)
        await nursery.start(router.run)
        for _ in range(rounds + 1):
            gc.collect()
            began = time.process_time()
            async with trio.open_nursery() as clients:
                for _ in range(askers):
                    clients.start_soon(ask, calls // askers)
            figures.append((time.process_time() - began) / calls * 1e6)
        nursery.cancel_scope.cancel()
    return figures[1:]  # the first round warms up


def main() -> int:
    sys.stdout.write(f"{median(trio.run(measure)):.1f}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
