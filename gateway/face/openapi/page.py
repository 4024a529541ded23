"""The endpoint GET /openapi.json."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from gateway.exchange import Answer, Request
from gateway.face.errors import JSON
from gateway.face.openapi.admin_operations import ADMIN_OPERATIONS
from gateway.face.openapi.document import document
from gateway.face.openapi.operations import OPERATIONS
from gateway.face.record import RequestRecord


class OpenApiPage:
    """Writes the description when it is first asked for."""

    __slots__ = ("_body", "_routes", "_version")

    def __init__(self, routes: Sequence[tuple[str, str]], version: str) -> None:
        """`routes`: method and rule of each endpoint."""
        self._routes = routes
        self._version = version
        self._body: bytes | None = None

    async def show(self, _request: Request, _record: RequestRecord) -> Answer:
        if self._body is None:
            described = document(self._routes, {**OPERATIONS, **ADMIN_OPERATIONS}, self._version)
            self._body = msgspec.json.encode(described)
        return Answer(200, [JSON, (b"cache-control", b"no-cache")], self._body)
