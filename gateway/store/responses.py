"""Where responses are kept between requests."""

from __future__ import annotations

from typing import Protocol


class ResponseStore(Protocol):
    """Bytes by id, each with its owner: the label of the client's key. Nobody reads, changes or learns of another's.

    A shared store does this over the network, so everything may wait and may fail with GatewayError.
    """

    async def put(self, id: str, owner: str, value: bytes, *, ttl_s: float) -> None:
        """Keeps `value` in place of what was there; it goes by itself after `ttl_s`, or sooner for want of room."""
        ...

    async def get(self, id: str, owner: str) -> bytes | None: ...

    async def delete(self, id: str, owner: str) -> bool:
        """Whether there was something to delete."""
        ...
