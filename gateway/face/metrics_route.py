"""GET /metrics: a Prometheus scrape."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from gateway.exchange import Answer, Request
from gateway.face.auth import TokenDoor
from gateway.face.record import RequestRecord

Scrape = Callable[[bytes], Awaitable[tuple[bytes, str]]]
"""The figures of now, in the best form that an Accept header takes: a body and its content type."""


class MetricsPage:
    """The figures, for whoever may see them."""

    def __init__(self, scrape: Scrape, door: TokenDoor) -> None:
        self._scrape = scrape
        self._door = door

    async def show(self, request: Request, _record: RequestRecord) -> Answer:
        """Raises Unauthorized."""
        self._door.check(request)
        body, content_type = await self._scrape(request.fields.get(b"accept", b""))
        return Answer(200, [(b"content-type", content_type.encode("ascii"))], body)
