"""One request as an ASGI 3 application sees it: the scope, `receive` and `send`.

A client that goes away cancels the application's call at once, so `http.disconnect` is only ever received after the
answer is complete.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from gateway.edge.answer_head import FieldLines, MalformedAnswer
from gateway.edge.exchange import Exchange, Wire
from gateway.edge.request import Head, Request
from gateway.exchange import FATE, Disconnected, Headers

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]


class AsgiExchange(Exchange):
    """An Exchange by messages."""

    __slots__ = ("_app", "_headers", "_server", "_status", "scope")

    def __init__(
        self,
        request: Request,
        wire: Wire,
        lines: FieldLines,
        discard_bytes: int,
        app: ASGIApp,
        server: tuple[str, int],
    ) -> None:
        super().__init__(request, wire, lines, discard_bytes, None)
        self._app = app
        self._server = server
        self._status = 0
        """Of the start that is held back until the first piece of the body; 0 where there is none."""
        self._headers: Headers = []

        self.scope = self._scope(request.head)

    async def run(self) -> None:
        """Has the application called. Raises what that raises, MalformedAnswer, ClientGone."""
        assert self.scope is not None, "it is made with the exchange"
        await self._app(self.scope, self.receive, self.send)

    def _scope(self, head: Head) -> Scope:
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
            "client": self.peer,
            "server": self._server,
            "extensions": {},
            FATE: self,
        }

    async def receive(self) -> Message:
        """The body, then `http.disconnect`."""
        try:
            body, more = await self.receive_body()
        except Disconnected:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": body, "more_body": more}

    async def send(self, message: Message) -> None:
        """Takes the answer; its head goes out together with the first piece of its body. Raises MalformedAnswer."""
        kind = message["type"]
        if kind == "http.response.body" and not self.finished:
            if not self._status:
                raise MalformedAnswer("a body without a start")
            await self._put(self._status, self._headers, message.get("body", b""), more=message.get("more_body", False))
        elif kind == "http.response.start" and not (self._status or self.opened):
            self._status = message["status"]
            self._headers = list(message.get("headers", ()))  # ASGI allows what can be gone through once
        else:
            raise MalformedAnswer(f"{kind} is out of place here")
