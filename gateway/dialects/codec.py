"""What every dialect offers to the pivot, on the client's side and on the provider's.

All of it is pure. What takes long on a large conversation is a generator that says now and then how many pieces it has
handled: whoever drives it decides when others get their turn (`gateway.unhurried`) and takes the value that it returns.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Protocol, TypeVar

import msgspec

from gateway.dialects.answer_events import Event
from gateway.dialects.conversation import Conversation, Reply
from gateway.dialects.envelope import Usage
from gateway.dialects.openai_errors import ProviderMessage

T = TypeVar("T")
Steps = Generator[int, None, T]
"""Work in steps of so many pieces (parts of messages, tools), some microseconds each; the result is what it returns."""


def finish_steps(steps: Steps[T]) -> T:
    """Drives the work to its end without a pause."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            result: T = stop.value
            return result


class Frame(msgspec.Struct, frozen=True):
    """What an answer of the gateway's own composing is stamped with; it never changes once the answer has begun."""

    id: str
    """Bare: each dialect puts its own prefix before it (chatcmpl-, msg_, resp_)."""
    created: int
    """Seconds since the epoch."""


class ClientCodec(Protocol):
    """The dialect that a client speaks: requests are decoded, answers encoded."""

    @property
    def name(self) -> str:
        """As in ModelRequest.dialect."""
        ...

    def decode(self, body: bytes, target: str) -> Steps[Conversation]:
        """Reads a request that a provider of the dialect `target` is to serve.

        Raises InvalidRequest whose `param` names the field, also for one that `target` cannot express.
        """
        ...

    def encode(self, reply: Reply, request: Conversation, frame: Frame) -> bytes:
        """A whole answer's body."""
        ...

    def stream(self, request: Conversation, frame: Frame) -> StreamEncoder: ...


class StreamEncoder(Protocol):
    """One streamed answer on its way to the client."""

    def encode(self, events: Sequence[Event]) -> bytes:
        """The client's form of what has come; b"" where there is nothing to say yet."""
        ...

    def end(self) -> bytes:
        """What follows a whole answer: usage where it is due, the terminator."""
        ...


class ProviderCodec(Protocol):
    """The dialect that a provider speaks: requests are encoded, answers decoded."""

    @property
    def name(self) -> str:
        """As the fidelity table names it."""
        ...

    def path(self, model: str, *, stream: bool) -> bytes:
        """What follows the provider's base path, the query included."""
        ...

    def encode(self, request: Conversation, model: str) -> Steps[bytes]:
        """The body for the provider. Raises InvalidRequest for what it cannot express, naming the client's field."""
        ...

    def decode(self, body: bytes) -> Reply:
        """Reads a whole answer. Raises ValueError where it is none; what is unknown in one is left out."""
        ...

    def stream(self, choices: int = 1) -> StreamDecoder:
        """A streamed answer to a request for so many choices: it is not whole before the last of them is."""
        ...

    def read_error(self, body: bytes) -> ProviderMessage | None:
        """What an error answer says; None where the body is no error object of this dialect."""
        ...


class TokenCounter(Protocol):
    """How a provider is asked how long a prompt is, in place of having it answered."""

    @property
    def provider(self) -> ProviderCodec: ...

    def path(self, model: str) -> bytes:
        """What follows the provider's base path."""
        ...

    def question(self, request: bytes, model: str) -> bytes:
        """The body, of one that would ask `model` for an answer."""
        ...

    def read(self, body: bytes) -> int:
        """The tokens. Raises ValueError where the body is no such answer."""
        ...


class StreamDecoder(Protocol):
    """One streamed answer as it comes from a provider."""

    @property
    def done(self) -> bool:
        """The wire format's own end has come; nothing more is read."""
        ...

    @property
    def whole(self) -> bool:
        """Every choice that was asked for has ended; usage and the end may still follow."""
        ...

    @property
    def error(self) -> bytes | None:
        """An error that came in place of an event, as an error answer's body that `read_error` understands."""
        ...

    @property
    def malformed(self) -> int:
        """Events that could not be read and were skipped."""
        ...

    @property
    def usage(self) -> Usage | None:
        """What is known of the cost so far."""
        ...

    def feed(self, data: bytes) -> list[Event]:
        """Takes what was received. Raises UpstreamBroken for what cannot be a stream of this dialect."""
        ...

    def end(self) -> list[Event]:
        """The connection has ended. Raises UpstreamBroken where the answer is cut."""
        ...
