"""Services beside the gateway on loopback: real HTTP servers that answer by path, well or not."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Say = Callable[[Any], Any]
"""From what was asked to what is answered: JSON, or bytes as they are."""


class Service:
    """One of them; a test changes what it says, and whether it is well."""

    def __init__(self, **says: Say) -> None:
        self.says = {f"/{path.replace('__', '/')}": say for path, say in says.items()}
        self.fault = ""
        """slow, 500, reset, garbage or no HTTP; "" where it is well."""
        self.health_fault = ""
        self.asked: list[tuple[str, Any]] = []
        self.url = ""

    @contextmanager
    def listening(self) -> Iterator[Service]:
        server = _Server(("127.0.0.1", 0), _handler_of(self))
        self.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """The gateway broke a connection off, as it may."""


def _handler_of(service: Service) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if not self._goes_wrong(service.health_fault):
                self._answer(200, b'{"status": "ok"}')

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            service.asked.append((self.path, asked))
            if self._goes_wrong(service.fault):
                return
            said = service.says[self.path](asked)
            self._answer(200, said if isinstance(said, bytes) else json.dumps(said).encode())

        def _goes_wrong(self, fault: str) -> bool:
            """Whether nothing more is to be said."""
            match fault:
                case "slow":
                    time.sleep(2.0)
                    return False
                case "500":
                    self._answer(500, b"out of order")
                case "garbage":
                    self._answer(200, b"<html>")
                case "no HTTP":
                    self.wfile.write(b"how do you do\r\n\r\n")
                    self.close_connection = True
                case "reset":
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    self.close_connection = True
                    self.connection.close()
            return bool(fault)

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_words: object) -> None:
            """Nobody listens."""

    return Handler
