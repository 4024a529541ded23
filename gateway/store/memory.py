"""The store within the process: gone with it, and bounded by count, bytes and time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

Clock = Callable[[], float]
"""Seconds; trio.current_time in production."""

_OVERHEAD_BYTES = 512
"""What an entry takes beside its value and its names."""


class StoreStatistics(NamedTuple):
    """What a store holds now, and how many entries had to go before their time, for want of room."""

    entries: int
    bytes: int
    evicted: int


class _Entry(NamedTuple):
    value: bytes
    size: int
    expires_at: float


class MemoryResponseStore:
    """A ResponseStore. What has been kept longest goes first; what alone is larger than everything is not kept."""

    def __init__(self, *, clock: Clock, max_count: int, max_bytes: int) -> None:
        self._clock = clock
        self._max_count = max_count
        self._max_bytes = max_bytes
        self._entries: OrderedDict[tuple[str, str], _Entry] = OrderedDict()
        """In the order in which they were put."""
        self._bytes = 0
        self._evicted = 0

    async def put(self, id: str, owner: str, value: bytes, *, ttl_s: float) -> None:
        key = (owner, id)
        self._drop(key)
        size = len(value) + len(id) + len(owner) + _OVERHEAD_BYTES
        if size > self._max_bytes:
            self._evicted += 1
            return
        self._make_room(size)
        self._entries[key] = _Entry(value, size, self._clock() + ttl_s)
        self._bytes += size

    async def get(self, id: str, owner: str) -> bytes | None:
        entry = self._entries.get((owner, id))
        if entry is None:
            return None
        if entry.expires_at <= self._clock():
            self._drop((owner, id))
            return None
        return entry.value

    async def delete(self, id: str, owner: str) -> bool:
        found = await self.get(id, owner) is not None
        self._drop((owner, id))
        return found

    def statistics(self) -> StoreStatistics:
        return StoreStatistics(len(self._entries), self._bytes, self._evicted)

    def _make_room(self, size: int) -> None:
        """Drops from the oldest on what has expired, then as many as it takes."""
        now = self._clock()
        while self._entries:
            key, entry = next(iter(self._entries.items()))
            expired = entry.expires_at <= now
            if not expired and self._has_room(size):
                return
            self._drop(key)
            self._evicted += not expired

    def _has_room(self, size: int) -> bool:
        return len(self._entries) < self._max_count and self._bytes + size <= self._max_bytes

    def _drop(self, key: tuple[str, str]) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._bytes -= entry.size
