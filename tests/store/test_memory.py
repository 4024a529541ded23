"""The store in memory: whose an entry is, how long it stays, and what goes when there is no room."""

from __future__ import annotations

import trio
from hypothesis import given
from hypothesis import strategies as st

from gateway.store.memory import MemoryResponseStore
from gateway.store.responses import ResponseStore


def store_of(*, max_count: int = 100, max_bytes: int = 1_000_000) -> MemoryResponseStore:
    return MemoryResponseStore(clock=trio.current_time, max_count=max_count, max_bytes=max_bytes)


async def test_what_is_put_is_got_and_put_again_replaces_it() -> None:
    store: ResponseStore = store_of()
    await store.put("r", "a", b"1", ttl_s=10)
    await store.put("r", "a", b"2", ttl_s=10)
    assert await store.get("r", "a") == b"2"
    assert await store.delete("r", "a")
    assert await store.get("r", "a") is None
    assert not await store.delete("r", "a")


async def test_nobody_reaches_anothers() -> None:
    store = store_of()
    await store.put("r", "a", b"1", ttl_s=10)
    assert await store.get("r", "b") is None
    assert not await store.delete("r", "b")
    await store.put("r", "b", b"theirs", ttl_s=10)
    assert await store.get("r", "a") == b"1"


async def test_an_entry_goes_to_the_second(autojump_clock: trio.testing.MockClock) -> None:
    store = store_of()
    await store.put("r", "a", b"1", ttl_s=10)
    await trio.sleep(9.999)
    assert await store.get("r", "a") == b"1"
    await trio.sleep(0.001)
    assert await store.get("r", "a") is None
    assert store.statistics() == (0, 0, 0)


async def test_putting_again_begins_the_time_anew(autojump_clock: trio.testing.MockClock) -> None:
    store = store_of()
    await store.put("r", "a", b"1", ttl_s=10)
    await trio.sleep(6)
    await store.put("r", "a", b"2", ttl_s=10)
    await trio.sleep(6)
    assert await store.get("r", "a") == b"2"


async def test_the_oldest_goes_when_there_are_too_many() -> None:
    store = store_of(max_count=2)
    for number in range(3):
        await store.put(f"r{number}", "a", b"x", ttl_s=10)
    assert [await store.get(f"r{number}", "a") for number in range(3)] == [None, b"x", b"x"]
    assert store.statistics().evicted == 1


async def test_those_that_have_expired_make_room_first(autojump_clock: trio.testing.MockClock) -> None:
    store = store_of(max_count=2)
    await store.put("short", "a", b"x", ttl_s=1)
    await store.put("long", "a", b"x", ttl_s=10)
    await trio.sleep(1)
    await store.put("new", "a", b"x", ttl_s=10)
    assert await store.get("long", "a") == b"x"
    assert store.statistics().evicted == 0


async def test_what_is_larger_than_everything_is_not_kept_and_costs_nobody_else() -> None:
    store = store_of(max_bytes=2_000)
    await store.put("small", "a", b"x", ttl_s=10)
    await store.put("r", "a", bytes(3_000), ttl_s=10)
    assert await store.get("r", "a") is None
    assert await store.get("small", "a") == b"x"
    assert store.statistics().evicted == 1


@given(
    st.lists(st.tuples(st.sampled_from("pgd"), st.integers(0, 5), st.integers(0, 900), st.integers(0, 30)), max_size=60)
)
def test_bounds_hold_and_nothing_is_made_up(steps: list[tuple[str, int, int, int]]) -> None:
    """Against a plain dictionary that forgets nothing: what the store has is what was put last."""

    async def story() -> None:
        now = 0.0
        store = MemoryResponseStore(clock=lambda: now, max_count=3, max_bytes=3_000)
        model: dict[str, tuple[bytes, float]] = {}
        for kind, name, size, pause in steps:
            now += pause / 10
            key = f"r{name}"
            if kind == "p":
                value = bytes([name]) * size
                await store.put(key, "a", value, ttl_s=2)
                model[key] = (value, now + 2)
            elif kind == "d":
                await store.delete(key, "a")
                model.pop(key, None)
            found = await store.get(key, "a")
            value_and_end = model.get(key)
            if found is not None:
                assert value_and_end is not None
                assert (found, now < value_and_end[1]) == (value_and_end[0], True)
            elif kind == "p":
                raise AssertionError("what fits is kept at first")
            held = store.statistics()
            assert held.entries <= 3
            assert held.bytes <= 3_000

    trio.run(story)
