"""What those who watch see once a second: how everything stands, of every worker, made once for all of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import msgspec
import trio

from actors.letters import Clock
from gateway.admin.actors import Actor
from gateway.admin.feed import Feed, Happening
from gateway.admin.requests import RequestRow

EVERY_S: Final = 1.0
MOST_REQUESTS: Final = 100
"""Of one worker, the oldest."""


class Traffic(msgspec.Struct):
    """What one provider has done since the process started; who watches looks at the differences."""

    requests: float
    errors: float
    tokens: float
    first_tokens: int
    first_token_s: float
    """The sum over all of them."""


class Snapshot(msgspec.Struct):
    """One worker at one moment."""

    worker: str
    life: str
    """Another one after a restart of the process: its figures begin anew."""
    version: str
    phase: str
    uptime_s: float
    memory_bytes: int | None
    store: str
    actors: list[Actor]
    requests: list[RequestRow]
    in_flight: int
    """How many requests there are, shown or not."""
    traffic: dict[str, Traffic]
    happenings: list[Happening] = []
    """For another worker that watches: what it has not heard of yet."""
    last: int = 0
    """The number of the last of them."""


class Frame(msgspec.Struct):
    """All workers."""

    at: float
    """Seconds since the epoch."""
    workers: list[Snapshot]
    absent: list[str]


AskSiblings = Callable[[Mapping[str, int]], Awaitable[Mapping[str, bytes | None]]]
"""Each sibling's Snapshot with what has happened there since that number; None for who is absent."""


class Lookout:
    """Looks only while somebody watches, and at most once in EVERY_S."""

    def __init__(
        self,
        look: Callable[[], Snapshot],
        feed: Feed,
        *,
        clock: Clock,
        wall_clock: Callable[[], float],
        ask_siblings: AskSiblings | None = None,
    ) -> None:
        self._look = look
        self._feed = feed
        self._clock = clock
        self._wall_clock = wall_clock
        self._ask_siblings = ask_siblings
        self._heard: dict[str, tuple[str, int]] = {}
        """Of each sibling the life that it is in, and the last happening of that."""
        self._looking = trio.Lock()
        self._frame = b""
        self._made_at = float("-inf")
        self._decode = msgspec.json.Decoder(Snapshot).decode
        self._encode = msgspec.json.Encoder().encode

    async def frame(self) -> bytes:
        """A Frame as JSON."""
        async with self._looking:
            if self._clock() - self._made_at >= EVERY_S:
                self._frame = self._encode(await self._new_frame())
                self._made_at = self._clock()
            return self._frame

    def answer(self, after: int) -> bytes:
        """For another worker that watches."""
        snapshot = self._look()
        snapshot.happenings, snapshot.last = self._feed.own_since(after), self._feed.last
        return self._encode(snapshot)

    async def _new_frame(self) -> Frame:
        frame = Frame(self._wall_clock(), [self._look()], [])
        if self._ask_siblings is not None:
            said = await self._ask_siblings({worker: last for worker, (_, last) in self._heard.items()})
            for worker, text in said.items():
                if text is None:
                    frame.absent.append(worker)
                else:
                    frame.workers.append(self._heard_from(self._decode(text)))
        return frame

    def _heard_from(self, snapshot: Snapshot) -> Snapshot:
        life, last = self._heard.get(snapshot.worker, (snapshot.life, 0))
        if life == snapshot.life:
            self._feed.add(snapshot.happenings)
            last = snapshot.last
        else:  # its numbers have begun anew: with the next question it is asked for all of them
            last = 0
        self._heard[snapshot.worker] = (snapshot.life, last)
        snapshot.happenings = []
        return snapshot
