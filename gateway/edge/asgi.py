"""One request as an ASGI 3 application sees it: the scope, `receive` and `send`.

A client that goes away cancels the application's call at once, so `http.disconnect` is only ever received after the
answer is complete.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from gateway.edge.answer_head import MalformedAnswer
from gateway.edge.exchange import Exchange
from gateway.exchange import FATE, Disconnected, Headers

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]


async def run_app(app: ASGIApp, exchange: Exchange, server: tuple[str, int]) -> None:
    """Has `app` answer. Raises what that raises, MalformedAnswer, ClientGone."""
    exchange.scope = scope = _scope(exchange, server)
    messages = _Messages(exchange)
    await app(scope, messages.receive, messages.send)


def _scope(exchange: Exchange, server: tuple[str, int]) -> Scope:
    head = exchange.request.head
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": head.version,
        "method": head.method,
        "scheme": "http",
        "path": head.path,
        "raw_path": head.raw_path,
        "query_string": head.query,
        "root_path": "",
        "headers": list(head.headers),
        "client": exchange.peer,
        "server": server,
        "extensions": {},
        FATE: exchange,
    }


class _Messages:
    """An exchange by messages."""

    __slots__ = ("_exchange", "_headers", "_status")

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._status = 0
        """Of the start that is held back until the first piece of the body; 0 where there is none."""
        self._headers: Headers = []

    async def receive(self) -> Message:
        """The body, then `http.disconnect`."""
        try:
            body, more = await self._exchange.receive_body()
        except Disconnected:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": body, "more_body": more}

    async def send(self, message: Message) -> None:
        """Takes the answer; its head goes out together with the first piece of its body. Raises MalformedAnswer."""
        kind, exchange = message["type"], self._exchange
        if kind == "http.response.body" and not exchange.finished:
            if not self._status:
                raise MalformedAnswer("a body without a start")
            piece, more = message.get("body", b""), message.get("more_body", False)
            await exchange.put(self._status, self._headers, piece, more=more)
        elif kind == "http.response.start" and not (self._status or exchange.opened):
            self._status = message["status"]
            self._headers = list(message.get("headers", ()))  # ASGI allows what can be gone through once
        else:
            raise MalformedAnswer(f"{kind} is out of place here")
