"""The parent as a worker sees it: at the other end of the line between them."""

from __future__ import annotations

from typing import Final

import msgspec
import trio

from gateway.admin.reload import Reloaded
from gateway.workers.line import ALIVE, ALIVE_EVERY_S, RELOAD, RELOADED, Line

ANSWER_S: Final = 10.0
"""The parent may be rolling its workers for an earlier wish."""

_read = msgspec.json.Decoder(Reloaded).decode


class FarParent:
    """Answers come in the order of the wishes, and one is asked for at a time."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._asking = trio.Lock()
        self._answer: Reloaded | None = None
        self._answered = trio.Event()

    async def listen(self) -> None:
        """Returns when the parent is gone."""
        async for word in self._line.words():
            if word.startswith(RELOADED):
                self._answer = _read(word[len(RELOADED) :])
                self._answered.set()

    async def reassure(self) -> None:
        """Says for ever that this process gets on: one that hangs is replaced."""
        while True:
            await self._line.say(ALIVE)
            await trio.sleep(ALIVE_EVERY_S)

    async def reload(self) -> Reloaded:
        """Has it read the settings again, for all workers; a ReloadSettings."""
        async with self._asking:
            self._answer, self._answered = None, trio.Event()
            await self._line.say(RELOAD)
            with trio.move_on_after(ANSWER_S):
                await self._answered.wait()
            return self._answer or Reloaded(refused=["The parent process did not answer; it may be replacing workers."])
