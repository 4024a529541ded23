"""Several deadlines that are moved all the time, for the price of one cancel scope that hardly ever is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from math import inf

import trio

from actors.timers import LATE_S, SECOND_LOOK_S


class Alarm:
    """Calls back when a deadline passes, from the task that runs `watch`.

    The scope is moved only towards earlier; where it ends too early it is set up again. So a deadline that is put off
    with every request costs a float each time. Where the whole process had no turn meanwhile, what has come is looked
    at before any deadline is.
    """

    __slots__ = ("_deadlines", "_scope", "clock", "wakes_at")

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self._deadlines: list[Deadline] = []
        self._scope = trio.CancelScope()
        self.wakes_at = inf

    def deadline(self) -> Deadline:
        """A new one, not set."""
        deadline = Deadline(self)
        self._deadlines.append(deadline)
        return deadline

    async def watch(self, work: Callable[[], Awaitable[None]]) -> None:
        """Runs `work` to its end; called again wherever a deadline interrupts it."""
        not_before = -inf
        while True:
            self.wakes_at = max(not_before, min(deadline.at for deadline in self._deadlines))
            with trio.CancelScope(deadline=self.wakes_at) as self._scope:
                await work()
                return
            now = self.clock()
            if now - self.wakes_at > LATE_S:
                not_before = now + SECOND_LOOK_S
                continue
            not_before = -inf
            for deadline in self._deadlines:
                deadline.check(now)

    def wake_by(self, at: float) -> None:
        """Has `watch` look at the deadlines by then, which is before `wakes_at`."""
        self.wakes_at = self._scope.deadline = at


class Deadline:
    """One moment of an Alarm and what happens then."""

    __slots__ = ("_alarm", "_on_passed", "at")

    def __init__(self, alarm: Alarm) -> None:
        self._alarm = alarm
        self._on_passed: Callable[[], object] | None = None
        self.at = inf

    def set(self, seconds: float, on_passed: Callable[[], object]) -> None:
        """Calls `on_passed` once, after so many seconds, unless set anew or cleared before."""
        alarm = self._alarm
        self.at = at = alarm.clock() + seconds
        self._on_passed = on_passed
        if at < alarm.wakes_at:
            alarm.wake_by(at)

    def now(self) -> float:
        """As the alarm's clock has it."""
        return self._alarm.clock()

    def clear(self) -> None:
        self.at = inf

    def check(self, now: float) -> None:
        if self.at <= now and self._on_passed is not None:
            self.at = inf
            self._on_passed()
