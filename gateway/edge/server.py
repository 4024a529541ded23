"""The ASGI 3 server: HTTP/1.1 on Trio over world.Listener, one Connection for each client."""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import trio

from gateway.edge.answer_head import FieldLines
from gateway.edge.asgi import ASGIApp
from gateway.edge.connection import Connection
from gateway.edge.limits import ServerLimits
from gateway.edge.service import HandlerOf, OnCrash, OnRefusal, Service
from gateway.errors import GatewayError
from gateway.world import Listener, Stream


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerStatistics:
    connections: int
    busy: int
    """Requests being answered."""
    idle: int
    """Connections that wait for a request."""
    requests: int
    """Answered or being answered, since the start."""
    failed_accepts: int


def nobody(_asked: tuple[str, str]) -> None:
    """For a server of nothing but ASGI."""


def untold(_target: bytes, _fields: Mapping[bytes, bytes], _refusal: GatewayError) -> bytes:
    """For a server whose refusals are nobody's business."""
    return b""


_NO_DESCRIPTORS: Final = frozenset({errno.EMFILE, errno.ENFILE})


class EdgeServer:
    """Serves `app`, and past it those requests that `handler_of` knows a handler for.

    A client that goes away cancels its call. `clock` is Trio's. `on_crash` gets every exception that escapes the app,
    with the request's ASGI scope where there is one; such an exception ends that request alone. `on_refusal` is told
    what comes to neither the app nor a handler, for it is malformed, too large or too slow.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        limits: ServerLimits,
        clock: Callable[[], float],
        wall_clock: Callable[[], float],
        on_crash: OnCrash,
        on_refusal: OnRefusal = untold,
        handler_of: HandlerOf = nobody,
    ) -> None:
        self._service = Service(
            app=app,
            handler_of=handler_of,
            limits=limits,
            clock=clock,
            lines=FieldLines(wall_clock),
            on_crash=on_crash,
            on_refusal=on_refusal,
        )
        self._connections: dict[Connection, None] = {}
        """In the order in which they came: a set's would change from process to process."""
        self._room = trio.lowlevel.ParkingLot()
        self._accepting = trio.CancelScope()
        self._failed_accepts = 0
        self._listeners: Sequence[Listener] = ()
        self._nursery: trio.Nursery | None = None

    async def serve(
        self,
        listeners: Sequence[Listener],
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Serves until `drain` has been called and the last connection has ended; closes the listeners."""
        async with trio.open_nursery() as connections:
            self._listeners, self._nursery = listeners, connections
            try:
                with self._accepting:
                    async with trio.open_nursery() as acceptors:
                        for listener in listeners:
                            acceptors.start_soon(self._accept, listener, connections)
                        task_status.started()
            finally:
                for listener in listeners:
                    listener.close()

    def drain(self, grace_s: float) -> None:
        """Stops accepting; closes idle connections now, others after their answer or when the grace is over.

        Idle are those on which no byte of a request has arrived, and who has connected by now is still let in.
        """
        deadline = self._service.clock() + grace_s
        if not self._accepting.cancel_called and self._nursery is not None:
            self._accept_those_waiting(self._nursery)
        self._accepting.cancel()
        for connection in list(self._connections):
            connection.drain(deadline)

    def view(self) -> dict[str, Any]:
        """What operators see of it."""
        return asdict(self.statistics())

    def statistics(self) -> ServerStatistics:
        service = self._service
        return ServerStatistics(
            connections=len(self._connections),
            busy=sum(connection.is_busy for connection in self._connections),
            idle=len(service.idle),
            requests=service.requests,
            failed_accepts=self._failed_accepts,
        )

    async def _accept(self, listener: Listener, connections: trio.Nursery) -> None:
        while True:
            try:
                stream = await listener.accept()
            except trio.ClosedResourceError:
                return
            except OSError as problem:
                # Out of descriptors or memory, or a client that left before it was accepted: it passes.
                self._failed_accepts += 1
                if problem.errno not in _NO_DESCRIPTORS or not self._service.make_room():
                    await trio.sleep(self._service.limits.accept_pause_s)
                continue  # in the room of somebody who may ask again: who asks comes first
            self._let_in(stream, listener, connections)
            await self._make_room()

    def _accept_those_waiting(self, connections: trio.Nursery) -> None:
        room = self._service.limits.max_connections - len(self._connections)
        for listener in self._listeners:
            try:
                while room > 0:
                    self._let_in(listener.accept_nowait(), listener, connections)
                    room -= 1
            except (trio.WouldBlock, trio.ClosedResourceError, OSError):
                continue

    def _let_in(self, stream: Stream, listener: Listener, connections: trio.Nursery) -> None:
        connection = Connection(self._service, stream, listener.address)
        self._connections[connection] = None
        connections.start_soon(self._run, connection)

    async def _run(self, connection: Connection) -> None:
        try:
            await connection.run()
        finally:
            self._connections.pop(connection, None)
            self._room.unpark()

    async def _make_room(self) -> None:
        """Returns when one more connection may come; while it waits, every answer is its connection's last."""
        service = self._service
        try:
            while len(self._connections) >= service.limits.max_connections:
                service.crowded = True
                service.make_room()
                await self._room.park()
        finally:
            service.crowded = False
