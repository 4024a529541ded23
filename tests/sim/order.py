"""Trio's scheduler, deciding by a seed, and its mock clock, as cheap as it can be."""

from __future__ import annotations

import gc
import math
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import trio._core._run as trio_run
from trio.testing import MockClock


def still_clock() -> MockClock:
    """Trio's, which jumps when nobody can go on; in between it stands still, and need not look at any other clock."""
    clock = MockClock(autojump_threshold=0)

    def jump() -> None:
        jump_s = trio_run.GLOBAL_RUN_CONTEXT.runner.deadlines.next_deadline() - clock._virtual_base
        if 0 < jump_s < math.inf:
            clock.jump(jump_s)

    clock.current_time = lambda: clock._virtual_base  # type: ignore[method-assign]
    clock._autojump = jump  # type: ignore[method-assign]
    return clock


@cache
def _keep_modules_out_of_collections() -> None:
    """The one that follows each run goes through what the run has left, and not through all that was ever imported."""
    gc.collect()
    gc.freeze()


@contextmanager
def same_order_each_time(seed: int) -> Iterator[None]:
    """Trio runs the tasks of a batch in an order that depends on `seed` alone."""
    before = trio_run._ALLOW_DETERMINISTIC_SCHEDULING, trio_run._r.getstate()
    trio_run._ALLOW_DETERMINISTIC_SCHEDULING = True  # type: ignore[misc]
    trio_run._r.seed(seed)
    _keep_modules_out_of_collections()
    collects = gc.isenabled()
    gc.disable()  # a run is short, and a fifth of its time would go into looking for garbage among modules
    try:
        yield
    finally:
        if collects:
            gc.enable()
        trio_run._ALLOW_DETERMINISTIC_SCHEDULING = before[0]  # type: ignore[misc]
        trio_run._r.setstate(before[1])
