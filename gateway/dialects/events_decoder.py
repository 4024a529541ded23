"""Streams of named events on their way into the pivot: what all of them are read with, whatever the events say."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Generic, TypeVar

from gateway.dialects.answer_events import Event
from gateway.dialects.envelope import Usage
from gateway.dialects.passed_stream import CUT
from gateway.dialects.sse import SseSplitter
from gateway.errors import UpstreamBroken

E = TypeVar("E")


class EventsDecoder(ABC, Generic[E]):
    """One streamed answer, until its end or an error in its place; a `gateway.dialects.codec.StreamDecoder`."""

    __slots__ = ("_decode", "_splitter", "_vital", "done", "error", "malformed", "usage", "whole")

    def __init__(self, decode: Callable[[bytes], E], vital: tuple[bytes, ...]) -> None:
        """Names that begin with one of `vital` are those of events that an answer cannot do without."""
        self._decode = decode
        self._vital = vital
        self._splitter = SseSplitter()
        self.done = False
        self.whole = False
        self.error: bytes | None = None
        self.malformed = 0
        self.usage: Usage | None = None

    def feed(self, data: bytes) -> list[Event]:
        """Takes what was received. Raises UpstreamBroken where a piece of the answer cannot be read."""
        events: list[Event] = []
        for block in self._splitter.feed(data):
            if self.done or self.error is not None:
                break
            if block.data is not None:
                self._read(block.data, block.name, events)
        return events

    def end(self) -> list[Event]:
        """The connection has ended. Raises UpstreamBroken where the answer is cut."""
        # Some leave out the last blank line; an event that was really cut cannot be read.
        events = self.feed(b"\n\n") if self._splitter.unfinished else []
        if not self.done and self.error is None:
            if not self.whole:
                raise UpstreamBroken(CUT)
            self.done = True
        return events

    def _read(self, data: bytes, name: bytes, events: list[Event]) -> None:
        try:
            event = self._decode(data)
        except (ValueError, RecursionError) as problem:
            if name.startswith(self._vital) or (not name and any(vital in data for vital in self._vital)):
                raise UpstreamBroken("The provider sent a piece of the answer that cannot be read.") from problem
            self.malformed += 1
            return
        self._take(event, data, events)

    @abstractmethod
    def _take(self, event: E, data: bytes, events: list[Event]) -> None:
        """Appends what the event says; `data` is its JSON."""
