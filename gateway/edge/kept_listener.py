"""A listener lent to a server: a server that crashes closes what it listens on, and its successor needs it still."""

from __future__ import annotations

from gateway.world import Listener, Stream


class KeptListener:
    """Accepts from `listener` and leaves it open; whoever owns it closes it. A world.Listener."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    @property
    def address(self) -> tuple[str, int]:
        return self._listener.address

    async def accept(self) -> Stream:
        return await self._listener.accept()

    def accept_nowait(self) -> Stream:
        return self._listener.accept_nowait()

    def close(self) -> None:
        """The owner's to do."""
