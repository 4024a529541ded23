"""What a request and a streamed event take in bytecodes, by part: the same number however busy the machine is.

python -m bench.bytecodes

The gateway and the floor run in this process, traced; who asks and who answers are threads, which tracing leaves alone.
"""

from __future__ import annotations

import os
import socket
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from threading import Thread
from types import CodeType, FrameType
from typing import Any, Final

import trio

from bench import floor
from bench.processes import HOST, free_port
from bench.profile import PARTS
from bench.subjects import CHAT_PATH, KEY, MODEL, gateway
from gateway.clock import ProcessClock
from gateway.config import load
from gateway.edge.read_poll import ReadPoll
from gateway.serve import real_world, spare_the_collector
from gateway.telemetry.sink import BufferedLog
from gateway.wiring import build

CONNECTIONS: Final = 8
WARM_UP: Final = 20
ROUNDS: Final = 50
_ANSWER: Final = (
    b'{"id":"1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant",'
    b'"content":"Well."},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11}}'
)
_STREAM_HEAD: Final = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_EVENT: Final = (
    b'data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":'
    b'{"content":"word"},"finish_reason":null}]}\n\n'
)


def sized(start: bytes, body: bytes) -> bytes:
    return b"%bcontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (start, len(body), body)


def question(*, stream: bool) -> bytes:
    body = b'{"model":"%b","messages":[{"role":"user","content":"Well?"}]%b}' % (
        MODEL.encode(),
        b',"stream":true' if stream else b"",
    )
    start = f"POST {CHAT_PATH} HTTP/1.1\r\nhost: {HOST}\r\nauthorization: Bearer {KEY}\r\n".encode()
    return sized(start, body)


def chunk(piece: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(piece), piece)


class Upstream:
    """Answers every question, and begins a stream where one is asked for, which `say_more` goes on with."""

    def __init__(self) -> None:
        self._listener = socket.create_server((HOST, 0))
        self.port: int = self._listener.getsockname()[1]
        self.streams: list[socket.socket] = []
        Thread(target=self._accept, daemon=True).start()

    def say_more(self) -> None:
        for stream in self.streams:
            stream.sendall(chunk(_EVENT))

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(ConnectionResetError):  # a stream is left before its end
            while asked := connection.recv(65536):
                if b'"stream":true' in asked:
                    connection.sendall(_STREAM_HEAD + chunk(_EVENT))
                    self.streams.append(connection)
                else:
                    connection.sendall(sized(b"HTTP/1.1 200 OK\r\n", _ANSWER))


class Clients:
    """Some connections that ask at once and wait for each other."""

    def __init__(self, port: int) -> None:
        self._connections = [socket.create_connection((HOST, port), 5) for _ in range(CONNECTIONS)]

    def ask(self, rounds: int) -> None:
        self._say(question(stream=False), rounds, _ANSWER)

    def open_streams(self) -> None:
        self._say(question(stream=True), 1, _EVENT)

    def hear(self, upstream: Upstream, rounds: int) -> None:
        for _ in range(rounds):
            upstream.say_more()
            self._wait_for(_EVENT)

    def close(self) -> None:
        for connection in self._connections:
            connection.close()

    def _say(self, words: bytes, rounds: int, end: bytes) -> None:
        for _ in range(rounds):
            for connection in self._connections:
                connection.sendall(words)
            self._wait_for(end)

    def _wait_for(self, end: bytes) -> None:
        for connection in self._connections:
            heard = b""
            while end not in heard:
                piece = connection.recv(65536)
                if not piece:
                    raise RuntimeError(f"a proxy hung up after {heard!r}")
                heard += piece


class Counting:
    """Counts the bytecodes of this thread by the code that they are in."""

    def __init__(self) -> None:
        self._seen: Counter[CodeType] = Counter()

    def __enter__(self) -> Counting:
        sys.settrace(self._trace)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)

    def by_part(self, count: int) -> dict[str, int]:
        """How many each of `count` things took, by part; its own code is not among them."""
        found: Counter[str] = Counter()
        for code, times in self._seen.items():
            path = code.co_filename
            if not path.endswith("/bench/bytecodes.py"):
                found[next((part for part in (*PARTS, "bench") if f"/{part}/" in path), "the rest")] += times
        return {part: round(times / count) for part, times in found.most_common()}

    def _trace(self, frame: FrameType, event: str, _: Any) -> Any:
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        if event == "opcode":
            self._seen[frame.f_code] += 1
        return self._trace


@asynccontextmanager
async def gateway_before(upstream: Upstream, folder: Path) -> AsyncIterator[int]:
    """The port of a gateway with the settings that the bench measures."""
    launch = gateway(free_port(), upstream.port, folder)
    log = BufferedLog(os.open(os.devnull, os.O_WRONLY))
    async with trio.open_nursery() as nursery:
        poll = ReadPoll()
        nursery.start_soon(poll.run)
        world = real_world(log.write, poll)
        served = build(load(Path(launch.environ["LLM_GATEWAY_CONFIG"]), launch.environ), world)
        front = await world.listen(HOST, 0)
        await nursery.start(served.run, [front])
        spare_the_collector()
        yield front.address[1]
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def floor_before(upstream: Upstream, folder: Path) -> AsyncIterator[int]:
    port = free_port()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(floor.main, port, upstream.port)
        await trio.sleep(0.1)
        yield port
        nursery.cancel_scope.cancel()


async def counted(port: int, upstream: Upstream) -> tuple[dict[str, int], dict[str, int]]:
    """What a request takes, and what an event does."""
    clients = await trio.to_thread.run_sync(Clients, port)
    await trio.to_thread.run_sync(clients.ask, WARM_UP)
    with Counting() as requests:
        await trio.to_thread.run_sync(clients.ask, ROUNDS)
    await trio.to_thread.run_sync(clients.open_streams)
    await trio.to_thread.run_sync(clients.hear, upstream, WARM_UP)
    with Counting() as events:
        await trio.to_thread.run_sync(clients.hear, upstream, ROUNDS)
    clients.close()
    upstream.streams.clear()
    return requests.by_part(ROUNDS * CONNECTIONS), events.by_part(ROUNDS * CONNECTIONS)


async def main() -> None:
    upstream = Upstream()
    with tempfile.TemporaryDirectory() as folder:
        for name, before in (("llm-gateway", gateway_before), ("floor", floor_before)):
            async with before(upstream, Path(folder)) as port:
                for what, parts in zip(("a request", "an event"), await counted(port, upstream), strict=True):
                    told = ", ".join(f"{part} {count}" for part, count in parts.items())
                    sys.stdout.write(f"{name}, {what}: {sum(parts.values())} bytecodes: {told}\n")


if __name__ == "__main__":
    trio.run(main, clock=ProcessClock())
