"""Thousands of clients that go away at random moments, at every endpoint: afterwards everything is as it was before."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import trio

from bench.machine import resident_bytes
from tests.edge.serving import Client, post
from tests.figures import Figures
from tests.sockets import scripts
from tests.sockets.callers import AT_REST_S, MEGABYTE, at_rest, call, chat, in_time, together
from tests.sockets.exposition import samples
from tests.sockets.moves import FAMILIES
from tests.sockets.processes import GatewayProcess, running
from tests.sockets.test_leaving_everywhere import BESIDE, ENDPOINTS, PROVIDERS, pauses, talks_on
from tests.sockets.upstream import Asked, Upstream

pytestmark = pytest.mark.real_time

DEPARTURES = 500
AT_ONCE = 16
WARM_UP = 300
LONGEST_STAY_S = 0.1
SLICE = 100
"""After so many the books are read."""
MAY_GROW_BYTES = 16 * MEGABYTE
"""What the resident set may have more of afterwards, however many they were."""
TOKENS_PER_MINUTE = 60_000_000
LIMITS = f"requests_per_minute = 1000000000\ntokens_per_minute = {TOKENS_PER_MINUTE}\n"
"""Out of anybody's reach, but counted."""
RESERVED = 500_000
"""Tokens, by each request that says how long its answer may be: far more than all of them together use."""
DRAINED = 30_000_000
"""What one call uses before the others come, so that no bucket is full again meanwhile and hides what is missing."""
SOON_FULL = 40_000_000
"""With so much in it a bucket needs that again."""
BESIDE_US = """
[cms]
url = "{beside}"
check_s = 0
max_concurrent = 64
[code_orchestrator]
url = "{beside}"
check_s = 0
max_concurrent = 64
"""
SETTINGS = f"""{BESIDE_US}
[responses]
max_count = 100
[providers.openai]
{LIMITS}
[providers.anthropic]
{LIMITS}
[providers.google]
{LIMITS}
[providers.sandbox]
kind = "sandbox"
tokens_per_s = 2000
{LIMITS}
"""
SANDBOX = {"embeddings": "sandbox/embedding"}
LONGEST = {
    "chat": "max_completion_tokens",
    "responses": "max_output_tokens",
    "kept responses": "max_output_tokens",
    "messages": "max_tokens",
}


@pytest.fixture
def gateway(upstream: Upstream, tmp_path: Path) -> Iterator[GatewayProcess]:
    """One of its own: what it holds is what these clients have left."""
    settings = SETTINGS.format(beside=upstream.url("/beside"))
    with running(tmp_path, settings=settings, environ=upstream.environ) as gateway:
        yield gateway


class Crowd:
    """Clients that choose by chance whom they ask, how long they stay and how they leave."""

    def __init__(self, gateway: GatewayProcess, upstream: Upstream, chance: random.Random) -> None:
        self._gateway = gateway
        self._chance = chance
        self._models = {
            provider: [
                upstream.plays(script, family=FAMILIES.get(provider, "nobody"))
                for script in (scripts.silent, pauses, talks_on)
            ]
            for provider in (*PROVIDERS, *BESIDE)
        }
        self.ends: Counter[str] = Counter()

    async def come_and_go(self, count: int) -> None:
        """So many of them, some at a time; returns when all have gone."""
        places = trio.CapacityLimiter(AT_ONCE)

        async def one(_: int) -> None:
            async with places:
                await self._one()

        await together(count, one)

    async def _one(self) -> None:
        chance = self._chance
        wire, speaks = self._request()
        whole = chance.random() < 0.8
        client = await call(self._gateway)
        if whole and speaks and chance.random() < 0.75:
            await client.send(wire)
            assert b" 200 " in await client.read_until(b"\r\n")
            self.ends["in the middle of an answer"] += 1
            wire = b""
        with trio.move_on_after(chance.random() * LONGEST_STAY_S):
            await client.send(wire if whole else wire[: chance.randrange(len(wire))])
            await client.rest()
        self.ends["at any time"] += 1
        await self._leave(client)

    def _request(self) -> tuple[bytes, bool]:
        """One, and whether its answer begins while the client waits."""
        chance = self._chance
        name = chance.choice(list(ENDPOINTS))
        endpoint = ENDPOINTS[name]
        own = () if endpoint.providers is BESIDE else ("sandbox",)
        provider = chance.choice([*endpoint.providers, *own])
        stream = endpoint.streams and chance.random() < 0.6
        if provider == "sandbox":
            model = SANDBOX.get(name, "sandbox/lorem")
        else:
            model = chance.choice(self._models[provider][1:]) if stream else self._models[provider][0]
        body: dict[str, Any] = {**endpoint.asking(model), **({"stream": True} if stream else {})}
        if provider != "sandbox" and name in LONGEST:
            body[LONGEST[name]] = RESERVED
        return post(endpoint.path, json.dumps(body).encode(), "Content-Type: application/json"), stream

    async def _leave(self, client: Client) -> None:
        match self._chance.randrange(3):
            case 0:
                client.stream.close(abort=True)
            case 1:
                client.stream.close()
            case _:
                with suppress(OSError):
                    client.stream.send_eof()
                    with trio.move_on_after(0.5):
                        await client.rest()
                client.stream.close()


