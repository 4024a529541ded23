"""The scripts that hold and spend budgets do what their model says, on a real Valkey."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.store.budget_model import BUDGETS
from tests.store.fake_redis import FakeServer
from tests.store.valkeys import Valkey, valkey

RESERVE, SPEND = BUDGETS
CALLS = ("a", "b", "c", "d")
FIGURES = ("openai\tgpt-4o", "nano_usd", 70, "openai\tgpt-4o", "calls", 1, "deepseek\tchat", "calls", 2)
limits = st.one_of(st.just(-1), st.integers(0, 2_000))
reservations = st.tuples(st.sampled_from(CALLS), st.integers(0, 900), limits, limits)
parcels = st.tuples(st.integers(1, 4), st.integers(0, 10**15), st.integers(1, 4), st.sets(st.sampled_from(CALLS)))
names = count()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    with valkey(tmp_path_factory.mktemp("valkey")) as one:
        yield one


@settings(max_examples=50, deadline=None)
@given(steps=st.lists(st.one_of(reservations, parcels), min_size=1, max_size=12))
@example(steps=[("a", 0, 1_000, -1), (1, 0, 1, {"a"}), ("b", 900, 1_000, -1), (2, 10**15, 1, {"b"})])
def test_the_scripts_do_what_their_model_says(server: Valkey, steps: list[Any]) -> None:
    """Parcels come twice and out of order, calls are held twice, and what is not there is released."""
    place = f"b:{{{next(names)}}}"
    day, month, rows, holds, held, parcel = (
        f"{place}:{name}" for name in ("day", "month", "rows", "holds", "held", "parcel")
    )
    model = FakeServer()
    model.now = lambda: 0.0  # type: ignore[method-assign]
    with server.client() as client:
        for step in steps:
            if isinstance(step[0], str):
                keys, arguments = [day, month, holds, held], [*step, 3_600_000]
                script = RESERVE
            else:
                number, amount, most, ids = step
                keys = [parcel, day, month, rows, holds, held]
                arguments = [number, amount, 100, most, len(ids), *sorted(ids), *FIGURES]
                script = SPEND
            real = client.eval(script, len(keys), *keys, *arguments)
            assert real == BUDGETS[script](model, keys, [str(argument) for argument in arguments])
        assert client.hgetall(rows) == {
            field.encode(): str(amount).encode() for field, amount in (model.get(rows) or {}).items()
        }


def test_what_was_held_lapses_by_the_servers_clock(server: Valkey) -> None:
    keys = [f"l:{{x}}:{name}" for name in ("day", "month", "holds", "held")]
    with server.client() as client:
        assert client.eval(RESERVE, 4, *keys, "first", 900, 1000, -1, 1) == [1, 0, 0, 0]
        time.sleep(0.01)
        assert client.eval(RESERVE, 4, *keys, "second", 900, 1000, -1, 60_000) == [1, 0, 0, 0]
        assert client.eval(RESERVE, 4, *keys, "third", 101, 1000, -1, 60_000) == [0, 0, 0, 900]


def test_a_free_call_whose_hold_lapses_leaves_room_for_the_next(server: Valkey) -> None:
    keys = [f"f:{{x}}:{name}" for name in ("day", "month", "holds", "held")]
    with server.client() as client:
        assert client.eval(RESERVE, 4, *keys, "free", 0, 1000, -1, 1) == [1, 0, 0, 0]
        time.sleep(0.01)
        assert client.eval(RESERVE, 4, *keys, "next", 1000, 1000, -1, 60_000) == [1, 0, 0, 0]
        assert client.hgetall(keys[3]) == {b"next": b"1000", b"total": b"1000"}


def test_a_free_call_that_is_over_is_billed_with_what_it_held(server: Valkey) -> None:
    day, month, rows, holds, held, parcel = (
        f"g:{{x}}:{name}" for name in ("day", "month", "rows", "holds", "held", "parcel")
    )
    with server.client() as client:
        for call, amount in (("free", 0), ("dear", 10**15)):
            assert client.eval(RESERVE, 4, day, month, holds, held, call, amount, -1, -1, 60_000)[0] == 1
        told = client.eval(
            SPEND, 6, parcel, day, month, rows, holds, held, 1, 70, 100, 100, 2, "free", "dear", *FIGURES
        )
        assert told == [b"70", b"70"]
        assert client.hgetall(held) == {b"total": b"0"}
        assert client.zcard(holds) == 0
