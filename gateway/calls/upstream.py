"""What a call task needs of an HTTP client; the edge's client fits, and a test's fake does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from actors.errors import Stage
from gateway.dialects.envelope import RawHeaders
from gateway.providers.profile import Origin, RawHeader

ANSWER_LIMIT_BYTES: Final = 64 * 1024 * 1024
"""A whole answer beyond this is not read."""

Progress = Callable[[Stage], None]
"""Told CONNECTING before a connection is opened, SENDING once there is one, AWAITING when the last byte has gone.

A kept connection begins with SENDING; one that turns out to be dead is replaced: CONNECTING, and SENDING again.
"""


class UpstreamResponse(Protocol):
    """An answer whose head has arrived. Header names are in lower case."""

    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> RawHeaders: ...

    async def read(self, limit: int, /) -> bytes:
        """The whole body. Raises UpstreamTooLarge, UpstreamBroken."""
        ...

    async def receive(self) -> bytes:
        """What has arrived of the body, b"" at its end. Raises UpstreamBroken."""
        ...

    async def pass_to(self, take: Callable[[bytes], bool], /) -> bool:
        """Gives `take` each piece of the body as it arrives, in whichever task's turn, until that returns False.

        Returns whether there may be more, False at the body's end. Raises UpstreamBroken, and what `take` raises.
        """
        ...

    def leave(self) -> None:
        """What is still to come of the answer is of no interest: its connection is kept if it ends soon."""
        ...

    def close(self) -> None:
        """Gives the connection back where the answer is at its end, else closes it. Never blocks.

        After `leave` it does nothing.
        """
        ...


class UpstreamClient(Protocol):
    async def request(
        self,
        origin: Origin,
        method: bytes,
        target: bytes,
        headers: RawHeaders,
        body: bytes,
        *,
        always: tuple[RawHeader, ...],
        progress: Progress,
    ) -> UpstreamResponse:
        """Asks with `always` and `headers`, and waits for the answer's head; what is `always` sent is composed once.

        Raises UpstreamUnreachable, UpstreamReset, UpstreamBroken.
        """
        ...
