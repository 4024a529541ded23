"""A client's request as the parser hands it over."""

from __future__ import annotations

from typing import Any, Final

from gateway.dialects.envelope import RawHeaders
from gateway.edge.target import Target

CONTENT_LENGTH: Final = b"content-length"


class Head:
    """All of a request but its body; requests of one connection whose heads say the same share one."""

    __slots__ = ("fields", "headers", "keep_alive", "known", "method", "path", "query", "raw_path", "version")

    def __init__(self, method: str, version: str, target: Target, headers: RawHeaders, *, keep_alive: bool) -> None:
        self.method = method
        self.version = version
        self.path, self.raw_path, self.query, authority = target
        if authority is not None:
            headers = [(b"host", authority), *(field for field in headers if field[0] != b"host")]
        self.headers = headers
        self.fields = dict(reversed(headers))
        """`headers` by name; of several of one name the first."""
        self.known: dict[object, Any] = {}
        """See `gateway.exchange.Request`."""
        self.keep_alive = keep_alive

    def with_length(self, digits: bytes) -> Head:
        """The same with another content-length than it has."""
        headers = [(name, digits if name == CONTENT_LENGTH else value) for name, value in self.headers]
        target = self.path, self.raw_path, self.query, None
        changed = Head(self.method, self.version, target, headers, keep_alive=self.keep_alive)
        changed.known = self.known
        return changed


class Request:
    """One request: its head, and what of its body has arrived and nobody has taken yet."""

    __slots__ = ("awaits_continue", "buffered", "complete", "discarding", "head", "length", "pieces", "received")

    def __init__(self, head: Head, length: int | None, body: bytes | None = None) -> None:
        """`body` is all of it, where it is here at once."""
        self.head = head
        self.length = length
        """Of the body; None where it is chunked."""
        self.awaits_continue = False
        """The client holds the body back until it is asked for it."""
        self.pieces: list[bytes] = [body] if body else []
        self.received = len(body) if body else 0
        self.buffered = self.received
        """Bytes in `pieces`, or, while discarding, bytes dropped."""
        self.complete = body is not None
        self.discarding = False

    @property
    def whole(self) -> bytes | None:
        """All of the body, where it has come and nobody has taken it."""
        if not self.complete:
            return None
        return self.pieces[0] if len(self.pieces) == 1 else b"".join(self.pieces)

    def take(self) -> bytes:
        """What has arrived of the body since the last time."""
        pieces = self.pieces
        body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        self.buffered = 0
        return body

    def discard(self) -> None:
        """Nobody wants the rest of the body: from now on it is only counted."""
        self.discarding = True
        self.pieces.clear()
        self.buffered = 0

    def may_leave(self, discard_bytes: int) -> bool:
        """Whether the body's rest may be small enough to be dropped."""
        if self.complete:
            return True
        return not self.awaits_continue and (self.length is None or self.length - self.received <= discard_bytes)
