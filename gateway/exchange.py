"""One HTTP exchange as handlers see it, whichever engine brought it.

A handler takes a Request and returns an Answer. A streamed Answer is pulled: the engine's adapter receives piece by
piece and calls `close` in a `finally`, so that a client that hangs up frees everything at once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, NamedTuple, Protocol

import msgspec

from actors.errors import Failure
from actors.relay import Sink

Headers = list[tuple[bytes, bytes]]
"""HTTP header fields in order, names in lower case."""


class Disconnected(Exception):
    """The client has gone before its request was read whole; there is nobody to answer."""


class Fate(Protocol):
    """What a handler that is cancelled may ask of its client."""

    @property
    def opened(self) -> bool:
        """The head of the answer is out."""
        ...

    @property
    def refusal(self) -> Failure | None:
        """What ends the request while its client is there, and is told to it unless the answer has begun.

        None: the client has gone.
        """
        ...

    def told_as(self, request_id: str) -> None:
        """The id that `refusal` is to bear, for whoever writes of the request under it."""
        ...


REQUEST_ID: Final = b"x-request-id"
"""The field in which clients name a request, every answer tells its id, and whoever is asked for it hears that."""

FATE: Final = "llm_gateway.fate"
"""Where an ASGI scope has a request's Fate."""


class Request(Fate, Protocol):
    """The request side."""

    @property
    def method(self) -> str: ...
    @property
    def path(self) -> str:
        """Percent-decoded, without the query."""
        ...

    @property
    def query(self) -> bytes: ...
    @property
    def headers(self) -> Headers: ...
    @property
    def peer(self) -> tuple[str, int]:
        """The connection's other end as the socket says it; ("unix", 0) for a Unix socket."""
        ...

    @property
    def fields(self) -> Mapping[bytes, bytes]:
        """`headers` by name; of several of one name the first."""
        ...

    @property
    def known(self) -> dict[object, Any]:
        """What has been found out from the header fields alone, by whom it is of use to.

        Requests of one connection that say the same, but for the length of the body, share it.
        """
        ...

    @property
    def whole_body(self) -> bytes | None:
        """All of the body, where the engine has it already; None where `receive_body` has to be asked for it."""
        ...

    async def receive_body(self) -> tuple[bytes, bool]:
        """The next piece of the body, and whether more may follow. Raises Disconnected, GatewayError.

        Call it until it says that there is no more; a body that nobody wants may be left unread.
        """
        ...


class BodyStream(Protocol):
    """A streamed body."""

    async def receive(self) -> bytes | None:
        """The next piece, None at the end. Never raises Failure: by now errors are part of the body."""
        ...

    def pass_to(self, sink: Sink) -> None:
        """From here on pieces may go straight to `sink` while `receive` waits; an empty one says: see its rest off."""
        ...

    def close(self) -> None:
        """Frees all that the stream holds; called exactly once, also after a disconnect. Never blocks."""
        ...


class Answer(msgspec.Struct, gc=False):
    """What goes back: status, headers (content-type among them, no length, no framing), and a body."""

    status: int
    headers: Headers = []
    body: bytes | BodyStream = b""


Handler = Callable[[Request], Awaitable[Answer]]


class AdminEndpoint(NamedTuple):
    """One endpoint of the admin API. Whoever mounts it keeps the door."""

    method: str
    rule: str
    """Its path; what stands in <> the handler reads from the path itself."""
    handler: Handler
    is_file: bool = False
    """A file of the live page, which is seen before the token is known."""
