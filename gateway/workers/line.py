"""The line between a worker and its parent: a pair of sockets, a word a line, and its end when either of them is gone.

The worker says `ready` once it serves and `alive` ever after, and `reload` where an operator wants the settings read
again; the parent answers with `reloaded` and what came of it. When the parent dies, however it dies, the worker reads
the end.
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from typing import Final

import trio

READY: Final = b"ready"
ALIVE: Final = b"alive"
ALIVE_EVERY_S: Final = 5.0
RELOAD: Final = b"reload"
RELOADED: Final = b"reloaded "
"""And behind it a Reloaded as JSON."""
MAX_BYTES: Final = 64 * 1024
"""Of one word; more is no word."""


class Line:
    """One end. Words are so short that the socket always has room for them."""

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)
        self._socket = trio.socket.from_stdlib_socket(end)

    @classmethod
    def of(cls, descriptor: int) -> Line:
        """An end that was inherited; no process of ours inherits it in turn."""
        end = socket.socket(fileno=descriptor)
        end.set_inheritable(False)
        return cls(end)

    async def say(self, word: bytes) -> None:
        """Harmless where nobody listens any more."""
        try:
            await self._socket.send(word + b"\n")
        except OSError:
            return

    async def words(self) -> AsyncIterator[bytes]:
        """What the other end says, until it is gone."""
        heard = b""
        while len(heard) <= MAX_BYTES:
            try:
                piece = await self._socket.recv(MAX_BYTES)
            except OSError:  # reset: gone as well
                return
            if not piece:
                return
            *whole, heard = (heard + piece).split(b"\n")
            for word in whole:
                yield word

    def close(self) -> None:
        self._socket.close()
