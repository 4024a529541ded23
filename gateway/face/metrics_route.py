"""GET /metrics: a Prometheus scrape."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from gateway.exchange import Answer, Request
from gateway.face.auth import TokenDoor
from gateway.face.record import RequestRecord
from gateway.world import RunInThread

Scrape = Callable[[], Callable[[], tuple[bytes, str]]]
"""Takes a snapshot where the actors run; what it returns renders it, anywhere, to a body and its content type."""


ScrapeAll = Callable[[], Awaitable[Callable[[], tuple[bytes, str]]]]
"""The same, for all workers of this gateway."""


class MetricsPage:
    """Renders in a thread: a large scrape takes tens of milliseconds."""

    def __init__(
        self, scrape: Scrape, run_in_thread: RunInThread, door: TokenDoor, scrape_all: ScrapeAll | None = None
    ) -> None:
        self._scrape = scrape
        self._scrape_all = scrape_all
        self._run_in_thread = run_in_thread
        self._door = door

    async def show(self, request: Request, _record: RequestRecord) -> Answer:
        """Raises Unauthorized."""
        self._door.check(request)
        render = self._scrape() if self._scrape_all is None else await self._scrape_all()
        body, content_type = await self._run_in_thread(render)
        return Answer(200, [(b"content-type", content_type.encode("ascii"))], body)
