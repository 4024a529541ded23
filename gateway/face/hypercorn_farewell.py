"""The end of a drain's grace on Hypercorn: whoever still waits is told so, and not left with an empty 500."""

from __future__ import annotations

from typing import Final

import trio

from gateway.edge.refusals import ShuttingDown, error_body, refusal_headers
from gateway.edge.service import OnRefusal
from gateway.errors import GatewayError
from gateway.exchange import FATE, Headers
from gateway.face.asgi_exchange import AsgiApp, Message, Receive, Scope, Send

FAREWELL_S: Final = 1.0
"""What telling it may take."""


class _Fate:
    """Of one request; a `gateway.exchange.Fate`."""

    __slots__ = ("gone", "opened", "request_id")

    def __init__(self) -> None:
        self.gone = False
        self.opened = False
        self.request_id = ""

    @property
    def refusal(self) -> GatewayError | None:
        return None if self.gone else ShuttingDown()

    def told_as(self, request_id: str) -> None:
        self.request_id = request_id


class FarewellApp:
    """ASGI middleware, the outermost one: Hypercorn cancels an application only where the gateway ends."""

    def __init__(self, app: AsgiApp, on_refusal: OnRefusal) -> None:
        self._app = app
        self._on_refusal = on_refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        fate = scope[FATE] = _Fate()

        async def hear() -> Message:
            message = await receive()
            if message["type"] == "http.disconnect":
                fate.gone = True
            return message

        async def say(message: Message) -> None:
            fate.opened = True
            await send(message)

        try:
            await self._app(scope, hear, say)
        finally:
            refusal = None if fate.opened else fate.refusal
            if refusal is not None and trio.current_effective_deadline() < trio.current_time():
                with trio.move_on_after(FAREWELL_S, shield=True):
                    await self._refuse(refusal, fate, scope, send)

    async def _refuse(self, refusal: GatewayError, fate: _Fate, scope: Scope, send: Send) -> None:
        told_as = fate.request_id.encode("ascii")
        await refuse(refusal, told_as or report(self._on_refusal, refusal, scope), scope, send)


def report(on_refusal: OnRefusal, refusal: GatewayError, scope: Scope) -> bytes:
    """Tells of a request that no handler tells of; its id, b"" for none."""
    return on_refusal(scope["raw_path"], dict(reversed(scope["headers"])), refusal)


def last_answer(refusal: GatewayError, target: bytes, request_id: bytes) -> tuple[Headers, bytes]:
    """The fields and the body of a connection's last answer, in the dialect of who asks at `target`."""
    body = error_body(refusal, target)
    headers = [
        *refusal_headers(request_id),
        (b"content-length", b"%d" % len(body)),
        (b"connection", b"close"),
    ]
    return headers, body


async def refuse(refusal: GatewayError, request_id: bytes, scope: Scope, send: Send) -> None:
    """Answers in the app's place; the connection ends with it."""
    headers, body = last_answer(refusal, scope["raw_path"], request_id)
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
