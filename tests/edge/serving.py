"""A server on the in-memory network, an app that does what its path says, and a client that speaks raw bytes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import trio
import trio.testing

from actors.relay import Sink, Taken
from gateway import exchange
from gateway.edge.asgi import Message, Receive, Scope, Send
from gateway.edge.limits import ServerLimits
from gateway.edge.server import EdgeServer, nobody
from gateway.exchange import Handler, Request
from gateway.world import Listener, Stream
from tests.memory_network import MemoryNetwork

HOST, PORT = "gateway.test", 8080
NEIGHBOURS = "/neighbour"
"""What the neighbour asks for when a story is over."""
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
WALL_CLOCK_AT_START = 784111777.0  # Sun, 06 Nov 1994 08:49:37 GMT, the example of RFC 9110


def get(path: str, *fields: str, method: str = "GET", version: str = "1.1") -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/{version}", "Host: a", *fields, "", ""]).encode()


def post(path: str, body: bytes, *fields: str) -> bytes:
    return get(path, f"Content-Length: {len(body)}", *fields, method="POST") + body


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes = b""
    at: float = 0.0


class Client:
    """One connection, as raw as a test wants it."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self._buffer = b""

    async def send(self, data: bytes) -> None:
        """All of it, however long the server makes us wait."""
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[self.stream.send_nowait(rest) :]
            except trio.WouldBlock:
                await self.stream.wait_writable()

    async def ask(self, data: bytes, **how: Any) -> Answer:
        await self.send(data)
        return await self.answer(**how)

    async def answer(self, *, bodyless: bool = False) -> Answer:
        """The next whole answer; its body has to end as its framing says."""
        head = (await self.read_until(b"\r\n\r\n"))[:-4].decode("latin-1")
        status_line, *lines = head.split("\r\n")
        answer = Answer(int(status_line.split(" ")[1]), dict(line.split(": ", 1) for line in lines))
        assert len(answer.headers) == len(lines)
        if not bodyless and answer.status >= 200:
            answer.body = await self._body(answer.headers)
        answer.at = trio.current_time()
        return answer

    async def _body(self, headers: dict[str, str]) -> bytes:
        if "content-length" in headers:
            return await self.read(int(headers["content-length"]))
        if "transfer-encoding" not in headers:
            return await self.rest()
        body = b""
        while size := int(await self.read_until(b"\r\n"), 16):
            body += await self.read(size)
            assert await self.read(2) == b"\r\n"
        assert await self.read(2) == b"\r\n"
        return body

    async def read_until(self, mark: bytes) -> bytes:
        while mark not in self._buffer:
            await self._more()
        position = self._buffer.index(mark) + len(mark)
        found, self._buffer = self._buffer[:position], self._buffer[position:]
        return found

    async def read(self, size: int) -> bytes:
        while len(self._buffer) < size:
            await self._more()
        found, self._buffer = self._buffer[:size], self._buffer[size:]
        return found

    async def rest(self) -> bytes:
        """Everything until the server ends in order. Raises ConnectionResetError where it does not."""
        while data := await self._receive():
            self._buffer += data
        found, self._buffer = self._buffer, b""
        return found

    async def end(self) -> float:
        """When the server ended the connection in order, without another byte."""
        assert await self.rest() == b""
        return trio.current_time()

    async def reset(self) -> float:
        """When the server cut the connection."""
        try:
            await self.rest()
        except ConnectionResetError:
            return trio.current_time()
        raise AssertionError("the server ended in order")

    async def _more(self) -> None:
        data = await self._receive()
        if not data:
            raise EOFError(self._buffer)
        self._buffer += data

    async def _receive(self) -> bytes:
        while True:
            try:
                return self.stream.receive_nowait(65536)
            except trio.WouldBlock:
                await self.stream.wait_readable()

    def close(self) -> None:
        self.stream.close()

    def abort(self) -> None:
        self.stream.close(abort=True)


