"""Whose work a response in the background is: one worker's, which says so in the store again and again while it lives.

Whoever is asked about such a response and finds no word from its worker knows that the worker has died. Who wants it
cancelled leaves a mark, which its worker finds with its next word.
"""

from __future__ import annotations

from typing import Final

from actors.letters import Clock
from gateway.store.line import Mode, StoreLine
from gateway.store.shared_responses import response_name

BEAT_EVERY_S: Final = 1.0
LIFE_S: Final = 6.0
"""A word holds for so long: more than a worker may take to find a store that was away."""
MARK_S: Final = 60.0
OPERATION: Final = "background"

BEAT: Final = "redis.call('SET', KEYS[1], '1', 'PX', ARGV[1]) return redis.call('EXISTS', KEYS[2])"


class Ownership:
    """A worker's view of all work. Without a store there is only its own, of which nobody else knows."""

    def __init__(self, line: StoreLine, *, prefix: str, clock: Clock) -> None:
        self._line = line
        self._prefix = prefix
        self._clock = clock

    async def beat(self, id: str, owner: str) -> bool:
        """This worker works on it; whether somebody wants it cancelled. Raises StoreUnavailable."""
        if self._line.mode is Mode.MEMORY:
            return False
        alive, mark = self._keys(id, owner)
        return bool(await self._line.ask(OPERATION, "EVAL", BEAT, 2, alive, mark, int(LIFE_S * 1000)))

    async def lives(self, id: str, owner: str) -> bool:
        """Whether some worker works on it. Raises StoreUnavailable."""
        if self._line.mode is Mode.MEMORY:
            return False
        alive, _ = self._keys(id, owner)
        if await self._line.ask(OPERATION, "GET", alive) is not None:
            return True
        # Its worker may not have found a store that has just come back.
        return self._clock() - self._line.moved_at < LIFE_S

    async def ask_to_cancel(self, id: str, owner: str) -> None:
        """Leaves the mark. Raises StoreUnavailable."""
        if self._line.mode is not Mode.MEMORY:
            _, mark = self._keys(id, owner)
            await self._line.ask(OPERATION, "SET", mark, "1", "PX", int(MARK_S * 1000))

    def _keys(self, id: str, owner: str) -> tuple[str, str]:
        place = f"{self._prefix}:work:{{{response_name(id, owner)}}}"
        return f"{place}:alive", f"{place}:cancel"
