"""The cancellation sweep: a story is run again and again, and disturbed at its first, second, third ... step.

Under Trio a task runs from checkpoint to checkpoint; disturbing before the n-th step of any task, for every n, covers
each point at which a cancellation, or a death, can be seen.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio
from trio.testing import MockClock

MAX_STEPS = 5000


class DisturbAt(trio.abc.Instrument):
    """Calls `disturb` before the n-th task step of a run, once it is armed."""

    def __init__(self, step: int) -> None:
        self._left = step
        self._disturb: Callable[[], None] | None = None
        self.done = False

    def arm(self, disturb: Callable[[], None]) -> None:
        self._disturb = disturb

    def disarm(self) -> None:
        """The interesting part is over: no further step counts."""
        self._disturb = None

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        if self._disturb is None or self.done:
            return
        self._left -= 1
        if self._left < 0:
            self.done = True
            self._disturb()


Story = Callable[[DisturbAt], Awaitable[None]]


def sweep(story: Story) -> int:
    """Runs `story` once for every step at which it can be disturbed; returns how many there were.

    The story arms the disturbance when its interesting part begins, and checks at its end that everything is back.
    """
    for step in range(MAX_STEPS):
        disturb = DisturbAt(step)
        trio.run(story, disturb, clock=MockClock(autojump_threshold=0), instruments=[disturb])
        if not disturb.done:
            return step
    raise AssertionError(f"the story does not end within {MAX_STEPS} steps")
