"""GET /admin/events: server-sent events. `snapshot` once a second, `happening` as they come, the latest ones first.

Each watcher pulls: the next piece is made when the last one has been taken, so that a slow one sees fewer snapshots and
holds nothing; one that stops reading is cut as every stalled reader is. All of them end when the gateway drains.
"""

from __future__ import annotations

from typing import Final

import msgspec
import trio

from actors.errors import Overloaded
from actors.letters import Clock
from actors.relay import Sink
from gateway.admin.feed import Feed
from gateway.admin.lookout import EVERY_S, Lookout
from gateway.exchange import Answer, Request

MOST_WATCHERS: Final = 32
_HEADERS: Final = (
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
)
_encode = msgspec.json.Encoder().encode


class EventsEndpoint:
    """The handler."""

    def __init__(self, feed: Feed, lookout: Lookout, clock: Clock) -> None:
        self._feed = feed
        self._lookout = lookout
        self._clock = clock
        self._watchers: set[Watcher] = set()

    async def __call__(self, _request: Request) -> Answer:
        """Raises Overloaded."""
        if len(self._watchers) >= MOST_WATCHERS:
            raise Overloaded(f"{MOST_WATCHERS} others are watching already", retry_after=10.0)
        watcher = Watcher(self._feed, self._lookout, self._clock, self._watchers)
        self._watchers.add(watcher)
        return Answer(200, [*_HEADERS], watcher)


class Watcher:
    """A BodyStream."""

    def __init__(self, feed: Feed, lookout: Lookout, clock: Clock, watchers: set[Watcher]) -> None:
        self._feed = feed
        self._lookout = lookout
        self._clock = clock
        self._watchers = watchers
        self._place = 0
        self._due = clock()

    async def receive(self) -> bytes | None:
        while not self._feed.closed:
            news = self._feed.since(self._place)
            if news.place != self._place:
                self._place = news.place
                lost = b"" if not news.missed else _event(b"missed", {"happenings": news.missed})
                return lost + b"".join(_event(b"happening", happening) for happening in news.happenings)
            if self._clock() >= self._due:
                self._due = self._clock() + EVERY_S
                return b"event: snapshot\ndata: " + await self._lookout.frame() + b"\n\n"
            with trio.move_on_at(self._due):
                await self._feed.wait()
        return None

    def pass_to(self, sink: Sink) -> None:
        """Nothing here is so urgent."""

    def close(self) -> None:
        self._watchers.discard(self)


def _event(name: bytes, data: object) -> bytes:
    return b"event: " + name + b"\ndata: " + _encode(data) + b"\n\n"
