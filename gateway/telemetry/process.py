"""The process's own memory: how much it holds, by psutil, and giving back what it does not need."""

from __future__ import annotations

import ctypes
import gc

import psutil  # type: ignore[import-untyped]  # its stubs are a package of their own


class ResidentMemory:
    """Resident set size of this process in bytes, at each call: the production World's `memory_bytes`.

    Some 10 µs (one read of /proc/self/statm on Linux). Made after a fork, not before: it keeps the process id.
    """

    def __init__(self) -> None:
        self._memory_info = psutil.Process().memory_info

    def __call__(self) -> int:
        return int(self._memory_info().rss)


class MemoryRelief:
    """Gives unused memory back to the system: the production World's `free_memory`.

    Some 10 to 100 ms, in which nobody is answered: for when there is nothing left to lose. Large requests leave a heap
    with holes behind, which glibc keeps unless `malloc_trim` (https://man7.org/linux/man-pages/man3/malloc_trim.3.html)
    asks for them; other C libraries have no such function.
    """

    def __init__(self) -> None:
        self._trim = getattr(ctypes.CDLL(None), "malloc_trim", None)

    def __call__(self) -> None:
        gc.collect()
        if self._trim is not None:
            self._trim(0)
