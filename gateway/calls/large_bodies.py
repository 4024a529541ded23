"""How many large requests may be translated at once: a body in pieces takes many times its size."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import trio

LARGE_BYTES: Final = 1024 * 1024
AT_ONCE_BYTES: Final = 32 * 1024 * 1024


class LargeBodies:
    """Lets bodies in one after the other, `at_once_bytes` of them together; one alone may be larger."""

    def __init__(self, at_once_bytes: int = AT_ONCE_BYTES) -> None:
        self._at_once_bytes = at_once_bytes
        self._order = trio.Lock()
        self._left = trio.lowlevel.ParkingLot()
        self.used_bytes = 0

    @asynccontextmanager
    async def turn(self, size_bytes: int) -> AsyncIterator[None]:
        """Waits for its turn; first come, first served, so that a large one is not overtaken for ever."""
        async with self._order:
            while self.used_bytes and self.used_bytes + size_bytes > self._at_once_bytes:
                await self._left.park()
            self.used_bytes += size_bytes
        try:
            yield
        finally:
            self.used_bytes -= size_bytes
            self._left.unpark_all()