@dataclass
class Paths:
    """The app: each path is a behaviour. What a test may want to know afterwards is noted."""

    cancelled_at: list[float] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    scopes: list[Scope] = field(default_factory=list)
    received: list[Message] = field(default_factory=list)
    running: int = 0
    most_running: int = 0
    go: trio.Event = field(default_factory=trio.Event)
    pushes: int = 3
    push_size: int = 1
    taken: list[Taken] = field(default_factory=list)
    late: Taken | None = None
    """What became of a piece that came behind the end."""
    whole_bodies: list[bytes | None] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.calls.append(scope["path"])
        self.scopes.append(scope)
        self.running += 1
        self.most_running = max(self.running, self.most_running)
        try:
            behaviour = getattr(self, "do_" + (scope["path"].strip("/*").replace("-", "_") or "hello"))
            await behaviour(receive, send)
        except trio.Cancelled:
            self.cancelled_at.append(trio.current_time())
            raise
        finally:
            self.running -= 1

    def handler_of(self, asked: tuple[str, str]) -> Handler | None:
        """Those that need no ASGI."""
        return {"/at-once": self.answer_at_once, "/pushed": self.push}.get(asked[1])

    async def answer_at_once(self, request: Request) -> exchange.Answer:
        self.whole_bodies.append(request.whole_body)
        body, more = request.whole_body or b"", request.whole_body is None
        while more:
            piece, more = await request.receive_body()
            body += piece
        return exchange.Answer(200, [], body)

    async def push(self, request: Request) -> exchange.Answer:
        return exchange.Answer(200, [], Pushed(self))

    async def body(self, receive: Receive) -> bytes:
        body = b""
        while True:
            message = await receive()
            self.received.append(message)
            if message["type"] == "http.disconnect":
                return body
            body += message["body"]
            if not message["more_body"]:
                return body

    async def do_hello(self, receive: Receive, send: Send) -> None:
        await self.body(receive)
        await whole(send, b"hello")

    async def do_echo(self, receive: Receive, send: Send) -> None:
        await whole(send, await self.body(receive))

    async def do_early(self, receive: Receive, send: Send) -> None:
        """Answers without looking at the body."""
        await whole(send, b"early", status=401)

    async def do_early_crash(self, receive: Receive, send: Send) -> None:
        raise ValueError("on purpose")

    async def do_second(self, receive: Receive, send: Send) -> None:
        await self.body(receive)
        await trio.sleep(1)
        await whole(send, b"after a second")

    async def do_forever(self, receive: Receive, send: Send) -> None:
        await self.body(receive)
        await trio.sleep_forever()

    async def do_deaf(self, receive: Receive, send: Send) -> None:
        """Never asks for the body."""
        await self.go.wait()
        await whole(send, await self.body(receive))

    async def do_listen(self, receive: Receive, send: Send) -> None:
        """Waits for the disconnect in the usual way."""
        await self.body(receive)
        await receive()

    async def do_stream(self, receive: Receive, send: Send) -> None:
        """Three events, a second apart."""
        await start(send)
        for number in range(3):
            await piece(send, b"event %d\n" % number)
            await trio.sleep(1)
        await last(send)

    async def do_endless(self, receive: Receive, send: Send) -> None:
        """As much as the client takes."""
        await start(send)
        while True:
            await piece(send, b"x" * 1024)

    async def do_crash(self, receive: Receive, send: Send) -> None:
        await self.body(receive)
        raise ValueError("on purpose")

    async def do_crash_late(self, receive: Receive, send: Send) -> None:
        await start(send)
        await piece(send, b"half an ")
        raise ValueError("on purpose")

    async def do_silent(self, receive: Receive, send: Send) -> None:
        """Returns without a word."""

    async def do_unfinished(self, receive: Receive, send: Send) -> None:
        await start(send)
        await piece(send, b"half an ")


