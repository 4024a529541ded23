"""A provider on loopback, whichever dialect its scripts speak: a thread a connection, no library of the gateway's.

Each test asks for a model of its own (`Upstream.plays`), whose requests are answered by its script: so neither the
breaker of one test's model nor its cooldown is another's.
"""

from __future__ import annotations

import json
import re
import select
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, BinaryIO, NoReturn
from urllib.parse import unquote

SILENCE_LIMIT_S = 20.0
"""Nobody here waits longer for the other side."""
LINGER_NOT = struct.pack("ii", 1, 0)
_MODEL_IN_PATH = re.compile(r"/models/([^:?]+):")


class Asked:
    """One request as the provider got it; its script answers through here."""

    def __init__(self, connection: socket.socket, path: str, fields: Mapping[str, str], body: bytes) -> None:
        self.path = path
        self.fields = fields
        """Header fields, names in lower case."""
        self.body = body
        self.left = threading.Event()
        """The gateway has broken the connection off under it."""
        self.left_at = 0.0
        """When, on time.monotonic."""
        self.connection = connection

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def model(self) -> str:
        """Who is asked for: Gemini's API names the model in the path, the others in the body; a tool its corpus."""
        in_path = _MODEL_IN_PATH.search(self.path)
        if in_path:
            return unquote(in_path[1])
        return self.json["model"] if "model" in self.json else self.json["corpus"]

    @property
    def streamed(self) -> bool:
        """Whether the answer is to be a stream."""
        return ":streamGenerateContent" in self.path or bool(self.json.get("stream"))

    def send(self, data: bytes) -> None:
        """All of it. Raises ConnectionError where the gateway has broken off, which is noted like any other time."""
        try:
            self.connection.sendall(data)
        except ConnectionError:
            self._note_left()
            raise

    def answer(self, status: int, body: bytes, fields: Iterable[tuple[str, str]] = (), **more: str) -> None:
        """A whole answer; `more` are header fields too."""
        framing = {"content-type": "application/json", **dict(fields), **more, "content-length": str(len(body))}
        self.send(_head(status, framing.items()) + body)

    def begin_stream(self, fields: Iterable[tuple[str, str]] = ()) -> None:
        self.send(
            _head(200, {"content-type": "text/event-stream", **dict(fields), "transfer-encoding": "chunked"}.items())
        )

    def stream(self, data: bytes) -> None:
        self.send(b"%x\r\n%b\r\n" % (len(data), data))

    def end_stream(self) -> None:
        self.send(b"0\r\n\r\n")

    def pause(self, seconds: float) -> bool:
        """Says nothing for so long; False where the gateway breaks off meanwhile."""
        if not select.select([self.connection], [], [], seconds)[0]:
            return True
        self.wait_until_left()
        return False

    def wait_until_left(self) -> None:
        """Says nothing more until the gateway breaks off, and notes when it did."""
        try:
            data = self.connection.recv(1)
        except ConnectionResetError:
            data = b""
        assert data == b"", "the gateway said something while it was to wait"
        self._note_left()

    def _note_left(self) -> None:
        self.left_at = time.monotonic()
        self.left.set()

    def reset(self) -> NoReturn:
        """Nothing comes after this in a script."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
        raise ConnectionAbortedError  # closes the socket, once nobody reads from it any more

    def hang_up(self) -> None:
        self.connection.shutdown(socket.SHUT_RDWR)


Script = Callable[[Asked], None]


class Upstream:
    """Listens until closed; answers each request as the script of its model says."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self._scripts: dict[str, Script] = {}
        self._asked: dict[str, list[Asked]] = {}
        self._threads: list[threading.Thread] = []
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._models = 0
        self._start(self._accept)

    @property
    def environ(self) -> dict[str, str]:
        """What makes a gateway take this for its five providers."""
        return {
            "OPENAI_BASE_URL": self.url("/openai/v1"),
            "ANTHROPIC_BASE_URL": self.url("/anthropic"),
            "GEMINI_BASE_URL": self.url("/google"),
            "DEEPSEEK_BASE_URL": self.url("/deepseek"),
            "OPENROUTER_BASE_URL": self.url("/openrouter/api/v1"),
            **KEYS,
        }

    def url(self, path: str) -> str:
        return f"{'http' if self._tls is None else 'https'}://127.0.0.1:{self._listener.getsockname()[1]}{path}"

    def plays(self, script: Script, *, model: str = "", family: str = "gpt") -> str:
        """From now on `script` answers those who ask for `model`, by default one of `family` that nobody has heard of
        yet.
        """
        if not model:
            self._models += 1
            model = f"{family}-of-test-{self._models}"
        self._scripts[model] = script
        self._asked[model] = []
        return model

    def asked(self, model: str) -> list[Asked]:
        """The requests for `model` since its script was set."""
        return self._asked[model]

    @property
    def unasked(self) -> list[str]:
        """The models that have a script and that nobody has asked for."""
        return [model for model, asked in self._asked.items() if not asked]

    def wait_for(self, model: str, count: int, limit_s: float = 5.0) -> list[Asked]:
        """Returns when `model` has been asked for `count` times."""
        ends_at = time.monotonic() + limit_s
        while len(self._asked[model]) < count:
            assert time.monotonic() < ends_at, f"{model} was asked for {len(self._asked[model])} times only"
            time.sleep(0.001)
        return self._asked[model]

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(SILENCE_LIMIT_S)
            assert not thread.is_alive()
        self._listener.close()

    def _start(self, work: Callable[..., None], *arguments: Any) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads = [*(each for each in self._threads if each.is_alive()), thread]
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.settimeout(SILENCE_LIMIT_S)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        if self._tls is not None:
            try:
                connection = self._tls.wrap_socket(connection, server_side=True)
            except OSError:
                return  # whoever does not trust the certificate says so by leaving
        with self._lock:
            self._connections.add(connection)
        # What the gateway does to a connection is the tests' to judge; here it only ends the conversation.
        with suppress(OSError), connection, connection.makefile("rb") as received:
            while (asked := _read_request(connection, received)) is not None:
                if not asked.body:
                    asked.answer(404, b'{"error":{"message":"no list of models here"}}')
                    continue
                model = asked.model
                self._asked[model].append(asked)
                self._scripts[model](asked)
        with self._lock:
            self._connections.discard(connection)


