"""One HTTP/1.1 answer, read as strictly as llhttp does: no I/O, bytes in, status, headers and body out.

A parser serves one answer and is then thrown away: whatever follows on the connection is never an answer to us.
"""

from __future__ import annotations

from typing import Final

import httptools

from gateway.dialects.envelope import RawHeaders
from gateway.errors import GatewayError, UpstreamBroken, UpstreamTooLarge

_FIELD_OVERHEAD_BYTES: Final = 4
"""Colon, space and line end."""
_NOTED: Final = frozenset({b"content-length", b"transfer-encoding", b"content-encoding"})
"""The fields that say how the body is framed and coded."""
_NO_BODY: Final = frozenset({204, 304})
_CHUNKS_FOLLOW: Final = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


class ResponseParser:
    """Takes what arrives and says how far the answer has come; interim answers (1xx) are skipped.

    What is neither header nor body (chunk extensions, trailers) is bounded as headers are. Methods without docstring
    are httptools' callbacks.
    """

    __slots__ = (
        "_failure",
        "_feed_data",
        "_fields",
        "_has_no_body",
        "_idle_bytes",
        "_max_header_bytes",
        "_noted",
        "_parser",
        "_until_end",
        "body",
        "complete",
        "content_coding",
        "has_head",
        "headers",
        "reusable",
        "status",
    )

    def __init__(self, has_no_body: bool, max_header_bytes: int) -> None:
        """`has_no_body`: the request was a HEAD."""
        self.status = 0
        self.headers: RawHeaders = []
        self.content_coding = b""
        """The content-encoding of a body that may follow."""
        self.has_head = False
        self.complete = False
        self.reusable = False
        """Whether, the answer being complete, the connection may carry another request."""
        self.body: list[bytes] = []
        """What has arrived of it and has not been taken."""
        self._failure: GatewayError | None = None
        self._fields = self.headers
        """Where llhttp's fields go: once the head is whole, only trailers come, which nobody reads."""
        self._has_no_body = has_no_body
        self._idle_bytes = 0
        """Received since the last piece of body."""
        self._max_header_bytes = max_header_bytes
        self._noted: dict[bytes, bytes] = {}
        """How the body is framed and coded: the head's words for it; what trailers add comes too late."""
        self._until_end = False
        self._parser = httptools.HttpResponseParser(self)
        self._feed_data = self._parser.feed_data

    @classmethod
    def of_chunks(cls, headers: RawHeaders, max_header_bytes: int) -> ResponseParser:
        """Of the body in chunks behind a head that has been read, and says nothing that llhttp would have to know."""
        parser = cls(False, max_header_bytes)
        parser._feed_data(_CHUNKS_FOLLOW)
        parser.headers = headers
        return parser

    def feed(self, data: bytes) -> None:
        """Takes what has arrived, as long as the answer is not complete. Raises UpstreamBroken, UpstreamTooLarge."""
        self._idle_bytes += len(data)
        try:
            self._feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as mistake:
            self._refuse(mistake)
        if self.complete:
            # llhttp's parser and this one know each other: parted here, both are freed without the garbage collector.
            del self._parser, self._feed_data
        elif self._idle_bytes > self._max_header_bytes:
            raise _headers_too_large()

    def end(self) -> None:
        """Nothing more will arrive. Raises UpstreamBroken unless that is the answer's proper end."""
        if not self._until_end:
            raise cut_short()
        self.complete = True

    def take_body(self) -> bytes:
        """What has arrived of the body since the last call, as it was sent."""
        body = self.body
        if not body:
            return b""
        taken = body[0] if len(body) == 1 else b"".join(body)
        body.clear()
        return taken

    def on_message_begin(self) -> None:
        if self.complete:
            self.reusable = False

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        self._fields.append((name, value))
        if name in _NOTED:
            self._noted[name] = self._noted[name] + b", " + value if name in self._noted else value

    def on_headers_complete(self) -> None:
        if self.has_head:
            return
        status = self._parser.get_status_code()
        if status < 200:
            self._skip_interim(status)
            return
        if self._idle_bytes > self._max_header_bytes < _size(self.headers):
            raise self._fail(_headers_too_large())
        self.status = status
        self.has_head = True
        self._fields = []  # what follows are trailers
        self.reusable = self._parser.should_keep_alive()
        if self._has_no_body or status in _NO_BODY:
            self.complete = True
        else:
            self._prepare_for_body()

    def on_body(self, data: bytes) -> None:
        if self.complete:
            self.reusable = False
            return
        self._idle_bytes = 0
        self.body.append(data)

    def on_message_complete(self) -> None:
        if self.has_head:
            self.complete = True

    def _prepare_for_body(self) -> None:
        noted = self._noted
        transfer_coding = noted.get(b"transfer-encoding")
        if transfer_coding is None:
            self._until_end = b"content-length" not in noted
        elif transfer_coding.strip().lower() != b"chunked":
            raise self._fail(UpstreamBroken("The provider's answer has a transfer coding that was not asked for."))
        self.content_coding = noted.get(b"content-encoding", b"").strip()

    def _skip_interim(self, status: int) -> None:
        if status < 100 or status == 101:
            raise self._fail(UpstreamBroken("The provider answered with a status that was not asked for."))
        self.headers.clear()
        self._noted.clear()

    def _refuse(self, mistake: Exception) -> None:
        """Garbage behind a complete answer is no fault of the answer's."""
        if not self.complete:
            failure = self._failure or UpstreamBroken("The provider's answer is not valid HTTP.")
            raise failure from mistake
        self.reusable = False

    def _fail(self, failure: GatewayError) -> GatewayError:
        """Keeps `failure`, since httptools wraps what its callbacks raise."""
        self._failure = failure
        return failure


def cut_short() -> UpstreamBroken:
    """The connection was lost after the first byte of an answer and before its last."""
    return UpstreamBroken("The provider closed the connection in the middle of its answer.")


def _size(headers: RawHeaders) -> int:
    return sum(len(name) + len(value) + _FIELD_OVERHEAD_BYTES for name, value in headers)


def _headers_too_large() -> UpstreamTooLarge:
    return UpstreamTooLarge("The provider's answer has headers beyond the bound.")