class Pushed:
    """A body whose pieces go past `receive`, a second apart, as a relay's writer does; what does not fit comes back."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._push: Sink
        self._pushed = -1
        self._taken = Taken.ALL

    def pass_to(self, sink: Sink) -> None:
        self._push = sink
        assert sink(b"too early") is Taken.NONE

    async def receive(self) -> bytes | None:
        paths = self._paths
        if self._pushed < 0:
            self._pushed = 0
            return b"first;"
        if self._taken is not Taken.ALL:
            self._taken = Taken.ALL
            await trio.sleep(1)
        while self._pushed < paths.pushes:
            data = b"%d" % self._pushed * paths.push_size + b";"
            self._pushed += 1
            self._taken = self._push(data)
            paths.taken.append(self._taken)
            if self._taken is not Taken.ALL:
                return b"" if self._taken is Taken.PART else data
            await trio.sleep(1)
        return None

    def close(self) -> None:
        self._paths.late = self._push(b"too late")


async def start(send: Send, status: int = 200, headers: Iterable[tuple[bytes, bytes]] = ()) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})


async def piece(send: Send, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def last(send: Send, body: bytes = b"") -> None:
    await send({"type": "http.response.body", "body": body})


async def whole(send: Send, body: bytes, status: int = 200, headers: Iterable[tuple[bytes, bytes]] = ()) -> None:
    await start(send, status, headers)
    await last(send, body)


def beside_neighbour(app: Any) -> Any:
    """`app` for everybody else, and an answer for the neighbour."""

    async def called(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == NEIGHBOURS:
            await whole(send, b"hello")
        else:
            await app(scope, receive, send)

    return called


@dataclass
class House:
    """A running server and those who look at it."""

    network: MemoryNetwork
    server: EdgeServer
    app: Any
    limits: ServerLimits
    crashes: list[BaseException] = field(default_factory=list)
    neighbour: Client = None  # type: ignore[assignment]
    neighbour_until: float = 0.0
    drains: bool = False
    ended: trio.Event = field(default_factory=trio.Event)
    ended_at: float | None = None
    """When `serve` returned."""

    async def client(self) -> Client:
        return Client(await self.network.connect(HOST, PORT))

    async def hello(self, client: Client | None = None) -> None:
        """`client`, or the neighbour, gets its answer. The neighbour stays connected as long as the rules let it."""
        if client is None:
            await self.come_as_neighbour()
            self.neighbour_until = trio.current_time() + self.limits.keep_alive_s
        answer = await (client or self.neighbour).ask(GET)
        assert (answer.status, answer.body) == (200, b"hello")

    async def neighbour_is_parted_with(self) -> float:
        """When the server ended the neighbour's connection, in order; it comes anew where it has to ask."""
        self.neighbour_until = 0.0
        return await self.neighbour.end()

    def drain(self, grace_s: float) -> None:
        self.drains = True
        self.server.drain(grace_s)

    async def ask_neighbour(self) -> None:
        """The neighbour gets its answer at once, whatever the app does for others; a server that drains has none."""
        if self.drains:
            return
        asked_at = trio.current_time()
        await self.come_as_neighbour()
        with trio.fail_after(1):
            answer = await self.neighbour.ask(get(NEIGHBOURS))
        assert (answer.status, answer.body, answer.at) == (200, b"hello", asked_at)

    async def come_as_neighbour(self) -> None:
        if self.neighbour_until <= trio.current_time():
            self.neighbour = await self.client()
            self.neighbour_until = trio.current_time() + self.limits.header_s

    def connections(self) -> int:
        """How many clients there are beside the neighbour."""
        return self.server.statistics().connections - (trio.current_time() < self.neighbour_until)

    async def serve(self, listeners: Sequence[Listener], *, task_status: trio.TaskStatus[None]) -> None:
        await self.server.serve(listeners, task_status=task_status)
        self.ended_at = trio.current_time()
        self.ended.set()


@asynccontextmanager
async def serving(
    app: Any = None, *, limits: ServerLimits | None = None, network: MemoryNetwork | None = None, crashes: int = 0
) -> AsyncIterator[House]:
    """Runs a server and, when the story is over, asks its neighbour; afterwards it has drained, nothing is open, and
    exactly `crashes` were reported.
    """
    network = network or MemoryNetwork()
    limits = limits or ServerLimits()
    app = app or Paths()
    reported: list[BaseException] = []
    server = EdgeServer(
        beside_neighbour(app),
        limits=limits,
        clock=trio.current_time,
        wall_clock=lambda: WALL_CLOCK_AT_START + trio.current_time(),
        on_crash=lambda crash, scope: reported.append(crash),
        on_refusal=lambda target, _fields, _refusal: target,
        handler_of=app.handler_of if isinstance(app, Paths) else nobody,
    )
    house = House(network, server, app, limits, reported)
    async with trio.open_nursery() as nursery:
        await nursery.start(house.serve, [await network.listen(HOST, PORT)])
        await house.come_as_neighbour()
        await trio.testing.wait_all_tasks_blocked()
        yield house
        await house.ask_neighbour()
        house.drain(0)
    assert reported == [] if crashes == 0 else len(reported) == crashes, reported
    statistics = server.statistics()
    assert (statistics.connections, statistics.busy, statistics.idle) == (0, 0, 0)
    assert all(stream.closed for stream in network.streams[1::2])
