"""Bytes in, requests out: llhttp's strict HTTP/1.1 framing, our bounds and the rules it leaves to its users.

No I/O in here. Whatever is wrong with the input ends up as `RequestParser.rejection`; the requests that came before it
stay valid. llhttp itself refuses bare LF, obs-fold, NUL, two lengths, a length beside chunked, and malformed chunks.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

import httptools

from gateway.dialects.envelope import RawHeaders
from gateway.edge.limits import ServerLimits
from gateway.edge.refusals import CodingUnsupported, ExpectationFailed, MethodUnknown, VersionUnsupported
from gateway.edge.request import Head, Request, head_of
from gateway.edge.target import Target, check_host, parse_target
from gateway.edge.usual_head import UsualHead, usual_head
from gateway.errors import BodyTooLarge, GatewayError, HeadersTooLarge, InvalidRequest, MethodNotAllowed

_FIELD_OVERHEAD = 4  # ": " and CRLF
_METHOD: Final = re.compile(rb"[\r\n]*[!#$%&'*+.^_`|~0-9A-Za-z-]+(?: |\Z)")
"""A method as RFC 9110 has it, as far as it has come."""
_TEXT: Final = re.compile(rb"[\t\r\n -~]+")
_METHODS_OF_RTSP: Final = frozenset(
    b"ANNOUNCE DESCRIBE FLUSH GET_PARAMETER PAUSE PLAY RECORD REDIRECT SETUP SET_PARAMETER SOURCE TEARDOWN".split()
)
"""llhttp knows them, but not in HTTP."""
_HTTP2_GREETING: Final = b"PRI"


class RequestParser:
    """One connection's input. Feed it; take from `ready`."""

    def __init__(self, limits: ServerLimits) -> None:
        self._limits = limits
        self.ready: deque[Request] = deque()
        """Requests for the app, in order; a long or chunked body may still be arriving."""
        self.arriving: Request | None = None
        """The request whose body is not complete."""
        self.rejection: GatewayError | None = None
        """What is wrong with the bytes after `ready`; nothing more is read after that."""
        self.midway = False
        """A request has begun and not ended."""
        self.progressed = False
        """The last bytes fed began or ended a request, or held a piece of a body."""
        self.target = b""
        """What the latest request is for, as far as it has come."""
        self._headers: RawHeaders = []
        self._hosts = 0
        self._length = 0
        self._chunked = False
        self._expects = False
        self._hurried = False
        self._upgrading = False
        self._announced = False
        """`arriving` already stands in `ready`, or has been taken from there."""
        self._fed_idly = 0
        """Bytes fed since the last progress: an unfinished head, chunk extensions, trailers."""
        self._fed = 0
        """Bytes fed since the head began, and perhaps some before it."""
        self._last_fed = 0
        self._last_asked = ("", b"")
        self._last_target: Target = ("", b"", b"", None)
        self._last_host: bytes | None = None
        self._begins: bytes | None = None
        """The bytes being fed, as long as the first request that begins with them has no head."""
        self._usual: UsualHead | None = None
        self._parser = httptools.HttpRequestParser(self)

    @property
    def so_far(self) -> tuple[bytes, Mapping[bytes, bytes]]:
        """Target and header fields of the latest request, as far as they have come."""
        return self.target, dict(reversed(self._headers)) if self.arriving is None else self.arriving.head.fields

    def feed(self, data: bytes) -> None:
        """Reads on; never raises for what a client sends."""
        if self._usual is not None and not self.midway:
            data = self._usual.take(data, self.ready.append)
            if not data:
                return
        self.progressed = False
        self._last_fed = len(data)
        self._fed += len(data)
        self._begins = None if self.midway else data
        while True:
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                data = self._without_upgrade(data[upgrade.args[0] :])
                continue
            except httptools.HttpParserError as error:
                self._reject(self._rejection_from(error, data))
                return
            break
        self._fed_idly = 0 if self.progressed else self._fed_idly + len(data)
        if self._fed_idly > self._limits.header_bytes and self.midway:
            self._reject(self._too_much_framing())

    def _reject(self, rejection: GatewayError) -> None:
        self.rejection = rejection
        if self.ready and not self.ready[-1].complete:
            self.ready.pop()

    def _too_much_framing(self) -> GatewayError:
        if self.arriving is None:
            return HeadersTooLarge(f"The request's head is larger than {self._limits.header_bytes} bytes.")
        return InvalidRequest("The body's chunk extensions or trailers are too large.")

    def _without_upgrade(self, rest: bytes) -> bytes:
        """The request that asked for an upgrade as one that did not, then `rest`; to be fed to a fresh parser.

        llhttp takes an upgrade request to end with its head; a body that follows must not be read as a request.
        """
        method, version = self._parser.get_method(), self._parser.get_http_version().encode()
        fields = b"".join(b"%b: %b\r\n" % field for field in self._headers if field[0] != b"upgrade")
        self._parser = httptools.HttpRequestParser(self)
        return b"%b %b HTTP/%b\r\n%b\r\n%b" % (method, self.target, version, fields, rest)

    # What llhttp calls. An exception from these ends the parser and reaches `feed` as HttpParserCallbackError.

    def on_message_begin(self) -> None:
        self.midway = self.progressed = True
        self._fed = self._last_fed
        self.target = b""
        self._headers = []
        self._hosts = self._length = 0
        self._chunked = self._expects = self._hurried = self._upgrading = False

    def on_url(self, piece: bytes) -> None:
        self.target += piece

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        value = value.rstrip()
        check = _CHECKS.get(name)
        if check is not None:
            check(self, value)
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        parser = self._parser
        method = parser.get_method().decode()
        if parser.should_upgrade():
            if method == "CONNECT":
                raise MethodNotAllowed("This server is no proxy: CONNECT is not allowed.")
            self._upgrading = True
            self._begins = None  # what follows is read as if it had asked for no upgrade
            return
        version = parser.get_http_version()
        self._check_head(version)
        keep_alive = parser.should_keep_alive()
        head = head_of(method, version, self._take_target_apart(method), self._headers, keep_alive=keep_alive)
        self.progressed = True
        # From here on llhttp reports trailers; they are checked and dropped.
        self._headers = []
        self._remember(head)
        self._announce(Request(head, None if self._chunked else self._length))

    def _remember(self, head: Head) -> None:
        """The next request probably has the same head."""
        begins, self._begins = self._begins, None
        is_plain = head.keep_alive and not (self._chunked or self._expects or self._hurried)
        self._usual = usual_head(head, self._limits.body_bytes, begins) if is_plain and begins is not None else None

    def _take_target_apart(self, method: str) -> Target:
        """Most connections ask for the same thing again and again."""
        asked = (method, self.target)
        if asked != self._last_asked:
            self._last_target = parse_target(*asked)
            self._last_asked = asked
        return self._last_target

    def _announce(self, request: Request) -> None:
        """Hands the request over now, if its body is not one to wait for."""
        self.arriving = request
        self._announced = False
        length = request.length
        if length == 0:
            return
        if length is not None and length > self._limits.body_bytes:
            raise BodyTooLarge(f"The body is larger than {self._limits.body_bytes} bytes.")
        request.awaits_continue = self._expects and request.head.version == "1.1"
        if length is None or length > self._limits.whole_body_bytes or request.awaits_continue or self._hurried:
            self._announced = True
            self.ready.append(request)

    def on_body(self, piece: bytes) -> None:
        request = self.arriving
        assert request is not None
        self.progressed = True
        request.awaits_continue = False
        request.received += len(piece)
        request.buffered += len(piece)
        if request.received > self._limits.body_bytes:
            raise BodyTooLarge(f"The body is larger than {self._limits.body_bytes} bytes.")
        if not request.discarding:
            request.pieces.append(piece)

    def on_message_complete(self) -> None:
        if self._upgrading:
            return
        request = self.arriving
        assert request is not None
        self.midway = False
        self.progressed = True
        self.arriving = None
        request.end()
        if not self._announced:
            self.ready.append(request)

    # What llhttp refuses.

    def _rejection_from(self, error: httptools.HttpParserError, data: bytes) -> GatewayError:
        """What a client is told about `error`: our own rule's words, or llhttp's."""
        ours = error.__context__
        if isinstance(ours, GatewayError):
            return ours
        if isinstance(error, httptools.HttpParserCallbackError):
            raise error  # a bug of ours in a callback
        if isinstance(error, httptools.HttpParserInvalidMethodError):
            if self._reads_as_method(data):
                return _method_unknown()
        elif (method := self._parser.get_method()) == _HTTP2_GREETING:
            return VersionUnsupported("This server speaks HTTP/1.1.")
        elif method in _METHODS_OF_RTSP:
            return _method_unknown()
        return InvalidRequest(f"Malformed HTTP request: {error}.")

    def _reads_as_method(self, data: bytes) -> bool:
        """Whether llhttp stumbled in `data` over a method and not over what is no HTTP at all, such as a TLS hello.

        It does not say where. Unless a request begins with `data`, this is told by whether all of it is text.
        """
        return (_METHOD.match(data) if self._begins is not None else _TEXT.fullmatch(data)) is not None

    def _check_head(self, version: str) -> None:
        limits = self._limits
        if len(self._headers) > limits.header_count:
            raise HeadersTooLarge(f"The request has more than {limits.header_count} header fields.")
        if self._fed > limits.header_bytes and self._head_bytes() > limits.header_bytes:
            raise HeadersTooLarge(f"The request's head is larger than {limits.header_bytes} bytes.")
        if version == "1.1":
            if self._hosts != 1:
                raise InvalidRequest("An HTTP/1.1 request must have exactly one Host header.")
        elif version != "1.0":
            raise VersionUnsupported("This server speaks HTTP/1.1.")
        elif self._hosts > 1 or self._chunked:
            raise InvalidRequest("An HTTP/1.0 request has at most one Host header and is never chunked.")

    def _head_bytes(self) -> int:
        return len(self.target) + sum(len(name) + len(value) + _FIELD_OVERHEAD for name, value in self._headers)

    def _check_host(self, value: bytes) -> None:
        if value != self._last_host:
            check_host(value)
            self._last_host = value
        self._hosts += 1

    def _check_length(self, value: bytes) -> None:
        self._length = int(value)

    def _check_coding(self, value: bytes) -> None:
        if value.lower() != b"chunked":
            raise CodingUnsupported("The only transfer coding this server knows is chunked.")
        self._chunked = True

    def _check_expect(self, value: bytes) -> None:
        if value.lower() != b"100-continue":
            raise ExpectationFailed("The only expectation this server knows is 100-continue.")
        self._expects = True

    def _note_hurry(self, _value: bytes) -> None:
        """The client's own time limit, which the app keeps, runs while the body comes."""
        self._hurried = True


_CHECKS: dict[bytes, Callable[[RequestParser, bytes], None]] = {
    b"host": RequestParser._check_host,
    b"content-length": RequestParser._check_length,
    b"transfer-encoding": RequestParser._check_coding,
    b"expect": RequestParser._check_expect,
    b"x-gateway-timeout": RequestParser._note_hurry,
}


def _method_unknown() -> MethodUnknown:
    return MethodUnknown("This server does not know the method of the request.")
