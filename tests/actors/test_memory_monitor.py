"""Memory pressure comes with the sample that shows it, and goes only when there is room again."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock

from actors.memory_monitor import MemoryMonitor, Pressure, judge

MEGABYTE = 1024 * 1024


@pytest.mark.parametrize(
    ("share", "before", "after"),
    [
        (0.0, Pressure.NONE, Pressure.NONE),
        (0.799, Pressure.NONE, Pressure.NONE),
        (0.8, Pressure.NONE, Pressure.DEGRADE),
        (0.95, Pressure.NONE, Pressure.REFUSE),
        (0.91, Pressure.REFUSE, Pressure.REFUSE),
        (0.899, Pressure.REFUSE, Pressure.DEGRADE),
        (0.76, Pressure.DEGRADE, Pressure.DEGRADE),
        (0.76, Pressure.REFUSE, Pressure.DEGRADE),
        (0.74, Pressure.REFUSE, Pressure.NONE),
        (0.91, Pressure.DEGRADE, Pressure.DEGRADE),
    ],
)
def test_a_level_is_left_only_well_below_where_it_was_entered(share: float, before: Pressure, after: Pressure) -> None:
    """Up at 80 % and 95 %, down at 75 % and 90 %."""
    assert judge(share, before) is after


async def test_pressure_is_seen_within_a_quarter_of_a_second_and_stated_once(autojump_clock: MockClock) -> None:
    """Memory rises at 0.6 s and falls at 2.1 s: two facts, at 0.75 s and 2.25 s."""
    start = trio.current_time()
    facts: list[Any] = []

    def sample() -> int:
        return 990 if 0.6 <= trio.current_time() - start < 2.1 else 100

    monitor = MemoryMonitor(
        sample, 1000, in_use=lambda: 0, relieve=lambda: None, clock=trio.current_time, observe=facts.append
    )
    with trio.move_on_after(5):
        await monitor.run()
    assert [(fact.after, fact.at - start) for fact in facts] == [(Pressure.REFUSE, 0.75), (Pressure.NONE, 2.25)]
    assert monitor.view() == {"pressure": "none", "used_bytes": 100, "threshold_bytes": 1000, "missed": 0}


@pytest.mark.parametrize(("used", "when"), [(960, [0.75, 2.75, 4.75]), (850, [0.75])])
async def test_under_pressure_what_is_not_used_is_given_back(
    used: int, when: list[float], autojump_clock: MockClock
) -> None:
    """For 5 s memory is high and giving back does not help: refusing, it is tried every 2 s; before that rarely."""
    start = trio.current_time()
    tried: list[float] = []

    def sample() -> int:
        return used if 0.6 <= trio.current_time() - start < 5.6 else 100

    monitor = MemoryMonitor(
        sample,
        1000,
        in_use=lambda: 0,
        relieve=lambda: tried.append(trio.current_time() - start),
        clock=trio.current_time,
        observe=lambda _fact: None,
    )
    with trio.move_on_after(10):
        await monitor.run()
    assert tried == when


async def test_what_a_flood_leaves_is_given_back_when_it_ends(autojump_clock: MockClock) -> None:
    """It grows for 2 s, half of what it held is freed at 4 s, the rest at 6 s; 300 of 400 MB stay behind, far from any
    pressure: they go with the next sample. What grows later without any flood is tried three times, and is needed.
    """
    start = trio.current_time()
    freed: list[tuple[float, int]] = []
    holes, cached = 0, 0

    def in_use() -> int:
        now = trio.current_time() - start
        return 400 * MEGABYTE if 2.1 <= now < 4.1 else 200 * MEGABYTE if 4.1 <= now < 6.1 else 0

    def sample() -> int:
        nonlocal holes, cached
        now = trio.current_time() - start
        holes = max(holes, 300 * MEGABYTE - in_use()) if 2.1 <= now < 6.5 and not freed else holes
        cached = 40 * MEGABYTE if now >= 20.1 else 0
        return 60 * MEGABYTE + in_use() + holes + cached

    def relieve() -> None:
        nonlocal holes
        freed.append((trio.current_time() - start, holes // MEGABYTE))
        holes = 0

    monitor = MemoryMonitor(
        sample, 8000 * MEGABYTE, in_use=in_use, relieve=relieve, clock=trio.current_time, observe=lambda _fact: None
    )
    with trio.move_on_after(600):
        await monitor.run()
    assert freed == [(6.25, 300), (20.25, 0), (25.25, 0), (30.25, 0)]


async def test_what_a_process_needs_is_known_before_its_first_client_comes(autojump_clock: MockClock) -> None:
    """Clients are there 0.1 s later, before the next sample, and leave 200 MB when they go at 2 s."""
    start = trio.current_time()
    freed: list[float] = []

    def in_use() -> int:
        return 2 * MEGABYTE if 0.1 <= trio.current_time() - start < 2.1 else 0

    def sample() -> int:
        holes = 200 * MEGABYTE if trio.current_time() - start >= 0.1 and not freed else 0
        return 60 * MEGABYTE + in_use() + holes

    monitor = MemoryMonitor(
        sample,
        8000 * MEGABYTE,
        in_use=in_use,
        relieve=lambda: freed.append(trio.current_time() - start),
        clock=trio.current_time,
        observe=lambda _fact: None,
    )
    with trio.move_on_after(600):
        await monitor.run()
    assert freed == [2.25]


async def test_a_flood_that_pauses_leaves_nothing_behind_when_it_ends(autojump_clock: MockClock) -> None:
    """From 2 s to 4 s, and from 5 s to 7 s. In the pause 200 MB are somebody's who is no call any more, and then they
    are holes: the attempt that gives nothing back is not the last.
    """
    start = trio.current_time()
    freed: list[tuple[float, int]] = []
    left = 0

    def in_use() -> int:
        now = trio.current_time() - start
        return 400 * MEGABYTE if 2.1 <= now < 4.1 or 5.1 <= now < 7.1 else 0

    def sample() -> int:
        nonlocal left
        if in_use():
            left = 200 * MEGABYTE
        return 60 * MEGABYTE + in_use() + left

    def relieve() -> None:
        nonlocal left
        now = trio.current_time() - start
        holes = left if now >= 5.1 else 0
        freed.append((now, holes // MEGABYTE))
        left -= holes

    monitor = MemoryMonitor(
        sample, 8000 * MEGABYTE, in_use=in_use, relieve=relieve, clock=trio.current_time, observe=lambda _fact: None
    )
    with trio.move_on_after(600):
        await monitor.run()
    assert freed == [(4.25, 0), (9.25, 200)]
    assert monitor.used_bytes == 60 * MEGABYTE
