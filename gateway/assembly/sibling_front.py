"""What a worker tells its siblings, and the server in which it does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import trio

from gateway.admin.orders import Given
from gateway.edge.limits import ServerLimits
from gateway.edge.server import EdgeServer
from gateway.edge.service import HandlerOf
from gateway.exchange import Answer, Handler, Request
from gateway.face.asgi_exchange import Receive, Scope, Send
from gateway.face.background import BackgroundResponses
from gateway.siblings import (
    ACTORS,
    CANCEL,
    DELETE,
    FIGURES,
    IN_FORCE,
    KEPT,
    ORDERS,
    REQUESTS,
    RUNS,
    SPENT,
    WATCH,
    ResponseQuestion,
)
from gateway.store.responses import ResponseStore
from gateway.world import Listener, World

_read_question = msgspec.json.Decoder(ResponseQuestion).decode
_read_given = msgspec.json.Decoder(Given).decode


def sibling_handlers(
    *,
    figures: Callable[[], Awaitable[bytes]],
    actors: Handler,
    spend: Handler,
    requests: Handler,
    obey: Callable[[Given], Awaitable[str]],
    watch: Callable[[int], bytes],
    in_force: Callable[[], bytes],
    store: ResponseStore,
    background: BackgroundResponses,
) -> HandlerOf:
    """Only siblings reach it, so that it asks for no key."""

    async def tell_figures(_request: Request) -> Answer:
        return Answer(200, [], await figures())

    async def take_order(request: Request) -> Answer:
        return Answer(200, [], (await obey(_read_given(await _body(request)))).encode())

    async def tell_in_force(_request: Request) -> Answer:
        return Answer(200, [], in_force())

    async def tell_watcher(request: Request) -> Answer:
        return Answer(200, [], watch(int(request.query)))

    async def tell_kept(request: Request) -> Answer:
        question = await _question(request)
        value = await store.get(question.id, question.owner)
        return Answer(404) if value is None else Answer(200, [], value)

    async def delete(request: Request) -> Answer:
        question = await _question(request)
        return Answer(200 if await store.delete(question.id, question.owner) else 404)

    async def tell_whether_it_runs(request: Request) -> Answer:
        question = await _question(request)
        return Answer(200 if background.runs_here(question.id, question.owner) else 404)

    async def cancel(request: Request) -> Answer:
        question = await _question(request)
        return Answer(200 if await background.cancel_here(question.id, question.owner) else 404)

    table: dict[tuple[str, str], Handler] = {
        ("GET", FIGURES): tell_figures,
        ("GET", ACTORS): actors,
        ("GET", SPENT): spend,
        ("GET", REQUESTS): requests,
        ("POST", ORDERS): take_order,
        ("GET", WATCH): tell_watcher,
        ("GET", IN_FORCE): tell_in_force,
        ("POST", KEPT): tell_kept,
        ("POST", DELETE): delete,
        ("POST", RUNS): tell_whether_it_runs,
        ("POST", CANCEL): cancel,
    }
    return table.get


async def _question(request: Request) -> ResponseQuestion:
    return _read_question(await _body(request))


async def _body(request: Request) -> bytes:
    body, more = request.whole_body or b"", request.whole_body is None
    while more:
        piece, more = await request.receive_body()
        body += piece
    return body


async def _nothing(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 404, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


class SiblingFront:
    """One life of that server; it listens afresh, and from then on siblings find it instead of who was there before."""

    def __init__(
        self,
        handler_of: HandlerOf,
        listen: Callable[[], Awaitable[Listener]],
        world: World,
        on_crash: Callable[..., None],
    ) -> None:
        self._listen = listen
        self._server = EdgeServer(
            _nothing,
            limits=ServerLimits(),
            clock=world.clock,
            wall_clock=world.wall_clock,
            on_crash=on_crash,
            handler_of=handler_of,
        )

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serves until stopped. Raises OSError where the socket cannot be made."""
        await self._server.serve([await self._listen()], task_status=task_status)

    def stop(self) -> None:
        self._server.drain(0.5)

    def view(self) -> dict[str, Any]:
        return {"connections": self._server.statistics().connections}
