"""Against real Valkey servers: every way to reach one, and the script that grants leases against its model."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.config.store_address import read_store_address
from gateway.store.redis_client import in_threads
from gateway.world import RedisDown, Words
from tests.certificates import certify
from tests.store.fake_redis import GCRA, HINTS
from tests.store.gcra_model import gcra
from tests.store.tls_forwarder import tls_in_front_of
from tests.store.valkeys import HOST, Valkey, cluster, valkey

LEASES: list[Words] = [
    ("EVAL", GCRA, 2, f"p:limit:{{{name}}}", f"p:limit:{{{name}}}:id", "10.0", "600.0", "0.0", "10.0", "1.0", 60)
    for name in ("provider/openai/key/A/requests", "client/team-a/tokens", "provider/x/model/a}b{c/tokens")
]
QUESTIONS: list[Words] = [
    ("SET", "key", b"\x00\xff", "PX", 60_000),
    ("GET", "key"),
    (
        "DEL",
        "key",
    ),
    *LEASES,
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    with valkey(tmp_path_factory.mktemp("valkey")) as one:
        yield one


async def asked(url: str, commands: list[Words] = QUESTIONS, *, ca_file: str = "") -> list[Any]:
    """The replies of a store at `url`, each command asked twice: by a fresh connection, and by a used one."""
    redis = in_threads()(read_store_address(url), ca_file)
    try:
        await redis.execute(commands)
        return await redis.execute(commands)
    finally:
        await redis.close()


def assert_served(replies: list[Any]) -> None:
    assert replies[:3] == [True, b"\x00\xff", 1]
    for reply in replies[3:]:
        granted, remaining, wait_s, _ = map(float, reply.split())
        assert (granted, remaining, wait_s) == (10, 590, 0), "asked twice under one id, charged once"


async def test_one_server(server: Valkey) -> None:
    assert_served(await asked(f"{server.url}/3"))


async def test_a_unix_socket(tmp_path: Path) -> None:
    with valkey(tmp_path, f"unixsocket {tmp_path / 'socket'}"):
        assert_served(await asked(f"unix://{tmp_path / 'socket'}"))


async def test_a_password_with_odd_characters_and_a_wrong_one(tmp_path: Path) -> None:
    with valkey(tmp_path, 'requirepass "p@ss:w/rd"') as one:
        assert_served(await asked(f"redis://:p%40ss%3Aw%2Frd@{HOST}:{one.port}"))
        for url in (f"redis://:wrong@{HOST}:{one.port}", one.url):
            with pytest.raises(RedisDown, match="wrong password, or none") as down:
                await asked(url)
            assert "wrong@" not in str(down.value)


async def test_tls_with_our_authority_and_not_without(tmp_path: Path, server: Valkey) -> None:
    certificate = certify(tmp_path)
    with tls_in_front_of(server.port, certificate) as port:
        assert_served(await asked(f"rediss://localhost:{port}/4", ca_file=str(certificate.file)))
        with pytest.raises(RedisDown):
            await asked(f"rediss://localhost:{port}/4")


async def test_a_cluster_keeps_a_limit_and_its_answers_together(tmp_path: Path) -> None:
    """One that loses a node, and Sentinels: `tests/sockets/test_stores_of_several.py`."""
    with cluster(tmp_path) as nodes:
        assert_served(await asked(f"redis+cluster://{HOST}:{nodes[0].port},{HOST}:{nodes[1].port}"))


amounts = st.integers(0, 700)
steps = st.lists(st.tuples(st.integers(-300, 300), amounts, amounts), min_size=1, max_size=12)
names = count()


@settings(max_examples=60, deadline=None)
@given(rate=st.floats(0.01, 1e6), burst=st.integers(1, 10**7), steps=steps)
def test_the_script_does_what_its_model_says(
    server: Valkey, rate: float, burst: int, steps: list[tuple[int, int, int]]
) -> None:
    """To the last bit, at the times that the server's own clock had."""
    place = f"m:{{{next(names)}}}"
    full_at = None
    with server.client() as client:
        for number, (owed, want, least) in enumerate(steps):
            least = min(want, least)
            reply: Any = client.eval(
                GCRA,
                2,
                place,
                f"{place}:{number}",
                repr(rate),
                burst,
                owed,
                want,
                least,
                60,
            )
            granted, remaining, wait_s, now = map(float, reply.split())
            verdict = gcra(full_at, now, rate=rate, burst=burst, owed=owed, want=want, least=least)
            assert (granted, remaining, wait_s) == verdict[:3]
            full_at = verdict.full_at
            again: Any = client.eval(GCRA, 2, place, f"{place}:{number}", repr(rate), burst, owed, want, least, 60)
            assert again == reply


def test_what_the_script_leaves_behind_goes_by_itself(server: Valkey) -> None:
    with server.client() as client:
        client.eval(GCRA, 2, "{ttl}", "{ttl}:id", "10.0", "600.0", "100", "0", "0", 60)
        assert 10_000 < int(client.pttl("{ttl}")) <= 11_001
        assert 59_000 < int(client.pttl("{ttl}:id")) <= 60_000


async def test_hints_are_told_to_all_until_their_time_is_over(server: Valkey) -> None:
    tell: Words = ("EVAL", HINTS, 1, "p:breakers", b"one", 60_000, b"two", 30)
    hear: Words = ("EVAL", HINTS, 1, "p:breakers")
    redis = in_threads()(read_store_address(server.url), "")
    (first,) = await redis.execute([tell])
    assert first[::2] == [b"one", b"two"]
    assert 59_900 <= first[1] <= 60_000
    await trio.sleep(0.05)
    again, heard = await redis.execute([(*tell[:4], b"one", 90_000), hear])
    assert again[::2] == heard[::2] == [b"one"]
    assert heard[1] <= 59_960, "told twice, it holds no longer"
    await redis.close()
