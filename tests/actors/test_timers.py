"""Many appointments, one task: exact times, in order, forgotten when cancelled."""

from __future__ import annotations

from collections.abc import Callable

import trio
import trio.testing
from trio.testing import MockClock

from actors.timers import Timers


async def run_until(timers: Timers, seconds: float) -> None:
    with trio.move_on_after(seconds):
        await timers.run()


def note(log: list[tuple[str, float]], name: str) -> Callable[[], None]:
    return lambda: log.append((name, trio.current_time()))


async def test_actions_run_at_their_times_in_order(autojump_clock: MockClock) -> None:
    """Later appointments made first, and two at the same time in the order they were made."""
    timers, log, start = Timers(trio.current_time), [], trio.current_time()
    for when, name in ((7, "d"), (3, "b"), (3, "c"), (1, "a")):
        timers.at(start + when, note(log, name))
    await run_until(timers, 20)
    assert log == [("a", start + 1), ("b", start + 3), ("c", start + 3), ("d", start + 7)]


async def test_an_earlier_appointment_moves_a_sleeping_task(autojump_clock: MockClock) -> None:
    """While the task sleeps until 10, an appointment for 4 is still kept exactly."""
    timers, log, start = Timers(trio.current_time), [], trio.current_time()
    timers.at(start + 10, note(log, "late"))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run_until, timers, 20)
        await trio.sleep(2)
        timers.at(start + 4, note(log, "early"))
    assert log == [("early", start + 4), ("late", start + 10)]


async def test_a_cancelled_appointment_never_comes_and_takes_no_room(autojump_clock: MockClock) -> None:
    """A thousand cancelled hedges do not pile up."""
    timers, log, start = Timers(trio.current_time), [], trio.current_time()
    for _ in range(1000):
        timers.at(start + 5, note(log, "never")).cancel()
    kept = timers.at(start + 5, note(log, "kept"))
    kept.cancel()
    kept.cancel()
    timers.at(start + 6, note(log, "yes"))
    assert len(timers) == 1
    assert len(timers._heap) < 200
    await run_until(timers, 20)
    assert log == [("yes", start + 6)]
    assert len(timers) == 0


async def test_an_action_may_make_and_cancel_appointments(autojump_clock: MockClock) -> None:
    """The heap may change under its own feet."""
    timers, log, start = Timers(trio.current_time), [], trio.current_time()
    doomed = timers.at(start + 2, note(log, "doomed"))

    def act() -> None:
        doomed.cancel()
        timers.at(start + 3, note(log, "new"))

    timers.at(start + 2 - 1, act)
    await run_until(timers, 20)
    assert log == [("new", start + 3)]


async def test_a_process_that_stood_still_looks_at_what_has_come_before_it_says_that_nothing_has(
    autojump_clock: MockClock,
) -> None:
    """Ten seconds late, there is a twentieth of one left to cancel; what nobody cancels comes then."""
    timers, log, start = Timers(trio.current_time), [], trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run_until, timers, 60)
        await trio.testing.wait_all_tasks_blocked()
        answered = timers.at(start + 2, note(log, "answered"))
        timers.at(start + 2, note(log, "silent"))
        autojump_clock.jump(12)
        await trio.sleep(0.01)
        answered.cancel()
    assert log == [("silent", start + 12.05)]
