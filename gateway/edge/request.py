"""A client's request as the parser hands it over."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from gateway.dialects.envelope import RawHeaders
from gateway.edge.target import Target

CONTENT_LENGTH: Final = b"content-length"


class Head(msgspec.Struct, eq=False):
    """All of a request but its body; requests of one connection whose heads say the same share one."""

    asked: tuple[str, str]
    """Method and path."""
    version: str
    raw_path: bytes
    query: bytes
    headers: RawHeaders
    fields: dict[bytes, bytes]
    """`headers` by name; of several of one name the first."""
    keep_alive: bool
    is_plain: bool
    """A body of known length may answer it, and nothing else has to be said of the framing."""
    known: dict[object, Any]
    """See `gateway.exchange.Request`."""

    @property
    def method(self) -> str:
        return self.asked[0]

    @property
    def path(self) -> str:
        """Percent-decoded, without the query."""
        return self.asked[1]

    def with_length(self, digits: bytes) -> Head:
        """The same with another content-length than it has."""
        headers = self.headers.copy()
        headers[headers.index((CONTENT_LENGTH, self.fields[CONTENT_LENGTH]))] = (CONTENT_LENGTH, digits)
        return msgspec.structs.replace(self, headers=headers, fields={**self.fields, CONTENT_LENGTH: digits})


def head_of(method: str, version: str, target: Target, headers: RawHeaders, *, keep_alive: bool) -> Head:
    """The head of a request for `target`, whose authority is its host where it has one."""
    path, raw_path, query, authority = target
    if authority is not None:
        headers = [(b"host", authority), *(field for field in headers if field[0] != b"host")]
    is_plain = keep_alive and version == "1.1" and method != "HEAD"
    return Head((method, path), version, raw_path, query, headers, dict(reversed(headers)), keep_alive, is_plain, {})


class Request(msgspec.Struct, eq=False):
    """One request: its head, and what of its body has arrived and nobody has taken yet."""

    head: Head
    length: int | None
    """Of the body; None where it is chunked."""
    whole: bytes | None = None
    """All of the body, where it has come and nobody has taken any of it."""
    complete: bool = False
    awaits_continue: bool = False
    """The client holds the body back until it is asked for it."""
    discarding: bool = False
    pieces: list[bytes] = []
    """What there is of the body, as long as it is not `whole`."""
    received: int = 0
    buffered: int = 0
    """Bytes in `pieces`, or, while discarding, bytes dropped."""

    def end(self) -> None:
        """The last of the body has come."""
        self.complete = True
        self.awaits_continue = False
        if self.buffered == self.received and not self.discarding:
            self.whole = b"".join(self.pieces)
            self.pieces.clear()

    def take(self) -> bytes:
        """What has arrived of the body since the last time."""
        body = b"".join(self.pieces) if self.whole is None else self.whole
        self.whole = None
        self.pieces.clear()
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
