"""The response cache on a real Valkey: what its scripts' model says, and never more than it may take."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.store.answers_model import ANSWERS, GET, OVERHEAD, PUT
from tests.store.fake_redis import FakeServer, text_of
from tests.store.valkeys import Valkey, valkey

MOST, MOST_BYTES = 3, 3000
LONG_MS = 60_000
answers = st.sampled_from([b"", b"\xff" * 9, b"x" * 700, b"y" * 1500, b"z" * 3000])
steps = st.lists(st.tuples(st.sampled_from("abcde"), answers), min_size=1, max_size=12)
numbers = count()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    with valkey(tmp_path_factory.mktemp("valkey")) as one:
        yield one


def places() -> list[str]:
    return [f"{next(numbers)}:{{cache}}:{what}" for what in ("answers", "ends")]


@settings(max_examples=60, deadline=None)
@given(steps=steps)
def test_the_scripts_do_what_their_model_says(server: Valkey, steps: list[tuple[str, bytes]]) -> None:
    """Whatever is put, what is over soonest goes, and no more than the bounds is ever kept."""
    keys, model, tick = places(), FakeServer(), count()
    model.now = lambda: next(tick) / 1000  # type: ignore[method-assign]
    with server.client() as client:
        for name, answer in steps:
            change = [name, answer, LONG_MS, MOST, MOST_BYTES]
            assert client.eval(PUT, 2, *keys, *change) == ANSWERS[PUT](model, keys, list(map(text_of, change)))
            time.sleep(0.001)  # the real clock orders them as the model's does
            kept = [client.eval(GET, 2, *keys, other) for other in "abcde"]
            assert kept == [ANSWERS[GET](model, keys, [other]) for other in "abcde"]
            held: Any = client.hgetall(keys[0])
            taken = int(held.pop(b"bytes", 0))
            assert taken == sum(len(value) + OVERHEAD for value in held.values()) <= MOST_BYTES
            assert len(held) == client.zcard(keys[1]) <= MOST


def test_what_is_over_is_not_told_and_goes_with_the_next_one(server: Valkey) -> None:
    """Alone it goes by itself."""
    keys = places()
    with server.client() as client:
        client.eval(PUT, 2, *keys, "short", b"1", 30, MOST, MOST_BYTES)
        assert client.eval(GET, 2, *keys, "short") == b"1"
        client.eval(PUT, 2, *keys, "long", b"2", LONG_MS, MOST, MOST_BYTES)
        time.sleep(0.04)
        assert client.eval(GET, 2, *keys, "short") is None
        client.eval(PUT, 2, *keys, "other", b"3", 30, MOST, MOST_BYTES)
        assert set(client.hkeys(keys[0])) == {b"long", b"other", b"bytes"}
        assert 59_000 < client.pttl(keys[0]) <= LONG_MS
        assert client.pttl(keys[1]) > 59_000


def test_a_server_that_has_let_half_of_it_go_begins_anew(server: Valkey) -> None:
    with server.client() as client:
        for lost in (0, 1):
            keys = places()
            for name in ("a", "b"):
                client.eval(PUT, 2, *keys, name, b"1", LONG_MS, MOST, MOST_BYTES)
            client.delete(keys[lost])
            assert client.eval(GET, 2, *keys, "a") is None
            client.eval(PUT, 2, *keys, "c", b"1", LONG_MS, MOST, MOST_BYTES)
            assert [client.eval(GET, 2, *keys, name) for name in "abc"] == [None, None, b"1"]
            assert client.hget(keys[0], "bytes") == b"%d" % (1 + OVERHEAD)
