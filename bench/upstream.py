"""The streaming upstream: one epoll loop that sends prebuilt events to any number of streams, each at its own pace.

    python -m bench.upstream PORT

A request for a stream gets `EVENTS` content events `EVERY_S` apart, then the end of an OpenAI stream; with `HOLD` in
its body it gets the first word and then silence until it hangs up. Everything else gets a plain completion.
"""

from __future__ import annotations

import heapq
import re
import select
import socket
import sys
import time

EVENTS = 200
EVERY_S = 0.01
BEATS = 10
"""So many times within `EVERY_S` some streams get their event, as many each time, whatever proxy is in between: what
arrives together is cheaper to pass on, and must not depend on how a proxy opens its streams."""
HOLD = b"hold the line"
COMPLETION = (
    b'{"id":"chatcmpl-BenchBenchBenchBenchBench","object":"chat.completion","created":1760000000,'
    b'"model":"gpt-4o-mini-2024-07-18","choices":[{"index":0,"message":{"role":"assistant",'
    b'"content":"Hello! How can I help you today?","refusal":null,"annotations":[]},"logprobs":null,'
    b'"finish_reason":"stop"}],"usage":{"prompt_tokens":19,"completion_tokens":9,"total_tokens":28,'
    b'"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0}},"service_tier":"default",'
    b'"system_fingerprint":"fp_0000000000"}'
)
"""What the unary upstream answers too."""
PLAIN = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (
    len(COMPLETION),
    COMPLETION,
)
STREAMED = re.compile(rb'"stream"\s*:\s*true')
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n"


def framed(delta: bytes, finish: bytes = b"null") -> bytes:
    """One event as one chunk."""
    return chunk(
        b'data: {"id":"chatcmpl-BenchBenchBenchBenchBench","object":"chat.completion.chunk","created":1760000000,'
        b'"model":"gpt-4o-mini-2024-07-18","service_tier":"default","system_fingerprint":"fp_0000000000",'
        b'"choices":[{"index":0,"delta":%b,"logprobs":null,"finish_reason":%b}],"usage":null}\n\n' % (delta, finish)
    )


def event(sent: int) -> bytes:
    """What follows `sent` content events: one more, the end, and after it nothing."""
    return WORDS[sent] if sent < EVENTS else LAST if sent == EVENTS else b""


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


FIRST = HEAD + framed(b'{"role":"assistant","content":"","refusal":null}')
WORDS = [framed(b'{"content":" word%03d"}' % number) for number in range(EVENTS)]
"""All different: some proxies take a model that repeats itself for a broken one."""
USAGE = chunk(
    b'data: {"id":"chatcmpl-BenchBenchBenchBenchBench","object":"chat.completion.chunk","created":1760000000,'
    b'"model":"gpt-4o-mini-2024-07-18","service_tier":"default","system_fingerprint":"fp_0000000000","choices":[],'
    b'"usage":{"prompt_tokens":10,"completion_tokens":200,"total_tokens":210}}\n\n'
)
LAST = framed(b"{}", b'"stop"') + USAGE + chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"


class Streams:
    """All connections, and the heap of who is to be sent what when."""

    def __init__(self, port: int) -> None:
        self._listener = socket.create_server(("127.0.0.1", port), backlog=1024)
        self._listener.setblocking(False)
        self._epoll = select.epoll()
        self._epoll.register(self._listener.fileno(), select.EPOLLIN)
        self._socks: dict[int, socket.socket] = {}
        self._requests: dict[int, bytes] = {}
        self._unsent: dict[int, bytes] = {}
        """What a proxy that falls behind has not taken yet; it goes out before the next event."""
        self._due: list[tuple[float, int, int, socket.socket]] = []
        """When, to which descriptor, how many events it has had, and whether it is still the same socket."""

        self._opened = 0

    def run(self) -> None:
        while True:
            # select's timeout is exact, epoll's is in whole milliseconds.
            wait_s = max(0.0, self._due[0][0] - time.monotonic()) if self._due else None
            select.select([self._epoll], [], [], wait_s)
            for fd, _ in self._epoll.poll(0):
                if fd == self._listener.fileno():
                    self._accept()
                else:
                    self._read(fd)
            self._send_due()

    def _accept(self) -> None:
        sock, _ = self._listener.accept()
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socks[sock.fileno()] = sock
        self._epoll.register(sock.fileno(), select.EPOLLIN)

    def _read(self, fd: int) -> None:
        try:
            data = self._socks[fd].recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._close(fd)
            return
        request = self._requests.pop(fd, b"") + data
        if not is_whole(request):
            self._requests[fd] = request
        elif not STREAMED.search(request):
            self._send(fd, PLAIN)
        elif HOLD in request:
            self._send(fd, FIRST + WORDS[0])
        elif self._send(fd, FIRST):
            heapq.heappush(self._due, (self._first_due(), fd, 0, self._socks[fd]))

    def _first_due(self) -> float:
        """One stream after the other gets the next of the beats that a pause between two events has."""
        self._opened += 1
        now = time.monotonic()
        return now - now % EVERY_S + EVERY_S + self._opened % BEATS * EVERY_S / BEATS

    def _send_due(self) -> None:
        due, now = self._due, time.monotonic()
        while due and due[0][0] <= now:
            when, fd, sent, sock = due[0]
            if self._socks.get(fd) is not sock or not self._send(fd, event(sent)):
                heapq.heappop(due)
            elif sent < EVENTS or fd in self._unsent:
                heapq.heapreplace(due, (when + EVERY_S, fd, sent + 1, sock))
            else:
                heapq.heappop(due)

    def _send(self, fd: int, data: bytes) -> bool:
        """False where the peer is gone."""
        if self._unsent:
            data = self._unsent.pop(fd, b"") + data
        try:
            sent = self._socks[fd].send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._close(fd)
            return False
        if sent < len(data):
            self._unsent[fd] = data[sent:]
        return True

    def _close(self, fd: int) -> None:
        self._epoll.unregister(fd)
        self._requests.pop(fd, None)
        self._unsent.pop(fd, None)
        self._socks.pop(fd).close()


def is_whole(request: bytes) -> bool:
    """Whether the body that content-length announces is here."""
    head, blank, body = request.partition(b"\r\n\r\n")
    if not blank:
        return False
    _, found, rest = head.lower().partition(b"\r\ncontent-length:")
    return not found or len(body) >= int(rest.partition(b"\r\n")[0])


if __name__ == "__main__":
    Streams(int(sys.argv[1])).run()
