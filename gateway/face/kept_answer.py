"""A client's answer, kept on its way for the spans that shall have it; only where the configuration asks for that."""

from __future__ import annotations

from typing import Final

from actors.relay import Sink, Taken
from gateway.exchange import BodyStream

MAX_BYTES: Final = 64 * 1024 + 1
"""One more than spans have: what is longer is left out there."""


def keep(body: bytes | BodyStream, kept: bytearray) -> bytes | BodyStream:
    """The same body; as it goes by, `kept` fills up."""
    if isinstance(body, bytes):
        kept += body[:MAX_BYTES]
        return body
    return _KeptBody(body, kept)


class _KeptBody:
    def __init__(self, body: BodyStream, kept: bytearray) -> None:
        self._body = body
        self._kept = kept

    async def receive(self) -> bytes | None:
        piece = await self._body.receive()
        if piece is not None:
            self._keep(piece)
        return piece

    def pass_to(self, sink: Sink) -> None:
        def take(piece: bytes) -> Taken:
            taken = sink(piece)
            if taken is not Taken.NONE:
                self._keep(piece)
            return taken

        self._body.pass_to(take)

    def close(self) -> None:
        self._body.close()

    def _keep(self, piece: bytes) -> None:
        self._kept += piece[: MAX_BYTES - len(self._kept)]
