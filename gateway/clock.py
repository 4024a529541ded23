"""The process's clock for Trio and for the gateway alike."""

from __future__ import annotations

import time
from collections.abc import Callable

import trio

from gateway.instruments import keep_instruments_at_hand


class ProcessClock(trio.abc.Clock):
    """`time.perf_counter` as it is.

    Trio's own clock adds an offset to it, in Python; a request asks for the time some fifteen times, and the scheduler
    once a pass.
    """

    read = staticmethod(time.perf_counter)
    """What `current_time` returns, at a sixth of the cost."""

    def start_clock(self) -> None:
        """It runs; a run that begins says so nowhere else."""
        keep_instruments_at_hand()

    def current_time(self) -> float:
        return time.perf_counter()

    def deadline_to_sleep_time(self, deadline: float) -> float:
        return deadline - time.perf_counter()


def running_clock() -> Callable[[], float]:
    """Seconds on the clock of the Trio loop that runs now."""
    clock = trio.lowlevel.current_clock()
    return clock.read if isinstance(clock, ProcessClock) else clock.current_time
