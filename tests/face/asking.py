"""A Request made by hand, for what needs no engine."""

from __future__ import annotations

from typing import Any

from actors.errors import Failure
from gateway.exchange import Disconnected, Headers


class HandmadeRequest:
    """`pieces` is the body as it comes; None in it is the client going away."""

    def __init__(
        self,
        *,
        fields: dict[str, str] | None = None,
        pieces: list[bytes | None] | None = None,
        peer: str = "127.0.0.1",
        method: str = "POST",
        path: str = "/v1/chat/completions",
    ) -> None:
        self.method = method
        self.path = path
        self.query = b""
        self.fields = {name.encode(): value.encode() for name, value in (fields or {}).items()}
        self.headers: Headers = list(self.fields.items())
        self.peer = (peer, 40_000)
        self.known: dict[object, Any] = {}
        self.whole_body: bytes | None = None
        self.opened = False
        self.refusal: Failure | None = None
        self._pieces = list(pieces or [b""])

    async def receive_body(self) -> tuple[bytes, bool]:
        piece = self._pieces.pop(0)
        if piece is None:
            raise Disconnected
        return piece, bool(self._pieces)
