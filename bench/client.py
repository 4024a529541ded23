"""The streaming client: one epoll loop that opens many streams, counts their events and keeps nothing.

    python -m bench.client PORT STREAMS LIMIT_S HOLD MODEL [KEY]

Prints one JSON object: streams that ended in order, events received, seconds. With HOLD = 1 it opens streams that
stay silent after their first event, prints when all have had it, and hangs up at the end of its standard input.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import time

from bench.upstream import EVERY_S, HOLD

EVENT_MARK = b"data: {"
END_MARK = b"\r\n0\r\n\r\n"
"""The last chunk of a chunked answer."""
TAIL_BYTES = max(len(EVENT_MARK), len(END_MARK)) - 1


def request(port: int, model: str, key: str, hold: bool) -> bytes:
    """A streamed chat completion as the official client would ask for it."""
    content = HOLD.decode() if hold else "Say two hundred words."
    body = json.dumps(
        {"model": model, "messages": [{"role": "user", "content": content}], "stream": True}, separators=(",", ":")
    ).encode()
    authorization = b"authorization: Bearer %b\r\n" % key.encode() if key else b""
    return (
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:%d\r\n%b"
        b"content-type: application/json\r\naccept: text/event-stream\r\ncontent-length: %d\r\n\r\n%b"
        % (port, authorization, len(body), body)
    )


class Client:
    """Streams to one port; `events` counts over all of them."""

    def __init__(self, port: int, ask: bytes) -> None:
        self._port = port
        self._ask = ask
        self._epoll = select.epoll()
        self._open: dict[int, tuple[socket.socket, bytes]] = {}
        """Each stream's socket and its last bytes, in which a mark may have begun."""
        self._started: set[int] = set()
        self.events = 0
        self.ended = 0
        self.failed = 0

    def open(self) -> None:
        """One more stream."""
        sock = socket.create_connection(("127.0.0.1", self._port))
        sock.sendall(self._ask)
        sock.setblocking(False)
        self._open[sock.fileno()] = (sock, b"")
        self._epoll.register(sock.fileno(), select.EPOLLIN)

    def read(self, wait_s: float) -> None:
        """Takes what arrives within `wait_s`."""
        for fd, _ in self._epoll.poll(wait_s):
            sock, tail = self._open[fd]
            try:
                data = sock.recv(65536)
            except OSError:
                data = b""
            seen = tail + data
            events = seen.count(EVENT_MARK)
            self.events += events
            if events:
                self._started.add(fd)
            if not data or END_MARK in seen:
                self._close(fd, in_order=END_MARK in seen)
                continue
            # A mark that is whole must not be counted again when its last bytes come back as the tail.
            keep = seen[-TAIL_BYTES:]
            self._open[fd] = (sock, keep[keep.rfind(EVENT_MARK) + 1 :] if EVENT_MARK in keep else keep)

    @property
    def pending(self) -> int:
        return len(self._open)

    @property
    def started(self) -> int:
        """Streams that are open and have had an event."""
        return len(self._started & self._open.keys())

    def _close(self, fd: int, in_order: bool) -> None:
        self._epoll.unregister(fd)
        self._started.discard(fd)
        self._open.pop(fd)[0].close()
        self.ended += in_order
        self.failed += not in_order


def run(client: Client, streams: int, limit_s: float, hold: bool) -> dict[str, float]:
    """Opens the streams spread over a pause between two events, and reads until all have ended (or begun: `hold`)."""
    began_at = time.monotonic()
    opened = 0
    while time.monotonic() - began_at < limit_s:
        if opened < streams:
            client.open()
            opened += 1
            client.read(EVERY_S / streams)
        elif client.pending and not (hold and client.started == streams):
            client.read(1.0)
        else:
            break
    return {
        "ended": client.ended,
        "failed": client.failed,
        "started": client.started,
        "events": client.events,
        "seconds": time.monotonic() - began_at,
    }


def main(port: str, streams: str, limit_s: str, hold: str, model: str, key: str = "") -> None:
    holds = hold == "1"
    client = Client(int(port), request(int(port), model, key, holds))
    result = run(client, int(streams), float(limit_s), holds)
    sys.stdout.write(json.dumps(result) + "\n")
    sys.stdout.flush()
    if holds:
        sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
