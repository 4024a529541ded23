"""Parked tasks serve one job after the other, each within a scope that nobody has cancelled before."""

from __future__ import annotations

from contextvars import ContextVar

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from actors.crew import Crew


class Jobs:
    """Serves jobs that are seconds to sleep, and notes which task and scope each one had."""

    def __init__(self) -> None:
        self.served: list[tuple[float, trio.lowlevel.Task, trio.CancelScope]] = []
        self.finished: list[float] = []
        self.cancel_at_once: set[float] = set()

    async def serve(self, job: float, scope: trio.CancelScope) -> bool:
        self.served.append((job, trio.lowlevel.current_task(), scope))
        if job in self.cancel_at_once:
            scope.cancel()
        await trio.sleep(job)
        self.finished.append(job)
        return not scope.cancel_called


async def test_a_parked_task_is_used_again_with_its_scope(autojump_clock: MockClock) -> None:
    """Two jobs one after the other share a task and a scope; two at once do not."""
    jobs = Jobs()
    crew = Crew(jobs.serve)
    async with trio.open_nursery() as nursery:
        crew.start(nursery, 1.0)
        await trio.sleep(2)
        crew.start(nursery, 2.0)
        crew.start(nursery, 3.0)
        await trio.sleep(5)
        nursery.cancel_scope.cancel()
    (_, first_task, first_scope), (_, second_task, second_scope), (_, third_task, _) = sorted(
        jobs.served, key=lambda served: served[0]
    )
    assert first_task is second_task is not third_task
    assert first_scope is second_scope
    assert jobs.finished == [1.0, 2.0, 3.0]


async def test_a_cancelled_scope_has_served_its_last_job(autojump_clock: MockClock) -> None:
    """The job that was cancelled does not finish; the next one, in the same task, is not cancelled with it."""
    jobs = Jobs()
    jobs.cancel_at_once.add(1.0)
    crew = Crew(jobs.serve)
    async with trio.open_nursery() as nursery:
        crew.start(nursery, 1.0)
        await trio.sleep(2)
        crew.start(nursery, 2.0)
        await trio.sleep(5)
        nursery.cancel_scope.cancel()
    (_, first_task, first_scope), (_, second_task, second_scope) = jobs.served
    assert first_task is second_task
    assert first_scope is not second_scope
    assert jobs.finished == [2.0]


async def test_no_more_tasks_are_parked_than_allowed(autojump_clock: MockClock) -> None:
    """Five at once with places for two: three tasks end, two wait."""
    jobs = Jobs()
    crew = Crew(jobs.serve, parked=2)
    async with trio.open_nursery() as nursery:
        for _ in range(5):
            crew.start(nursery, 1.0)
        await trio.sleep(2)
        assert len(nursery.child_tasks) == 2
        nursery.cancel_scope.cancel()


async def test_a_job_handed_over_as_the_nursery_is_cancelled_still_begins(autojump_clock: MockClock) -> None:
    """The parked task has been woken with it and cannot be taken back: it begins, and is cancelled there."""
    jobs = Jobs()
    crew = Crew(jobs.serve)
    async with trio.open_nursery() as nursery:
        crew.start(nursery, 1.0)
        await trio.sleep(2)
        await wait_all_tasks_blocked()
        crew.start(nursery, 7.0)
        nursery.cancel_scope.cancel()
    assert [job for job, _, _ in jobs.served] == [1.0, 7.0]
    assert jobs.finished == [1.0]


async def test_after_a_cancelled_nursery_no_place_is_left_behind(autojump_clock: MockClock) -> None:
    """Nothing waits any more, so a new job starts a new task."""
    jobs = Jobs()
    crew = Crew(jobs.serve)
    for _ in range(2):
        async with trio.open_nursery() as nursery:
            crew.start(nursery, 1.0)
            await trio.sleep(2)
            nursery.cancel_scope.cancel()
    assert jobs.finished == [1.0, 1.0]


async def test_what_serve_raises_ends_the_nursery(autojump_clock: MockClock) -> None:
    """Containing a call's crash is the actor's business, not the crew's."""

    async def explode(job: float, scope: trio.CancelScope) -> bool:
        raise ZeroDivisionError

    with pytest.raises(ExceptionGroup):
        async with trio.open_nursery() as nursery:
            Crew(explode).start(nursery, 1.0)


async def test_a_parked_task_keeps_nothing_of_the_context_that_it_was_begun_in(autojump_clock: MockClock) -> None:
    """Whoever asks first would else be remembered for as long as the task lives."""
    asker: ContextVar[str] = ContextVar("asker", default="nobody")
    seen: list[str] = []

    async def serve(_job: float, _scope: trio.CancelScope) -> bool:
        seen.append(asker.get())
        return True

    crew = Crew(serve)
    async with trio.open_nursery() as nursery:
        asker.set("somebody")
        crew.start(nursery, 1.0)
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert seen == ["nobody"]
