"""The Redis of the simulations says what a real Valkey says, to the same commands at the same times."""

from __future__ import annotations

import time
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from gateway.config.store_address import read_store_address
from gateway.store.ownership import BEAT
from gateway.store.redis_client import in_threads
from gateway.world import RedisRefused, Words
from tests.store.fake_redis import GCRA, HINTS, FakeServer
from tests.store.valkeys import Valkey, valkey

COMMANDS = 300
BATCH = 20
PAUSE_S = 0.02
GOING: Words = ("SET", "short", "lived", "PX", 5)
GONE: Words = ("GET", "short")
"""Behind a pause."""
APART = 0.15
"""Tokens and seconds by which a real server's clock and the model's may be apart."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    with valkey(tmp_path_factory.mktemp("valkey")) as one:
        yield one


def drawn(chance: Random, number: int) -> Words:
    """A command as the gateway sends it, on few keys, so that they meet what others have left there."""
    key = f"key {chance.randrange(4)}"
    match chance.choice(["set", "get", "del", "lease", "lease", "again", "hint", "hear", "beat"]):
        case "set":
            return ("SET", key, b"\x00 %d" % number, "PX", 60_000)
        case "get":
            return ("GET", key)
        case "del":
            return ("DEL", key)
        case "lease":
            return lease(chance, f"id {number}")
        case "again":
            return lease(chance, f"id {number - chance.randrange(1, 5)}")
        case "hint":
            return ("EVAL", HINTS, 1, "breakers", f"hint {chance.randrange(3)}", 60_000)
        case "hear":
            return ("EVAL", HINTS, 1, "breakers")
        case _:
            return ("EVAL", BEAT, 2, "{alive}", "{alive}:cancelled", 60_000)


def lease(chance: Random, id: str) -> Words:
    name = chance.choice(["{a}", "{b}"])
    owed = repr(chance.choice([0.0, 0.0, 3.0, -2.0]))
    return ("EVAL", GCRA, 2, name, f"{name}:{id}", "2.0", "40.0", owed, repr(float(chance.randint(1, 9))), "1.0", 60)


def alike(real: Any, modelled: Any) -> bool:
    """Whether two replies are the same, but for what clocks that do not agree make of them."""
    if isinstance(real, bytes) and isinstance(modelled, bytes) and real.count(b" ") == 3:
        granted = [list(map(float, reply.split()[:3])) for reply in (real, modelled)]
        return all(abs(one - other) <= 1.0 + APART for one, other in zip(*granted, strict=True))
    if isinstance(real, list):
        names = sorted(real[::2]) == sorted(modelled[::2])
        left = dict(zip(modelled[::2], modelled[1::2], strict=True))
        return names and all(
            abs(ms - left[name]) <= APART * 1000 for name, ms in zip(real[::2], real[1::2], strict=True)
        )
    return bool(real == modelled) or (real in (None, b"OK", True) and modelled in (None, b"OK", True))


@pytest.mark.parametrize("seed", range(3))
def test_the_model_answers_as_the_server_does(seed: int, server: Valkey) -> None:
    """Batches of random commands, with pauses in which what is short-lived goes; each reply is compared."""
    chance = Random(seed)
    batches = [
        [GONE, *(drawn(chance, number) for number in range(start, start + BATCH)), GOING]
        for start in range(0, COMMANDS, BATCH)
    ]
    with server.client() as client:
        client.flushall()
    real, times = trio.run(_asked_of_server, server.url, batches)
    modelled = trio.run(_asked_of_model, batches, times, clock=MockClock(autojump_threshold=0))
    for commands, ours, theirs in zip(batches, real, modelled, strict=True):
        for words, one, other in zip(commands, ours, theirs, strict=True):
            assert not isinstance(one, RedisRefused), one
            assert alike(one, other), f"{words[0]} {words[3:]}: {one!r}, the model says {other!r}"


async def _asked_of_server(url: str, batches: list[list[Words]]) -> tuple[list[list[Any]], list[float]]:
    redis = in_threads()(read_store_address(url), "")
    replies, times = [], []
    began = time.monotonic()
    for commands in batches:
        times.append(time.monotonic() - began)
        replies.append(await redis.execute(commands))
        await trio.sleep(PAUSE_S)
    await redis.close()
    return replies, times


async def _asked_of_model(batches: list[list[Words]], times: list[float]) -> list[list[Any]]:
    redis = FakeServer().open(read_store_address("redis://model.test"), "")
    replies = []
    for commands, at in zip(batches, times, strict=True):
        await trio.sleep_until(at)
        replies.append(await redis.execute(commands))
    return replies
