"""A bound on a head's fields for Hypercorn, which has one on its bytes only."""

from __future__ import annotations

from gateway.edge.service import OnRefusal
from gateway.errors import HeadersTooLarge
from gateway.face.asgi_exchange import AsgiApp, Receive, Scope, Send
from gateway.face.hypercorn_farewell import refuse, report


class BoundedHeads:
    """ASGI middleware: 431 for a request of more than `header_count` fields, of which `on_refusal` is told."""

    def __init__(self, app: AsgiApp, header_count: int, on_refusal: OnRefusal) -> None:
        self._app = app
        self._header_count = header_count
        self._on_refusal = on_refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if len(scope.get("headers", ())) <= self._header_count:
            await self._app(scope, receive, send)
            return
        refusal = HeadersTooLarge(f"The request has more than {self._header_count} header fields.")
        await refuse(refusal, report(self._on_refusal, refusal, scope), scope, send)
