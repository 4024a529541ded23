"""Clients as raw as a test wants them, many at once, in Trio, of which the gateway, another process, knows nothing."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import trio

from gateway.edge.sockets import connect
from tests.edge.serving import Client, post
from tests.sockets.processes import GatewayProcess
from tests.sockets.pulse import Patience

CHAT = "/v1/chat/completions"
MEGABYTE = 1 << 20
AT_REST_S = 3.0
"""Within this long the gateway has to be at rest when everybody has gone."""


def question(model: str, *, stream: bool = False, text: str = "Hello?") -> dict[str, Any]:
    return {"model": model, "stream": stream, "messages": [{"role": "user", "content": text}]}


def chat(model: str, *fields: str, stream: bool = False, text: str = "Hello?") -> bytes:
    """A question on the wire."""
    body = json.dumps(question(model, stream=stream, text=text)).encode()
    return post(CHAT, body, "Content-Type: application/json", *fields)


async def call(gateway: GatewayProcess) -> Client:
    """A connection to the gateway."""
    return Client(await connect(*gateway.address))


async def together(times: int, task: Callable[[int], Awaitable[None]]) -> None:
    """Runs `task` so many times at once, each with its number."""
    async with trio.open_nursery() as nursery:
        for number in range(times):
            nursery.start_soon(task, number)


async def in_time(condition: Callable[[], object], limit_s: float) -> None:
    """Returns when `condition`, which may ask the gateway, holds; fails where that takes longer, not counting others'
    turns.
    """
    patience = Patience()
    while not await trio.to_thread.run_sync(condition):
        assert patience.spent_s() < limit_s
        await trio.sleep(0.01)


def at_rest(gateway: GatewayProcess) -> bool:
    """No call is under way anywhere, and no byte is held."""
    actors = gateway.actors()
    providers = [actor["detail"] for actor in actors.values() if actor["kind"] == "provider"]
    pools = actors["upstream"]["detail"].values()
    services = [actor["detail"] for actor in actors.values() if actor["kind"] == "service"]
    return (
        all((each["in_flight"], each["waiting"]) == (0, 0) for each in services)
        and all((each["in_flight"], each["waiting"], each["memory"]["used"]) == ([], 0, 0) for each in providers)
        and all((pool["busy"], pool["connecting"]) == (0, 0) for pool in pools)
        and actors["face"]["detail"]["busy"] == 1  # who asks this
        and (actors["router"]["detail"]["in_flight"], actors["router"]["detail"]["timers"]) == (0, 0)
        and all(actor["mailbox"] is None or actor["mailbox"]["bytes"] == 0 for actor in actors.values())
    )


def in_words(seconds: Sequence[float]) -> str:
    ordered = sorted(seconds)
    p99 = ordered[math.ceil(len(ordered) * 0.99) - 1]
    return f"p50 {statistics.median(ordered) * 1e3:.1f} ms, p99 {p99 * 1e3:.1f} ms, n = {len(ordered)}"
