"""Answers that are read event by event, whatever is done with the events."""

from __future__ import annotations

from abc import ABC, abstractmethod

from gateway.dialects.answer_events import Event
from gateway.dialects.codec import StreamDecoder
from gateway.dialects.envelope import Usage
from gateway.dialects.told import tokens_of


class DecodedStream(ABC):
    """One streamed answer; a `gateway.calls.passage.AnswerStream`."""

    def __init__(self, decoder: StreamDecoder) -> None:
        self._decoder = decoder
        self._characters = 0
        """Of what the provider has said, passed on or not."""
        self.started = False
        self.done = False
        self.finish_reason: str | None = None

    @property
    def settled(self) -> bool:
        return self.done or self._decoder.whole or self._decoder.error is not None

    @property
    def error(self) -> bytes | None:
        return self._decoder.error

    @property
    def usage(self) -> Usage | None:
        """What this provider takes for it."""
        return self._decoder.usage

    @property
    def malformed(self) -> int:
        return self._decoder.malformed

    @property
    def delivered_tokens(self) -> int:
        usage = self._decoder.usage
        return usage.completion if usage is not None and self._decoder.whole else tokens_of(self._characters)

    def feed(self, data: bytes) -> bytes:
        """Takes what was received, returns what to pass on. Raises as `take` and `finish` do."""
        piece = self.take(self._decoder.feed(data))
        return piece + self.finish() if self._decoder.done else piece

    def end(self) -> bytes:
        """The connection has ended: what is still to be passed on. Raises UpstreamBroken where the answer is cut."""
        piece = self.take(self._decoder.end())
        return piece if self._decoder.error is not None else piece + self.finish()

    @abstractmethod
    def take(self, events: list[Event]) -> bytes:
        """What of these the client gets now."""

    @abstractmethod
    def finish(self) -> bytes:
        """The orderly end, once. Raises UpstreamBroken where there was no answer."""
