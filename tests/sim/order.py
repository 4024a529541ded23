"""Trio's scheduler, deciding by a seed."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import trio._core._run as trio_run


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
