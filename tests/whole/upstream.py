"""A provider of OpenAI's dialect on the network in memory: it answers as scripted and notes what it saw, and when."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Any

import trio

from tests.memory_network import MemoryNetwork, MemoryStream

HTTP_PORT = 80


class Asked:
    """One request as the provider got it; its script answers through here."""

    def __init__(self, stream: MemoryStream, head: bytes, body: bytes) -> None:
        self.at = trio.current_time()
        self.head = head
        self.body = body
        self.closed_at: float | None = None
        """When the gateway broke the connection off under it; None where it was answered, or may still be."""
        self._stream = stream
        self.fields = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:])
        self.target = head.split(b" ")[1]

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def header(self, name: str) -> str | None:
        value = self.fields.get(name.encode())
        return None if value is None else value.decode()

    async def send(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[self._stream.send_nowait(rest) :]
            except trio.WouldBlock:
                await self._stream.wait_writable()

    def send_nowait(self, data: bytes) -> None:
        """What there is room for, in the same turn as whatever was sent before."""
        with suppress(trio.WouldBlock):
            self._stream.send_nowait(data)

    async def send_head(self, status: int, *fields: bytes) -> None:
        await self.send(b"\r\n".join([b"HTTP/1.1 %d Said" % status, *fields, b"", b""]))

    async def send_chunk(self, data: bytes) -> None:
        await self.send(b"%x\r\n%b\r\n" % (len(data), data))

    def reset(self) -> None:
        self._stream.close(abort=True)

    def hang_up(self) -> None:
        self._stream.close()


Script = Callable[[Asked], Awaitable[None]]


def chunk(text: str) -> bytes:
    """An event with so much more of the answer."""
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    return event({"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "gpt-4o", "choices": [choice]})


def event(data: Any) -> bytes:
    return b"data: %b\n\n" % json.dumps(data).encode()


FINISH = event(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "model": "gpt-4o",
        "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}],
    }
)
USAGE = event(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "model": "gpt-4o",
        "choices": [],
        "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12},
    }
)
DONE = b"data: [DONE]\n\n"


def answers(text: str = "Hello.", *, after_s: float = 0.0) -> Script:
    """A whole answer."""
    message = {"role": "assistant", "content": text}
    body = json.dumps(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "model": "gpt-4o",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12},
        }
    ).encode()

    async def script(asked: Asked) -> None:
        await trio.sleep(after_s)
        await asked.send_head(200, b"content-type: application/json", b"content-length: %d" % len(body))
        await asked.send(body)

    return script


def fails(status: int, *fields: bytes, after_s: float = 0.0) -> Script:
    """An error of the provider's own."""
    body = json.dumps({"error": {"message": f"no: {status}", "type": "made_up", "param": None, "code": None}}).encode()

    async def script(asked: Asked) -> None:
        await trio.sleep(after_s)
        await asked.send_head(status, b"content-type: application/json", b"content-length: %d" % len(body), *fields)
        await asked.send(body)

    return script


async def stalls(asked: Asked) -> None:
    """Reads the request and says nothing."""
    await trio.sleep_forever()


def resets(*, after_s: float = 0.0) -> Script:
    """The connection is gone before any answer."""

    async def script(asked: Asked) -> None:
        await trio.sleep(after_s)
        asked.reset()

    return script


async def babbles(asked: Asked) -> None:
    """What it says is no HTTP."""
    await asked.send(b"\x00\x01 how do you do\r\n\r\n")


async def ends(asked: Asked) -> None:
    """How a whole stream ends."""
    for piece in (FINISH, USAGE, DONE):
        await asked.send_chunk(piece)
    await asked.send(b"0\r\n\r\n")


async def is_cut(asked: Asked) -> None:
    """A stream whose connection ends in the middle, in order."""
    asked.hang_up()


def streams(*texts: str, every_s: float = 1.0, then: Script = ends) -> Script:
    """The head at once, a piece of the answer every so often, then the end: `ends`, `is_cut`, `stalls`."""

    async def script(asked: Asked) -> None:
        await asked.send_head(200, b"content-type: text/event-stream", b"transfer-encoding: chunked")
        for text in texts:
            await trio.sleep(every_s)
            await asked.send_chunk(chunk(text))
        await then(asked)

    return script


