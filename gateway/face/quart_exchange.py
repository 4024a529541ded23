"""Handlers as Quart's views.

A view's streamed body outlives the view: between its return and the first byte Quart awaits, and a client that goes
just then would leave the body open. So the connection, which is there from first to last, closes it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from types import TracebackType
from typing import Any, Final

import trio
from hypercorn.typing import HTTPScope
from quart import Quart, Response, request
from quart.wrappers.response import ResponseBody
from quart_trio.asgi import TrioASGIHTTPConnection
from quart_trio.wrappers import TrioResponse
from werkzeug.exceptions import RequestEntityTooLarge

from gateway.edge.refusals import RequestTimedOut
from gateway.errors import BodyTooLarge
from gateway.exchange import Answer, BodyStream, Handler
from gateway.face.asgi_exchange import AsgiRequest, Receive, Scope, Send

_OPEN_BODY: Final = "llm_gateway.open_body"
"""Where the scope of a request keeps its streamed body until the connection has closed it."""

View = Callable[..., Awaitable[Response]]


class QuartRequest(AsgiRequest):
    """A Request whose body Quart reads: ahead of us and without backpressure, up to MAX_CONTENT_LENGTH."""

    __slots__ = ("_pieces", "_progress_s")

    def __init__(self, scope: Scope, pieces: AsyncIterator[bytes], *, progress_s: float) -> None:
        super().__init__(scope, _never)
        self._pieces = pieces
        self._progress_s = progress_s

    async def receive_body(self) -> tuple[bytes, bool]:
        try:
            with trio.move_on_after(self._progress_s):
                piece = await anext(self._pieces, b"")
                return piece, bool(piece)
        except RequestEntityTooLarge as refusal:
            raise BodyTooLarge("The body of the request is too large.") from refusal
        raise RequestTimedOut(f"The body of the request made no progress for {self._progress_s:g} s.")


class StreamedBody(ResponseBody):
    """A BodyStream as Quart iterates one; its end is the connection's business."""

    def __init__(self, body: BodyStream) -> None:
        self._body = body

    async def __aenter__(self) -> StreamedBody:
        return self

    async def __aexit__(self, *_error: type | BaseException | TracebackType | None) -> None:
        pass

    def __aiter__(self) -> StreamedBody:
        return self

    async def __anext__(self) -> bytes:
        piece = await self._body.receive()
        if piece is None:
            raise StopAsyncIteration
        return piece


class ClosingConnection(TrioASGIHTTPConnection):
    """Quart's HTTP connection, closing a streamed body on every way out."""

    def __init__(self, app: Quart, scope: HTTPScope) -> None:
        if not scope["path"]:
            scope["path"] = "/"  # of `GET ?query`, over which Quart would stumble
        super().__init__(app, scope)

    async def __call__(self, receive: Receive, send: Send) -> None:  # type: ignore[override]  # plain ASGI types
        try:
            await super().__call__(receive, send)  # type: ignore[arg-type]
        finally:
            body: BodyStream | None = self.scope.pop(_OPEN_BODY, None)  # type: ignore[typeddict-item]
            if body is not None:
                body.close()


def view_of(handler: Handler, *, body_progress_s: float) -> View:
    """A Quart view that serves `handler`, which reads path parameters from the path itself."""

    async def view(**_path_parameters: Any) -> Response:
        scope: Scope = request.scope  # type: ignore[assignment]  # a TypedDict to Quart
        asked = QuartRequest(scope, request.body, progress_s=body_progress_s)
        answer = await handler(asked)
        if not isinstance(answer.body, bytes):
            scope[_OPEN_BODY] = answer.body
        return _response(answer)

    return view


def _response(answer: Answer) -> Response:
    body = answer.body
    response = TrioResponse(body if isinstance(body, bytes) else StreamedBody(body), status=answer.status)
    response.headers.pop("content-type", None)
    for name, value in answer.headers:
        response.headers.add(name.decode("latin-1"), value.decode("latin-1"))
    return response


async def _never() -> Any:
    raise AssertionError("Quart reads the body")
