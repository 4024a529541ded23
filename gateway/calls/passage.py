"""How the requests of one client dialect pass to a provider and back: as they are, or translated.

A provider has a Way for each client dialect that it can serve. For every attempt the way prepares a Passage: what to
send, and how to read what comes back.
"""

from __future__ import annotations

from typing import Protocol

from gateway.dialects.codec import Frame
from gateway.dialects.envelope import ModelRequest, SoFar
from gateway.dialects.passed_reply import ReplyNotes


class AnswerStream(SoFar, Protocol):
    """One streamed answer being read and passed on; see `gateway.dialects.passed_stream.PassedStream`."""

    @property
    def settled(self) -> bool:
        """The answer is whole, or an error has taken its place."""
        ...

    @property
    def done(self) -> bool:
        """The wire format's own end has come."""
        ...

    @property
    def error(self) -> bytes | None:
        """An error that came in place of an event, as an error answer's body of the provider's dialect."""
        ...

    @property
    def finish_reason(self) -> str | None: ...
    @property
    def malformed(self) -> int:
        """Events that could not be read and were skipped."""
        ...

    def feed(self, data: bytes) -> bytes:
        """Takes what was received, returns what to pass on. Raises UpstreamBroken."""
        ...

    def end(self) -> bytes:
        """The connection has ended: what is still to be passed on. Raises UpstreamBroken where the answer is cut."""
        ...


class Passage(Protocol):
    """One attempt's request and the reading of its answer."""

    @property
    def path(self) -> bytes:
        """What follows the provider's base path, the query included."""
        ...

    @property
    def body(self) -> bytes: ...

    def read(self, body: bytes) -> ReplyNotes:
        """Raises ValueError where the body is no answer."""
        ...

    def stream(self) -> AnswerStream: ...

    def as_stream(self, body: bytes) -> bytes:
        """A whole answer as the stream that the client asked for. Raises ValueError as `read` does."""
        ...


class Way(Protocol):
    """From one client dialect to a provider."""

    @property
    def translates(self) -> bool:
        """The provider's dialect is another than the client's: its errors cannot be passed on as they are."""
        ...

    async def prepare(self, request: ModelRequest, model: str, *, streamed: bool, frame: Frame) -> Passage:
        """The passage of `request` to `model`. Raises InvalidRequest for what the provider cannot be asked."""
        ...


class PassingWay:
    """The Way of a provider that speaks the client's dialect: there is nothing to wait for, and nothing to frame."""

    translates = False

    def pass_on(self, request: ModelRequest, model: str, *, streamed: bool) -> Passage:
        """As `Way.prepare`."""
        raise NotImplementedError

    async def prepare(self, request: ModelRequest, model: str, *, streamed: bool, frame: Frame) -> Passage:
        return self.pass_on(request, model, streamed=streamed)
