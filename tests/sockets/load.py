"""A steady load on a gateway of several processes, and what became of every request of it."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.sockets.callers import CHAT, question
from tests.sockets.processes import GatewayProcess

WORDS = "Quidquid latine dictum sit altum videtur"
"""What is asked to be said back: enough for a stream of several pieces."""


@dataclass
class Tally:
    """By outcome; when those that failed had been sent, on the monotonic clock."""

    whole: int = 0
    streamed: int = 0
    failures: list[tuple[float, str]] = field(default_factory=list)
    unheard: list[tuple[float, str]] = field(default_factory=list)
    """Sent on a kept connection that was closed without a byte of an answer: RFC 9112 (9.3.1) has clients ask again,
    which ours do."""

    @property
    def answered(self) -> int:
        return self.whole + self.streamed

    def failed_of_those_sent_before(self, moment: float) -> list[str]:
        """Those that nobody heard among them."""
        return [what for sent_at, what in self.failures + self.unheard if sent_at < moment]

    def failed_of_those_sent_after(self, moment: float) -> list[str]:
        return [what for sent_at, what in self.failures + self.unheard if sent_at > moment]


class Load:
    """Threads that ask in turn for a whole answer and for a stream; half of them keep their connection.

    A request that nobody has heard is asked again on a new connection, and only once.
    """

    def __init__(self, gateway: GatewayProcess, *, model: str = "sandbox/echo", threads: int = 4) -> None:
        self.tally = Tally()
        self._gateway = gateway
        self._model = model
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask_on, args=(number,)) for number in range(threads)]

    def begin(self) -> None:
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)

    def _ask_on(self, number: int) -> None:
        connection: http.client.HTTPConnection | None = None
        stream, unheard = bool(number & 1), False
        while unheard or not self._stop.is_set():
            stream ^= not unheard
            kept = connection is not None and connection.sock is not None
            if connection is None:
                connection = http.client.HTTPConnection(*self._gateway.address, timeout=30)
            sent_at = time.monotonic()
            try:
                self._ask(connection, stream)
            except (OSError, http.client.HTTPException) as problem:
                connection.close()
                connection = None
                unheard = kept and isinstance(problem, http.client.RemoteDisconnected | BrokenPipeError)
                failed = self.tally.unheard if unheard else self.tally.failures
                failed.append((sent_at, f"{'stream' if stream else 'whole'}: {problem!r}"))
            else:
                unheard = False
                if number & 2:
                    connection.close()
                    connection = None
            time.sleep(0.005)
        if connection is not None:
            connection.close()

    def _ask(self, connection: http.client.HTTPConnection, stream: bool) -> None:
        body = json.dumps(question(self._model, stream=stream, text=WORDS))
        connection.request("POST", CHAT, body, {"content-type": "application/json"})
        with connection.getresponse() as answer:
            text = answer.read()
        if answer.status != 200:
            raise http.client.HTTPException(f"{answer.status}: {text[:200]!r}")
        if not stream:
            json.loads(text)
            self.tally.whole += 1
        elif text.endswith(b"data: [DONE]\n\n"):
            self.tally.streamed += 1
        else:
            raise http.client.HTTPException(f"cut: {text[-200:]!r}")


@contextmanager
def under_load(gateway: GatewayProcess, **how: object) -> Iterator[Tally]:
    load = Load(gateway, **how)  # type: ignore[arg-type]
    load.begin()
    try:
        yield load.tally
    finally:
        load.end()