def uses_much(asked: Asked) -> None:
    """An answer as a provider counts that has read very much."""
    if asked.path.startswith("/anthropic"):
        usage = {"input_tokens": DRAINED, "output_tokens": 1}
        said = {"type": "message", "role": "assistant", "content": [], "stop_reason": "end_turn", "usage": usage}
    elif asked.path.startswith("/google"):
        usage = {"promptTokenCount": DRAINED, "candidatesTokenCount": 1, "totalTokenCount": DRAINED + 1}
        content = {"role": "model", "parts": [{"text": "Much."}]}
        said = {"candidates": [{"content": content, "finishReason": "STOP"}], "usageMetadata": usage}
    else:
        usage = {"prompt_tokens": DRAINED, "completion_tokens": 1, "total_tokens": DRAINED + 1}
        said = {**json.loads(scripts.completion(asked.model)), "usage": usage}
    asked.answer(200, json.dumps(said).encode())


class Books:
    """What is left of each provider's tokens a minute, and between which moments that was so."""

    def __init__(self, gateway: GatewayProcess) -> None:
        self._after = time.monotonic()
        actors = gateway.actors()
        self._before = time.monotonic()
        self.tokens = {provider: float(actors[provider]["detail"]["tokens"]) for provider in PROVIDERS}

    def missing_since(self, earlier: Books) -> dict[str, tuple[float, float]]:
        """What has gone from each beside what has come back by and by, at the least and at the most."""
        rate = TOKENS_PER_MINUTE / 60
        least, most = (self._after - earlier._before) * rate, (self._before - earlier._after) * rate
        assert max(self.tokens.values()) < TOKENS_PER_MINUTE, "one that is full hides what is missing"
        return {
            provider: (earlier.tokens[provider] - left + least, earlier.tokens[provider] - left + most)
            for provider, left in self.tokens.items()
        }


async def fill_crews(gateway: GatewayProcess, upstream: Upstream) -> None:
    """As many calls of each provider as there will ever be at once: tasks that have served one wait for the next."""
    models = [upstream.plays(pauses, family=FAMILIES[provider]) for provider in PROVIDERS]
    for model in (*models, "sandbox/lorem"):
        clients = [await call(gateway) for _ in range(AT_ONCE)]
        for client in clients:
            await client.send(chat(model, stream=True))
        for client in clients:
            await client.read_until(b"data: ")
        for client in clients:
            client.stream.close()


async def drain_buckets(gateway: GatewayProcess, upstream: Upstream) -> Books:
    """One call to each provider whose bucket could soon be full; what is left of all of them then."""
    left = (await trio.to_thread.run_sync(Books, gateway)).tokens
    for provider in (each for each in PROVIDERS if left[each] > SOON_FULL):
        client = await call(gateway)
        wire = chat(upstream.plays(uses_much, family=FAMILIES[provider]))
        assert (await client.ask(wire)).status == 200
        client.stream.close()
    return await trio.to_thread.run_sync(Books, gateway)


def tasks(gateway: GatewayProcess) -> float:
    return samples(gateway)["gateway_tasks", ""]


def tokens_in_use(gateway: GatewayProcess) -> list[tuple[str, str]]:
    """Gauges of what calls hold that are not at zero."""
    held = ("gateway_in_flight", "gateway_waiting", "gateway_memory_bytes", "gateway_actor_mailbox_depth")
    process = ("gateway_memory_bytes", 'actor="memory"')  # all that it has, not what calls hold
    return [key for key, value in samples(gateway).items() if key[0] in held and value and key != process]


async def test_nothing_is_left_of_all_who_went_away(
    gateway: GatewayProcess, upstream: Upstream, measured: Figures, soak: float
) -> None:
    crowd = Crowd(gateway, upstream, random.Random(7))
    count = int(DEPARTURES * soak)
    with trio.fail_after(60 * max(1.0, soak)):
        await crowd.come_and_go(WARM_UP)
        await fill_crews(gateway, upstream)
        await in_time(lambda: at_rest(gateway), AT_REST_S)
        descriptors, resident, at_first = gateway.descriptors(), resident_bytes(gateway.pid), tasks(gateway)
        for _ in range(count // SLICE):
            books = await drain_buckets(gateway, upstream)
            await crowd.come_and_go(SLICE)
            await in_time(lambda: at_rest(gateway), AT_REST_S)
            missing = (await trio.to_thread.run_sync(Books, gateway)).missing_since(books)
            assert all(least < RESERVED / 2 and most >= 0 for least, most in missing.values()), missing
        await in_time(lambda: gateway.descriptors() == descriptors, AT_REST_S)
        await in_time(lambda: tasks(gateway) == at_first, AT_REST_S)
    assert tokens_in_use(gateway) == []
    assert {actor["restarts"] for actor in gateway.actors().values()} == {0}
    grown = resident_bytes(gateway.pid) - resident
    assert grown <= MAY_GROW_BYTES
    lines = gateway.logged("request")
    assert max(Counter(line["correlation_id"] for line in lines).values()) == 1, "each has one outcome"
    assert [line for line in lines if line["status"] >= 500] == []
    outcomes = Counter(line["outcome"] for line in lines)
    assert outcomes["disconnected"] > count / 4
    assert crowd.ends["in the middle of an answer"] > count / 10
    measured(
        5,
        f"left of {count} clients that went away at random moments, at every endpoint",
        f"permits, tokens, bytes, connections, descriptors, tasks: none; resident set {grown / MEGABYTE:+.1f} MiB",
        promised=f"nothing; at most {MAY_GROW_BYTES // MEGABYTE} MiB",
    )