def sends(document: Any, *, status: int = 200, after_s: float = 0.0) -> Script:
    """Any JSON."""
    body = json.dumps(document).encode()

    async def script(asked: Asked) -> None:
        await trio.sleep(after_s)
        await asked.send_head(status, b"content-type: application/json", b"content-length: %d" % len(body))
        await asked.send(body)

    return script


def writes(text: str) -> Script:
    """A text, where JSON may have been expected."""

    async def script(asked: Asked) -> None:
        await asked.send_head(200, b"content-type: text/plain", b"content-length: %d" % len(text))
        await asked.send(text.encode())

    return script


def lists(*names: str, **members: Any) -> Script:
    """A list of models as OpenAI has it, each entry with these members too."""
    return sends({"object": "list", "data": [{"id": name, "object": "model", **members} for name in names]})


class Upstream:
    """Listens at `host`; each request plays the next script of `scripts`, the last one for ever.

    Requests for its list of models play those of `list_scripts` instead.
    """

    def __init__(self, network: MemoryNetwork, host: str) -> None:
        self.host = host
        self.scripts: list[Script] = [answers()]
        self.asked: list[Asked] = []
        """Every request, in the order of arrival."""
        self.list_scripts: list[Script] = [fails(404)]
        self.asked_for_list: list[Asked] = []
        self._network = network

    def plays(self, *scripts: Script) -> None:
        self.scripts = list(scripts)

    def plays_lists(self, *scripts: Script) -> None:
        self.list_scripts = list(scripts)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        listener = await self._network.listen(self.host, HTTP_PORT)
        async with trio.open_nursery() as nursery:
            task_status.started()
            while True:
                nursery.start_soon(self._serve, await listener.accept())

    async def _serve(self, stream: MemoryStream) -> None:
        await _Conversation(stream, self._play).hold()
        stream.close()

    async def _play(self, asked: Asked) -> None:
        is_list = asked.target.partition(b"?")[0].endswith(b"/models")
        noted, scripts = (self.asked_for_list, self.list_scripts) if is_list else (self.asked, self.scripts)
        noted.append(asked)
        await (scripts.pop(0) if len(scripts) > 1 else scripts[0])(asked)


class _Conversation:
    """One connection: a task that reads, so that its end is seen at once, and one that plays."""

    def __init__(self, stream: MemoryStream, play: Script) -> None:
        self._stream = stream
        self._play = play
        self._received = bytearray()
        self._more = trio.Event()
        self._now: Asked | None = None

    async def hold(self) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._answer)
            with suppress(trio.ClosedResourceError):  # closed by the script
                await self._read_to_end()
                if self._now is not None:
                    self._now.closed_at = trio.current_time()
            nursery.cancel_scope.cancel()

    async def _read_to_end(self) -> None:
        while True:
            await self._stream.wait_readable()
            try:
                data = self._stream.receive_nowait(65536)
            except trio.WouldBlock:
                continue
            except OSError:
                return
            if not data:
                return
            self._received += data
            self._more.set()

    async def _answer(self) -> None:
        while True:
            request = _request_in(self._received)
            if request is None:
                self._more = trio.Event()
                await self._more.wait()
                continue
            head, body = request
            self._now = Asked(self._stream, head, body)
            with suppress(OSError, trio.ClosedResourceError):  # the reader knows what that means
                await self._play(self._now)
                self._now = None


def _request_in(received: bytearray) -> tuple[bytes, bytes] | None:
    """Takes the next whole request out."""
    head, end, rest = bytes(received).partition(b"\r\n\r\n")
    if not end:
        return None
    size = sum(int(line[16:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length: "))
    if len(rest) < size:
        return None
    del received[: len(head) + 4 + size]
    return head, rest[:size]


def texts_of(pieces: Iterable[Any]) -> str:
    """What a stream's events say, put together."""
    return "".join(choice["delta"].get("content", "") for piece in pieces for choice in piece.get("choices", ()))
