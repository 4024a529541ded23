"""When the machine kept a test's own process, or the gateway's, from working: that is not the gateway's doing."""

from __future__ import annotations

import os
import time
from bisect import bisect_left
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
        self._kept: list[Span] = []
        """Up to each beat: that time in which one of the two was kept from working, the longer of both."""

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
            missed_s = now - began_at - BEAT_S
            kept_s = min(now - began_at, max(missed_s, waited_by_now_s - waited_s))
            self._kept.append(Span(now - kept_s, now))
            began_at, waited_s = now, waited_by_now_s

    def beats(self, span: Span) -> list[float]:
        """When in this time the process has got on."""
        return [each.ends_at for each in self._kept if span.begins_at <= each.ends_at < span.ends_at]

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
