"""Many deadlines, one sleeping task: backoffs, hedges and queue limits stand in a heap, not in tasks of their own."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from itertools import count
from typing import Final

import msgspec
import trio

LATE_S: Final = 0.5
"""Whoever wakes up so much later than it wanted to knows that the whole process had no turn: it was stopped, say."""
SECOND_LOOK_S: Final = 0.05
"""What those who read get then, before anybody is told that nothing has come."""
_COMPACT_ABOVE: Final = 64


class Timer(msgspec.Struct, eq=False):
    """One appointment; `cancel` as often as you like, before or after it has come."""

    when: float
    _action: Callable[[], None] | None
    _timers: Timers

    @property
    def pending(self) -> bool:
        return self._action is not None

    def cancel(self) -> None:
        if self._action is not None:
            self._action = None
            self._timers.forget_one()

    def fire(self) -> None:
        action, self._action = self._action, None
        if action is not None:
            action()


class Timers:
    """Runs actions at their times, in order of time and then of appointment.

    Actions are synchronous and belong to the actor that owns the timers: what they raise ends `run`.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._heap: list[tuple[float, int, Timer]] = []
        self._numbers = count()
        self._cancelled = 0
        self._scope: trio.CancelScope | None = None
        self._wakes_at = -math.inf
        """The scope's deadline, while there is one."""

    def __len__(self) -> int:
        """How many appointments are still to come."""
        return len(self._heap) - self._cancelled

    def at(self, when: float, action: Callable[[], None]) -> Timer:
        """Calls `action` at `when`, or at once where that has passed (but never from within this call)."""
        timer = Timer(when, action, self)
        heapq.heappush(self._heap, (when, next(self._numbers), timer))
        if when < self._wakes_at and self._scope is not None:
            self._wakes_at = self._scope.deadline = max(when, self._clock())
        return timer

    def forget_one(self) -> None:
        """A timer was cancelled; its place is cleared later, when cancelled ones outnumber the others."""
        self._cancelled += 1
        if self._cancelled > _COMPACT_ABOVE and self._cancelled * 2 > len(self._heap):
            self._heap = [entry for entry in self._heap if entry[2].pending]
            heapq.heapify(self._heap)
            self._cancelled = 0

    async def run(self) -> None:
        """Serves the heap until cancelled."""
        while True:
            self._fire_due()
            self._wakes_at = self._heap[0][0] if self._heap else math.inf
            with trio.CancelScope(deadline=self._wakes_at) as self._scope:
                await trio.sleep_forever()
            if self._clock() - self._wakes_at > LATE_S:
                await trio.sleep(SECOND_LOOK_S)

    def _fire_due(self) -> None:
        now = self._clock()
        while self._heap and self._heap[0][0] <= now:
            timer = heapq.heappop(self._heap)[2]
            if timer.pending:
                timer.fire()
            else:
                self._cancelled -= 1
