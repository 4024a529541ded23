"""When the machine kept a test's own process, or the gateway's, from working: that is not the gateway's doing."""

from __future__ import annotations

import os
import time
from bisect import bisect_left, bisect_right
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import trio

BEAT_S = 0.002


class Span(NamedTuple):
    """A time from one moment to another, on time.monotonic."""

    begins_at: float
    ends_at: float

    @property
    def lasts_s(self) -> float:
        return self.ends_at - self.begins_at

    def shared_with(self, other: Span) -> float:
        """Seconds that belong to both."""
        return max(0.0, min(self.ends_at, other.ends_at) - max(self.begins_at, other.begins_at))


def kept_waiting_s(pid: int) -> float:
    """How long the process has been kept waiting for a core, since it began, although it had something to do.

    From /proc/<pid>/schedstat (https://docs.kernel.org/scheduler/sched-stats.html); 0 once it is gone.
    """
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
    except (FileNotFoundError, ProcessLookupError):
        return 0.0


class Patience:
    """How long something takes, without what others on this machine kept this process or one of `pids` from working."""

    def __init__(self, *pids: int) -> None:
        self._pids = (os.getpid(), *pids)
        self._began_at = time.monotonic()
        self._had_waited_s = [kept_waiting_s(pid) for pid in self._pids]

    def spent_s(self) -> float:
        """So far. What kept both counts once."""
        waited_s = [kept_waiting_s(pid) - had for pid, had in zip(self._pids, self._had_waited_s, strict=True)]
        return max(0.0, time.monotonic() - self._began_at - max(waited_s))


class Pulse:
    """A task that wants to wake up every 2 ms; from when it was due to when it did, nobody in this process got on.

    With each beat it looks how long `pid` has been kept waiting for a core.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._beats: list[float] = []
        self._kept: list[Span] = []
        """When one of the two was kept from working, in order, none of them overlapping."""

    @asynccontextmanager
    async def beating(self) -> AsyncIterator[Pulse]:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._beat)
            yield self
            nursery.cancel_scope.cancel()

    async def _beat(self) -> None:
        began_at, waited_s = time.monotonic(), kept_waiting_s(self._pid)
        while True:
            await trio.sleep(BEAT_S)
            now, waited_by_now_s = time.monotonic(), kept_waiting_s(self._pid)
            # A wait counts once it is over: it may have begun many beats ago.
            self._note(now - max(now - began_at - BEAT_S, waited_by_now_s - waited_s), now)
            self._beats.append(now)
            began_at, waited_s = now, waited_by_now_s

    def _note(self, begins_at: float, ends_at: float) -> None:
        while self._kept and self._kept[-1].ends_at > begins_at:
            begins_at = min(begins_at, self._kept.pop().begins_at)
        self._kept.append(Span(begins_at, ends_at))

    def beats(self, span: Span) -> list[float]:
        """When in this time the process has got on, and the other one was not kept from it."""
        return [beat for beat in self._beats if span.begins_at <= beat < span.ends_at and not self._is_amid_wait(beat)]

    def _is_amid_wait(self, beat: float) -> bool:
        """What kept this process itself ends with the beat."""
        next_one = bisect_right(self._kept, beat, key=lambda each: each.ends_at)
        return next_one < len(self._kept) and self._kept[next_one].begins_at <= beat

    def machine_s(self, span: Span) -> float:
        """How much of this time the machine kept one of the two from working."""
        first = bisect_left(self._kept, span.begins_at, key=lambda each: each.ends_at)
        kept_s = 0.0
        for each in self._kept[first:]:
            if each.begins_at >= span.ends_at:
                break
            kept_s += span.shared_with(each)
        return kept_s

    def own_s(self, span: Span) -> float:
        """How long it was without that."""
        return max(0.0, span.lasts_s - self.machine_s(span))
