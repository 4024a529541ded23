"""Several deadlines that are moved all the time, for the price of one cancel scope that hardly ever is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from math import inf

import trio


class Alarm:
    """Calls back when a deadline passes, from the task that runs `watch`.

    The scope is moved only towards earlier; where it ends too early it is set up again. So a deadline that is put off
    with every request costs a float each time.
    """

    __slots__ = ("_clock", "_deadlines", "_scope")

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._deadlines: list[Deadline] = []
        self._scope: trio.CancelScope | None = None

    def deadline(self) -> Deadline:
        """A new one, not set."""
        deadline = Deadline(self)
        self._deadlines.append(deadline)
        return deadline

    async def watch(self, work: Callable[[], Awaitable[None]]) -> None:
        """Runs `work` to its end; called again wherever a deadline interrupts it."""
        while True:
            with trio.CancelScope(deadline=min(deadline.at for deadline in self._deadlines)) as self._scope:
                await work()
                return
            now = self._clock()
            for deadline in self._deadlines:
                deadline.check(now)

    def now(self) -> float:
        return self._clock()

    def bring_forward(self, at: float) -> None:
        """Makes sure that `watch` looks at the deadlines by then."""
        if self._scope is not None and at < self._scope.deadline:
            self._scope.deadline = at


class Deadline:
    """One moment of an Alarm and what happens then."""

    __slots__ = ("_alarm", "_on_passed", "at")

    def __init__(self, alarm: Alarm) -> None:
        self._alarm = alarm
        self._on_passed: Callable[[], None] | None = None
        self.at = inf

    def set(self, seconds: float, on_passed: Callable[[], None]) -> None:
        """Calls `on_passed` once, after so many seconds, unless set anew or cleared before."""
        self.at = at = self._alarm.now() + seconds
        self._on_passed = on_passed
        self._alarm.bring_forward(at)

    def clear(self) -> None:
        self.at = inf

    def check(self, now: float) -> None:
        if self.at <= now and self._on_passed is not None:
            self.at = inf
            self._on_passed()
