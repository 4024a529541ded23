"""What has happened lately, for those who watch: changes of state and operators' orders, the newest few hundred.

There is one ring for all watchers, and each has a place in it: a slow one costs nothing, and misses what the ring has
dropped meanwhile. Happenings of other workers are put in while somebody watches here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

import msgspec
import trio

KEPT: Final = 512


class Happening(msgspec.Struct, frozen=True):
    """One fact."""

    at: float
    """Seconds since the epoch."""
    worker: str
    kind: str
    what: dict[str, Any]
    number: int = 0
    """Of its own worker's, from 1."""


class News(NamedTuple):
    """What a watcher has not seen yet."""

    happenings: list[Happening]
    missed: int
    """How many more there were."""
    place: int
    """Where to go on."""


class Feed:
    """One worker's. Belongs to the event loop's thread; stating a fact neither blocks nor raises."""

    def __init__(self, worker: str, wall_clock: Callable[[], float]) -> None:
        self._worker = worker
        self._wall_clock = wall_clock
        self._ring: deque[Happening] = deque(maxlen=KEPT)
        self._own: deque[Happening] = deque(maxlen=KEPT)
        self._count = 0
        """All that were ever in the ring."""
        self._watchers = trio.lowlevel.ParkingLot()
        self.last = 0
        """The number of this worker's last one."""
        self.closed = False

    def state(self, kind: str, what: dict[str, Any]) -> None:
        """This has happened here, now."""
        self.last += 1
        happening = Happening(self._wall_clock(), self._worker, kind, what, self.last)
        self._own.append(happening)
        self.add([happening])

    def add(self, happenings: Iterable[Happening]) -> None:
        """Those of other workers."""
        for happening in happenings:
            self._ring.append(happening)
            self._count += 1
        self._watchers.unpark_all()

    def own_since(self, number: int) -> list[Happening]:
        """This worker's after that number, for another one."""
        return [happening for happening in self._own if happening.number > number]

    def since(self, place: int) -> News:
        """What came behind `place`; 0 is the beginning."""
        oldest = self._count - len(self._ring)
        begin = max(place, oldest)
        return News(list(self._ring)[begin - oldest :], begin - place if place else 0, self._count)

    async def wait(self) -> None:
        """Returns when something has happened since, or all is over."""
        if self.closed:
            await trio.lowlevel.checkpoint()
        else:
            await self._watchers.park()

    def close(self) -> None:
        """The gateway drains: nobody watches any longer."""
        self.closed = True
        self._watchers.unpark_all()
