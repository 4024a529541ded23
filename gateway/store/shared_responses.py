"""Stored responses in the shared store, and the choice between it and the process's own memory."""

from __future__ import annotations

from hashlib import sha256
from typing import Final

from gateway.errors import StoreUnavailable
from gateway.store.line import Mode, StoreLine
from gateway.store.responses import ResponseStore

RESPONSE: Final = "response"
READ: Final = f"{RESPONSE}_get"
WRITE: Final = f"{RESPONSE}_put"


class SharedResponseStore:
    """A ResponseStore. Bounded by time here, and by the server's own maxmemory; one value by `max_bytes`."""

    def __init__(self, line: StoreLine, *, prefix: str, max_bytes: int) -> None:
        self._line = line
        self._prefix = prefix
        self._max_bytes = max_bytes

    async def put(self, id: str, owner: str, value: bytes, *, ttl_s: float) -> None:
        if len(value) > self._max_bytes:
            await self.delete(id, owner)
            return
        await self._line.ask(WRITE, "SET", self._key(id, owner), value, "PX", max(1, int(ttl_s * 1000)))

    async def get(self, id: str, owner: str) -> bytes | None:
        value: bytes | None = await self._line.ask(READ, "GET", self._key(id, owner))
        return value

    async def delete(self, id: str, owner: str) -> bool:
        return bool(await self._line.ask(WRITE, "DEL", self._key(id, owner)))

    def _key(self, id: str, owner: str) -> str:
        """Both hashed together: ids come from clients, and an owner's name may be a key's hash."""
        return f"{self._prefix}:{RESPONSE}:{response_name(id, owner)}"


class ChosenResponseStore:
    """A ResponseStore: the shared one where there is a store, reachable or not, else memory."""

    def __init__(self, line: StoreLine, *, shared: ResponseStore, memory: ResponseStore) -> None:
        self._line = line
        self._shared = shared
        self._memory = memory

    async def put(self, id: str, owner: str, value: bytes, *, ttl_s: float) -> None:
        await self._chosen().put(id, owner, value, ttl_s=ttl_s)

    async def get(self, id: str, owner: str) -> bytes | None:
        return await self._chosen().get(id, owner)

    async def delete(self, id: str, owner: str) -> bool:
        return await self._chosen().delete(id, owner)

    def _chosen(self) -> ResponseStore:
        match self._line.mode:
            case Mode.MEMORY:
                return self._memory
            case Mode.STARTING:
                raise StoreUnavailable("The gateway is starting.", retry_after=1.0)
            case _:
                return self._shared


def response_name(id: str, owner: str) -> str:
    """A response's name among all owners', of fixed length and harmless characters."""
    return sha256(f"{len(owner)}:{owner}:{id}".encode()).hexdigest()
