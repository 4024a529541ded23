"""Handlers on a bare ASGI server, past Quart: the hot routes on another engine than ours.

The edge calls these handlers itself, and cancels one whose client has gone; under any other server somebody has to
listen for the disconnect while the handler runs.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from functools import partial
from typing import Any, Final

import trio

from actors.errors import Failure
from actors.timers import LATE_S, SECOND_LOOK_S
from gateway.edge.refusals import RequestTimedOut
from gateway.errors import InvalidRequest
from gateway.exchange import FATE, Answer, Disconnected, Fate, Handler, Headers

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

MOST_CRUMBS: Final = 1000
CRUMB_BYTES: Final = 64
"""Beyond so many pieces they are to be larger than this, one with another."""
_UNIX_PEER: Final = ("unix", 0)


class AsgiRequest:
    """A Request over an ASGI scope and its `receive`."""

    __slots__ = ("_receive", "fields", "known", "scope", "whole_body")

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.scope = scope
        self._receive = receive
        self.known: dict[object, Any] = {}
        self.whole_body: bytes | None = None
        # Backwards, so that of several fields of one name the first is what stays.
        self.fields: Mapping[bytes, bytes] = dict(reversed(scope["headers"]))

    @property
    def method(self) -> str:
        method: str = self.scope["method"]
        return method

    @property
    def path(self) -> str:
        path: str = self.scope["path"]
        return path

    @property
    def query(self) -> bytes:
        query: bytes = self.scope["query_string"]
        return query

    @property
    def headers(self) -> Headers:
        headers: Headers = self.scope["headers"]
        return headers

    @property
    def peer(self) -> tuple[str, int]:
        client = self.scope.get("client")
        return _UNIX_PEER if client is None else (client[0], client[1])

    @property
    def opened(self) -> bool:
        fate: Fate | None = self.scope.get(FATE)
        return fate is not None and fate.opened

    @property
    def refusal(self) -> Failure | None:
        fate: Fate | None = self.scope.get(FATE)
        return None if fate is None else fate.refusal

    def told_as(self, request_id: str) -> None:
        fate: Fate | None = self.scope.get(FATE)
        if fate is not None:
            fate.told_as(request_id)

    async def receive_body(self) -> tuple[bytes, bool]:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        return message.get("body", b""), message.get("more_body", False)


class WatchedRequest(AsgiRequest):
    """A Request on a server that neither cancels nor limits how long a body may stall.

    Once the body has come, or nobody wants the rest of it, `watch` starts whoever listens for the disconnect: a
    server's `receive` is for one task at a time.
    """

    __slots__ = ("_bytes", "_pieces", "_progress_s", "_start_watching", "_watched")

    def __init__(
        self, scope: Scope, receive: Receive, *, progress_s: float, start_watching: Callable[[], None]
    ) -> None:
        super().__init__(scope, receive)
        self._progress_s = progress_s
        self._start_watching = start_watching
        self._watched = False
        self._pieces = self._bytes = 0

    async def receive_body(self) -> tuple[bytes, bool]:
        due = trio.current_time() + self._progress_s
        with trio.CancelScope(deadline=due):
            return await self._receive_piece()
        if trio.current_time() - due > LATE_S:  # this process stood still: what has come meanwhile has come in time
            with trio.move_on_after(SECOND_LOOK_S):
                return await self._receive_piece()
        raise RequestTimedOut(f"The body of the request made no progress for {self._progress_s:g} s.")

    async def _receive_piece(self) -> tuple[bytes, bool]:
        piece, more = await super().receive_body()
        if not more:
            self.watch()
        self._check_crumbs(piece)
        return piece, more

    def _check_crumbs(self, piece: bytes) -> None:
        """Hypercorn takes a third of a millisecond for each, were it one byte: a megabyte so would take minutes."""
        self._pieces += 1
        self._bytes += len(piece)
        if self._pieces > MOST_CRUMBS and self._bytes < self._pieces * CRUMB_BYTES:
            raise InvalidRequest("The body of the request comes in too many and too small pieces.")

    def watch(self) -> None:
        if not self._watched:
            self._watched = True
            self._start_watching()


class HotRoutes:
    """ASGI middleware: hands the requests in `table` (by method and path) to their handlers, the rest to `app`."""

    def __init__(self, app: AsgiApp, table: Mapping[tuple[str, str], Handler], *, body_progress_s: float) -> None:
        self._app = app
        self._table = table
        self._body_progress_s = body_progress_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        handler = None
        if scope["type"] == "http":
            handler = self._table.get((scope["method"], scope["path"]))
        if handler is None:
            await self._app(scope, receive, send)
            return
        async with trio.open_nursery() as nursery:
            start = partial(nursery.start_soon, _watch, receive, nursery.cancel_scope)
            request = WatchedRequest(scope, receive, progress_s=self._body_progress_s, start_watching=start)
            await _serve(handler, request, send)
            nursery.cancel_scope.cancel()


async def _serve(handler: Handler, request: WatchedRequest, send: Send) -> None:
    try:
        answer = await handler(request)
    except Disconnected:
        return
    body = answer.body
    if isinstance(body, bytes):
        request.watch()
        answer.headers.append((b"content-length", b"%d" % len(body)))
        await send(_start(answer))
        await send({"type": "http.response.body", "body": body})
        return
    try:
        request.watch()
        await send(_start(answer))
        while (piece := await body.receive()) is not None:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    finally:
        body.close()


def _start(answer: Answer) -> Message:
    return {"type": "http.response.start", "status": answer.status, "headers": answer.headers}


async def _watch(receive: Receive, scope: trio.CancelScope) -> None:
    """Cancels `scope` when the client goes; what it sends until then is dropped."""
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()
