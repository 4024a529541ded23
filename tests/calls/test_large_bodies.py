"""Large requests are translated a few at a time."""

from __future__ import annotations

import trio
from trio.testing import MockClock

from gateway.calls.large_bodies import LargeBodies


async def test_bodies_beyond_the_bound_wait_for_their_turn_in_order(autojump_clock: MockClock) -> None:
    """Ten fit: 6 and 4 go at once, 7 has to wait for the 6, and 1 does not overtake it."""
    bodies = LargeBodies(at_once_bytes=10)
    began: dict[int, float] = {}

    async def translate(size: int, takes_s: float) -> None:
        async with bodies.turn(size):
            began[size] = trio.current_time()
            assert bodies.used_bytes <= 10
            await trio.sleep(takes_s)

    async with trio.open_nursery() as nursery:
        for size, takes_s in ((6, 5.0), (4, 2.0), (7, 1.0), (1, 1.0)):
            nursery.start_soon(translate, size, takes_s)
            await trio.sleep(0.1)
    assert [round(began[size], 1) for size in (6, 4, 7, 1)] == [0.0, 0.1, 5.0, 5.0]
    assert bodies.used_bytes == 0


async def test_one_alone_may_be_larger_than_the_bound(autojump_clock: MockClock) -> None:
    bodies = LargeBodies(at_once_bytes=10)
    async with bodies.turn(11):
        assert bodies.used_bytes == 11


async def test_who_leaves_while_waiting_holds_up_nobody(autojump_clock: MockClock) -> None:
    bodies = LargeBodies(at_once_bytes=10)
    async with bodies.turn(8):
        with trio.move_on_after(1):
            async with bodies.turn(8):
                raise AssertionError("there is no room")
        async with bodies.turn(2):
            assert trio.current_time() == 1
    assert bodies.used_bytes == 0