KEYS = {
    "OPENAI_API_KEY": "sk-the-openai-key-of-the-tests",
    "ANTHROPIC_API_KEY": "sk-ant-the-anthropic-key-of-the-tests",
    "GEMINI_API_KEY": "AIza-the-gemini-key-of-the-tests",
    "DEEPSEEK_API_KEY": "sk-the-deepseek-key-of-the-tests",
    "OPENROUTER_API_KEY": "sk-or-the-openrouter-key-of-the-tests",
    "AZURE_API_KEY": "the-azure-key-of-the-tests",
}


def _head(status: int, fields: Iterable[tuple[str, str]]) -> bytes:
    lines = [f"HTTP/1.1 {status} Said", *(f"{name}: {value}" for name, value in fields), "", ""]
    return "\r\n".join(lines).encode("latin-1")


def _read_request(connection: socket.socket, received: BinaryIO) -> Asked | None:
    """The next request; None when the connection has ended."""
    line = received.readline()
    if not line:
        return None
    fields: dict[str, str] = {}
    while (field := received.readline()) not in (b"\r\n", b""):
        name, _, value = field.decode("latin-1").partition(":")
        fields[name.lower()] = value.strip()
    if line.startswith(b"GET "):  # the catalogue asks for a list of models
        connection.sendall(_head(404, [("content-length", "0")]))
        return _read_request(connection, received)
    size = int(fields.get("content-length", 0))
    body = received.read(size)
    if len(body) < size:
        return None
    return Asked(connection, line.split(b" ")[1].decode(), fields, body)
