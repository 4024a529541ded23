"""The floor: the least that a proxy on Trio and httptools can do, as the yardstick for what the gateway adds.

It parses, pools its upstream connections, drops hop-by-hop headers, passes bodies on as they come with their framing
renewed, and has nothing else: no errors worth the name, no limits, no timeouts, no logs, no routes.

    python -m bench.floor LISTEN_PORT UPSTREAM_PORT
"""

from __future__ import annotations

import socket
import sys

import httptools
import trio

HOST = "127.0.0.1"
READ_BYTES = 65536
HOP_BY_HOP = frozenset((b"connection", b"keep-alive", b"te", b"trailer", b"transfer-encoding", b"upgrade"))
REASONS = {200: b"HTTP/1.1 200 OK\r\n"}


class RequestSide:
    """One client connection's parser: collects a request and writes it as the upstream shall read it."""

    def __init__(self, authority: bytes) -> None:
        self._host_line = b"host: " + authority + b"\r\n"
        self._parser = httptools.HttpRequestParser(self)
        self.feed = self._parser.feed_data
        self.complete = False

    def on_message_begin(self) -> None:
        self.complete = False
        self._url = b""
        self._lines: list[bytes] = []
        self._body: list[bytes] = []

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        if name not in HOP_BY_HOP and name != b"host" and name != b"content-length":
            self._lines.append(name + b": " + value + b"\r\n")

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        self.complete = True

    def take(self) -> bytes:
        """The whole request for the upstream."""
        self.complete = False
        body = b"".join(self._body)
        start = b"%b %b HTTP/1.1\r\n" % (self._parser.get_method(), self._url)
        length = b"content-length: %d\r\n\r\n" % len(body)
        return b"".join((start, self._host_line, *self._lines, length, body))

    @property
    def keeps_alive(self) -> bool:
        return bool(self._parser.should_keep_alive())


class ResponseSide:
    """One upstream connection's parser: turns what arrives into what the client shall read, piece by piece."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self.feed = self._parser.feed_data
        self._out: list[bytes] = []
        self.complete = False

    def on_message_begin(self) -> None:
        self.complete = False
        self._lines: list[bytes] = []
        self._chunked = True

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        if name == b"content-length":
            self._chunked = False
        if name not in HOP_BY_HOP:
            self._lines.append(name + b": " + value + b"\r\n")

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        start = REASONS.get(status) or b"HTTP/1.1 %d \r\n" % status
        framing = b"transfer-encoding: chunked\r\n\r\n" if self._chunked else b"\r\n"
        self._out.extend((start, *self._lines, framing))

    def on_body(self, body: bytes) -> None:
        if self._chunked:
            self._out.append(b"%x\r\n%b\r\n" % (len(body), body))
        else:
            self._out.append(body)

    def on_message_complete(self) -> None:
        self.complete = True
        self.keeps_alive = self._parser.should_keep_alive()
        if self._chunked:
            self._out.append(b"0\r\n\r\n")

    def take(self) -> bytes:
        """All that has come for the client since the last time."""
        out = self._out
        piece = out[0] if len(out) == 1 else b"".join(out)
        out.clear()
        return piece


class Upstream:
    """Idle connections to the one upstream, the last one used first."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[tuple[socket.socket, ResponseSide]] = []

    async def take(self) -> tuple[socket.socket, ResponseSide]:
        if self._idle:
            return self._idle.pop()
        sock = socket.create_connection((HOST, self._port))
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock, ResponseSide()

    def put(self, sock: socket.socket, side: ResponseSide) -> None:
        self._idle.append((sock, side))


async def receive(sock: socket.socket) -> bytes:
    """Waits first: on neither side is the next piece there yet when one asks for it."""
    while True:
        await trio.lowlevel.wait_readable(sock)
        try:
            return sock.recv(READ_BYTES)
        except BlockingIOError:
            continue


async def send(sock: socket.socket, data: bytes) -> None:
    """Tries first: there is nearly always room."""
    while True:
        try:
            sent = sock.send(data)
        except BlockingIOError:
            sent = 0
        if sent == len(data):
            return
        data = data[sent:]
        await trio.lowlevel.wait_writable(sock)


async def serve(sock: socket.socket, upstream: Upstream, authority: bytes) -> None:
    """One client connection, one request after the other."""
    side = RequestSide(authority)
    try:
        while True:
            while not side.complete:
                data = await receive(sock)
                if not data:
                    return
                side.feed(data)
            keeps_alive = side.keeps_alive
            await forward(side.take(), sock, upstream)
            if not keeps_alive:
                return
    except (OSError, httptools.HttpParserError):
        return
    finally:
        trio.lowlevel.notify_closing(sock)
        sock.close()


async def forward(request: bytes, client: socket.socket, upstream: Upstream) -> None:
    """One exchange with the upstream, each piece passed on as it comes. Raises OSError when either side is gone."""
    sock, side = await upstream.take()
    try:
        side.complete = False
        await send(sock, request)
        while not side.complete:
            data = await receive(sock)
            if not data:
                raise ConnectionResetError("the upstream closed")
            side.feed(data)
            await send(client, side.take())
    except BaseException:
        trio.lowlevel.notify_closing(sock)
        sock.close()
        raise
    if side.keeps_alive:
        upstream.put(sock, side)
    else:
        trio.lowlevel.notify_closing(sock)
        sock.close()


async def main(listen_port: int, upstream_port: int) -> None:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((HOST, listen_port))
    listener.listen(1024)
    listener.setblocking(False)
    upstream = Upstream(upstream_port)
    authority = b"%b:%d" % (HOST.encode(), upstream_port)
    async with trio.open_nursery() as nursery:
        while True:
            await trio.lowlevel.wait_readable(listener)
            sock, _ = listener.accept()
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            nursery.start_soon(serve, sock, upstream, authority)


if __name__ == "__main__":
    trio.run(main, int(sys.argv[1]), int(sys.argv[2]))
