"""The memory monitor: samples what the process holds and says how much pressure there is.

From 80 % of the threshold the gateway is to degrade, from 95 % to refuse new work; a level is left again only 5 %
below where it was entered, so that it does not flap. When a flood of calls has ended, what it leaves is given back.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import trio

from actors.events import Observe
from actors.letters import Clock
from actors.policy.relief import Relief

SAMPLE_EVERY_S = 0.25
LEAVE_BELOW = 0.05
"""How far under a level's border its end lies, as a share of the threshold."""


class Pressure(enum.IntEnum):
    """How much room there is, by its lower border in percent of the threshold."""

    NONE = 0
    DEGRADE = 80
    REFUSE = 95


_RELIEVE_EVERY_S: Final = {Pressure.DEGRADE: 60.0, Pressure.REFUSE: 2.0}
"""It stops everybody for a moment: often only where everybody is refused anyway."""


class PressureMoved(NamedTuple):
    """The pressure changed."""

    before: Pressure
    after: Pressure
    used_bytes: int
    threshold_bytes: int
    at: float


class MemoryMonitor:
    """An actor without a mailbox: it reads `sample` (bytes) every 250 ms, and anybody reads its `pressure`.

    `sample` may raise OSError where it cannot tell at the moment; `in_use` is what calls hold of it, in bytes.
    `relieve` gives back what is not used any more: after a flood (see `Relief`), and now and then under pressure, for
    refused requests allocate next to nothing, so that nothing else would.
    """

    name = "memory"

    def __init__(
        self,
        sample: Callable[[], int],
        threshold_bytes: int,
        *,
        in_use: Callable[[], int],
        relieve: Callable[[], None],
        clock: Clock,
        observe: Observe,
    ) -> None:
        self._sample = sample
        self._in_use = in_use
        self._relieve = relieve
        self._relieved_at = -math.inf
        self._relief = Relief()
        self._threshold_bytes = threshold_bytes
        self._clock = clock
        self._observe = observe
        self.pressure = Pressure.NONE
        self.used_bytes = 0
        self.missed = 0
        """Samples that could not be taken."""
        self.buried = False
        """It samples no more."""

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Samples for ever; the first sample is taken before it is ready."""
        try:
            self._take_sample()
            task_status.started()
            while True:
                await trio.sleep(SAMPLE_EVERY_S)
                self._take_sample()
        finally:
            self.buried = True

    def _take_sample(self) -> None:
        """And gives back what is not used, where that is worth it."""
        self.look()
        now = self._clock()
        before, in_use = self.used_bytes, self._in_use()
        due = self._relief.is_due(before, in_use, now)
        if due or self._is_pressed(now):
            self._relieved_at = now
            self._relieve()
            self.look()
            self._relief.attempted(before - self.used_bytes, self.used_bytes, in_use, now)

    def _is_pressed(self, now: float) -> bool:
        return self.pressure is not Pressure.NONE and now - self._relieved_at >= _RELIEVE_EVERY_S[self.pressure]

    def look(self) -> Pressure:
        """Takes one sample now; where that fails (clients hold every file descriptor), the last one still stands."""
        try:
            self.used_bytes = self._sample()
        except OSError:
            self.missed += 1
        after = judge(self.used_bytes / self._threshold_bytes, self.pressure)
        if after is not self.pressure:
            moved = PressureMoved(self.pressure, after, self.used_bytes, self._threshold_bytes, self._clock())
            self.pressure = after
            self._observe(moved)
        return after

    def has_room(self, more_bytes: int) -> bool:
        """Whether so much more would stay within the threshold, by the last sample."""
        return self.used_bytes + more_bytes <= self._threshold_bytes

    def view(self) -> dict[str, Any]:
        """This actor's detail in /admin/actors."""
        return {
            "pressure": self.pressure.name.lower(),
            "used_bytes": self.used_bytes,
            "threshold_bytes": self._threshold_bytes,
            "missed": self.missed,
        }


def judge(share: float, before: Pressure) -> Pressure:
    """The pressure at `share` of the threshold, coming from `before`."""
    entered = max(level for level in Pressure if share >= level / 100)
    kept = max(level for level in Pressure if share >= level / 100 - LEAVE_BELOW)
    return max(entered, min(before, kept))
