"""The Redis of the simulations says what a real Valkey says, to the same commands at the same times."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest
import trio
from trio.testing import MockClock

import gateway
from gateway.config.store_address import read_store_address
from gateway.store.ownership import BEAT
from gateway.store.redis_client import in_threads
from gateway.store.script import read_script
from gateway.world import RedisRefused, Words
from tests.store.answers_model import GET, PUT
from tests.store.fake_redis import GCRA, HINTS, FakeServer
from tests.store.valkeys import Valkey, valkey

KEYED = ("reserve", "reserve", "spend", "spend", "rows", "write", "write", "find", "changed", "keep", "kept")
"""What is asked of the scripts for budgets, client keys and the cache."""
MONEY = ("{m}:day", "{m}:month", "{m}:holds", "{m}:held")
ANSWERS = ("{r}:answers", "{r}:ends")
KEYS_OF = ("{k}:records", "{k}:digests", "{k}:changed")
CHANGED = read_script("gateway.keys", "keys_changed.lua")

COMMANDS = 500
BATCH = 20
PAUSE_S = 0.02
GOING: Words = ("SET", "short", "lived", "PX", 5)
GONE: Words = ("GET", "short")
"""Behind a pause."""
HELD: Words = ("EVAL", read_script("gateway.keys", "reserve.lua"), 4, *MONEY, "lapses", 500, 900, -1, 5)
"""So does this before the next batch, whose first reservations see it gone."""
APART = 0.15
"""Tokens and seconds by which a real server's clock and the model's may be apart."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    with valkey(tmp_path_factory.mktemp("valkey")) as one:
        yield one


def drawn(chance: Random, number: int) -> Words:
    """A command as the gateway sends it, on few keys, so that they meet what others have left there."""
    key = f"key {chance.randrange(4)}"
    match chance.choice(["set", "get", "del", "lease", "lease", "again", "hint", "hear", "beat", *KEYED]):
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
        case "beat":
            return ("EVAL", BEAT, 2, "{alive}", "{alive}:cancelled", 60_000)
        case "reserve":
            amount, limits = chance.randint(0, 400), (chance.choice([-1, 900]), chance.choice([-1, 5_000]))
            return eval_of("reserve.lua", MONEY[:4], f"call {chance.randrange(6)}", amount, *limits, 60_000)
        case "spend":
            calls = sorted({f"call {chance.randrange(6)}" for _ in range(chance.randrange(3))})
            parcel = (number - chance.choice([0, 0, 3]), chance.randint(0, 300), 60, chance.choice([1, 99]))
            figures = ("openai\tgpt", chance.choice(["nano_usd", "calls"]), 3, f"p\tm{chance.randrange(3)}", "calls", 1)
            keys = ("{m}:parcel", *MONEY[:2], "{m}:rows", *MONEY[2:])
            return eval_of("spend.lua", keys, *parcel, len(calls), *calls, *figures)
        case "rows":
            return ("HGETALL", "{m}:rows")
        case "write":
            records = [chance.choice(["", "one", "two"]), chance.choice(["one", "two"])]
            digests = chance.sample(["d1", "d2", "d3"], 2)
            label = f"label {chance.randrange(2)}"
            return eval_of("keys_write.lua", KEYS_OF, label, *records, chance.randrange(3), *digests)
        case "find":
            return eval_of("keys_find.lua", KEYS_OF[:2], chance.choice(["d1", "d2", "d3"]))
        case "changed":
            return eval_of("keys_changed.lua", KEYS_OF[2:], chance.choice([-1, 0]))
        case "keep":
            answer, name = chance.choice(["", "x" * 9, "y" * 400, "z" * 3000]), f"name {chance.randrange(5)}"
            # Whoever comes later is over later by more than the clocks are apart.
            return ("EVAL", PUT, 2, *ANSWERS, name, answer, 60_000 + 1000 * number, chance.choice([2, 4]), 2500)
        case _:
            return ("EVAL", GET, 2, *ANSWERS, f"name {chance.randrange(5)}")


def eval_of(script: str, keys: Sequence[str], *arguments: str | int) -> Words:
    return ("EVAL", read_script("gateway.keys", script), len(keys), *keys, *arguments)


def lease(chance: Random, id: str) -> Words:
    name = chance.choice(["{a}", "{b}"])
    owed = repr(chance.choice([0.0, 0.0, 3.0, -2.0]))
    return ("EVAL", GCRA, 2, name, f"{name}:{id}", "2.0", "40.0", owed, repr(float(chance.randint(1, 9))), "1.0", 60)


def alike(words: Words, real: Any, modelled: Any) -> bool:
    """Whether two replies to a command are the same, but for what clocks that do not agree make of them."""
    match words[1] if words[0] == "EVAL" else None:
        case script if script == GCRA:
            granted = [list(map(float, reply.split()[:3])) for reply in (real, modelled)]
            return all(abs(one - other) <= 1.0 + APART for one, other in zip(*granted, strict=True))
        case script if script == HINTS:
            names = sorted(real[::2]) == sorted(modelled[::2])
            left = dict(zip(modelled[::2], modelled[1::2], strict=True))
            return names and all(
                abs(ms - left[name]) <= APART * 1000 for name, ms in zip(real[::2], real[1::2], strict=True)
            )
        case script if script == CHANGED:
            return sorted(real[1:]) == sorted(modelled[1:])  # behind the server's own time
    return bool(real == modelled) or (real in (None, b"OK", True) and modelled in (None, b"OK", True))


def test_every_script_of_the_gateway_is_among_the_commands() -> None:
    chance = Random(0)
    asked = {words[1] for words in (drawn(chance, number) for number in range(1000)) if words[0] == "EVAL"}
    files = Path(gateway.__file__).parent.rglob("*.lua")
    assert asked == {BEAT, *(file.read_text(encoding="ascii") for file in files)}


@pytest.mark.parametrize("seed", range(3))
def test_the_model_answers_as_the_server_does(seed: int, server: Valkey) -> None:
    """Batches of random commands, with pauses in which what is short-lived goes; each reply is compared."""
    chance = Random(seed)
    batches = [
        [GONE, *(drawn(chance, number) for number in range(start, start + BATCH)), GOING, HELD]
        for start in range(0, COMMANDS, BATCH)
    ]
    with server.client() as client:
        client.flushall()
    real, times = trio.run(_asked_of_server, server.url, batches)
    modelled = trio.run(_asked_of_model, batches, times, clock=MockClock(autojump_threshold=0))
    for commands, ours, theirs in zip(batches, real, modelled, strict=True):
        for words, one, other in zip(commands, ours, theirs, strict=True):
            assert not isinstance(one, RedisRefused), one
            assert alike(words, one, other), f"{words[0]} {words[3:]}: {one!r}, the model says {other!r}"


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
