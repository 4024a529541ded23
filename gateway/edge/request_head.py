"""An upstream request as it is sent. Nothing that a header or a target carries can end a line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from gateway.dialects.envelope import RawHeaders
from gateway.providers.profile import Origin, RawHeader

_CACHED_STARTS: Final = 256
_TARGET: Final = re.compile(rb"[!-~]+")
_METHOD: Final = re.compile(rb"[A-Z]+")
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_JOINED_BYTES: Final = 64 * 1024
"""A body up to this goes out in one buffer with its head."""
_WITHOUT_BODY: Final = frozenset({b"GET", b"HEAD", b"DELETE", b"OPTIONS"})


class RequestHeads:
    """Composes requests; remembers those beginnings of heads that stay the same from request to request."""

    __slots__ = ("_starts",)

    def __init__(self) -> None:
        self._starts: dict[tuple[Origin, bytes, bytes, tuple[RawHeader, ...]], bytes] = {}

    def compose(
        self,
        origin: Origin,
        method: bytes,
        target: bytes,
        always: tuple[RawHeader, ...],
        headers: RawHeaders,
        body: bytes,
    ) -> tuple[bytes, bytes]:
        """The request in one piece, or with a large body in two; `host` and `content-length` are written here.

        `always` are headers that come again with other requests. Raises ValueError for what could not be sent as it
        is: CR, LF or NUL in a field, a target with white space.
        """
        start = self._starts.get((origin, method, target, always))
        if start is None:
            start = self._compose_start(origin, method, target, always)
        fields = _fields(headers)
        end = b"content-length: %d\r\n\r\n" % len(body) if body or method not in _WITHOUT_BODY else b"\r\n"
        if len(body) <= _JOINED_BYTES:
            return b"".join((start, fields, end, body)), b""
        return b"".join((start, fields, end)), body

    def _compose_start(self, origin: Origin, method: bytes, target: bytes, always: tuple[RawHeader, ...]) -> bytes:
        _check_start(method, target)
        if len(self._starts) >= _CACHED_STARTS:
            self._starts.clear()
        start = b"%b %b HTTP/1.1\r\nhost: %b\r\n%b" % (method, target, host_field(origin), _fields(always))
        self._starts[origin, method, target, always] = start
        return start


def check_request(method: bytes, target: bytes, headers: Sequence[RawHeader]) -> None:
    """Raises ValueError for what could not be sent as it is, as `RequestHeads.compose` does."""
    _check_start(method, target)
    _fields(headers)


def host_field(origin: Origin) -> bytes:
    """The value of `host`. Raises ValueError."""
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    if origin.port != _DEFAULT_PORTS.get(origin.scheme):
        host = f"{host}:{origin.port}"
    field = host.encode("ascii") if host.isascii() else host.encode("idna")
    if not _TARGET.fullmatch(field):
        raise ValueError("a host name carries what does not belong there")
    return field


def _check_start(method: bytes, target: bytes) -> None:
    if not _METHOD.fullmatch(method) or not _TARGET.fullmatch(target):
        raise ValueError("a request's method or target carries what does not belong there")


def _fields(headers: Sequence[RawHeader]) -> bytes:
    if not headers:
        return b""
    fields = b"\r\n".join([*map(b": ".join, headers), b""])  # formatting costs five times as much
    # Each field has exactly the CR and the LF that were put there just now.
    if len(fields) - len(fields.translate(None, b"\r\n\0")) != 2 * len(headers):
        raise ValueError("a request header carries CR, LF or NUL")
    return fields
