"""The response cache in the shared store, bounded for all workers and hosts together by count, bytes and time."""

from __future__ import annotations

from typing import Final

from gateway.store.line import StoreLine
from gateway.store.script import read_script
from gateway.store.shared_responses import response_name

READ: Final = "cache_get"
WRITE: Final = "cache_put"
NOTHING: Final = b""


class SharedAnswers:
    """A ResponseStore. What is over soonest goes first; what alone is larger than everything is not kept.

    All of it stands in one slot of a cluster, so that each change is one step. A server with a maxmemory may take the
    whole of it away at any time, and it begins anew.
    """

    def __init__(self, line: StoreLine, *, prefix: str, max_count: int, max_bytes: int) -> None:
        self._line = line
        self._places = (f"{prefix}:{{cache}}:answers", f"{prefix}:{{cache}}:ends")
        self._bounds = (max_count, max_bytes)
        self._get, self._put = (read_script("gateway.store", name) for name in ("answers_get.lua", "answers_put.lua"))

    async def put(self, id: str, owner: str, value: bytes, *, ttl_s: float) -> None:
        await self._write(id, owner, value, ttl_ms=max(1, int(ttl_s * 1000)))

    async def get(self, id: str, owner: str) -> bytes | None:
        name = response_name(id, owner)
        value: bytes | None = await self._line.ask(READ, "EVAL", self._get, len(self._places), *self._places, name)
        return value

    async def delete(self, id: str, owner: str) -> bool:
        return await self._write(id, owner, NOTHING, ttl_ms=1)

    async def _write(self, id: str, owner: str, value: bytes, *, ttl_ms: int) -> bool:
        """Whether there was something before."""
        change = (response_name(id, owner), value, ttl_ms, *self._bounds)
        return bool(await self._line.ask(WRITE, "EVAL", self._put, len(self._places), *self._places, *change))
