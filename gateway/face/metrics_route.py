"""GET /metrics: a Prometheus scrape."""

from __future__ import annotations

from collections.abc import Callable

from gateway.exchange import Answer, Request
from gateway.face.auth import TokenDoor
from gateway.face.record import RequestRecord
from gateway.world import RunInThread

Scrape = Callable[[], Callable[[], tuple[bytes, str]]]
"""Takes a snapshot where the actors run; what it returns renders it, anywhere, to a body and its content type."""


class MetricsPage:
    """Renders in a thread: a large scrape takes tens of milliseconds."""

    def __init__(self, scrape: Scrape, run_in_thread: RunInThread, door: TokenDoor) -> None:
        self._scrape = scrape
        self._run_in_thread = run_in_thread
        self._door = door

    async def show(self, request: Request, _record: RequestRecord) -> Answer:
        """Raises Unauthorized."""
        self._door.check(request)
        body, content_type = await self._run_in_thread(self._scrape())
        return Answer(200, [(b"content-type", content_type.encode("ascii"))], body)
