"""Hypercorn's connection, contained: no client's input reaches another connection, and no write waits for ever.

What is changed against hypercorn.trio.tcp_server (0.18), each for a fault of it:

- an exception in one connection ended the whole server: `run` lets none out
- a request's head had as long as a connection may be idle
- writes were shielded without a limit, so that a client that stops reading defeated every timeout and the drain
- cancelling an application whose last message is being sent left its connection without a timer, or half closed
- the host in an absolute target was passed over for the Host field
- an application that answered without reading a long body left both it and the reader waiting for each other
- an answer before the end of a body was followed by a reset, which could destroy it: we linger, as nginx does
- a connection that its client had closed stood open until its idle timer ran out
- a process that stood still for longer than a limit closed connections whose requests lay unread in the kernel
- HTTP/2's goodbye in a drain overtook the end of the last answer, which then seemed cut short
- HTTP/2 without TLS and WebSockets could be switched to; nobody here speaks them
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import h2.events
import h11
import trio
from hypercorn.config import Config
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.protocol.events import Event as StreamEvent
from hypercorn.protocol.events import StreamClosed
from hypercorn.protocol.h2 import H2Protocol
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.trio.task_group import TaskGroup
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import AppWrapper, ASGIReceiveEvent, ASGISendEvent, ConnectionState, Scope
from hypercorn.utils import parse_socket_addr

from actors.timers import LATE_S, SECOND_LOOK_S
from gateway.edge.limits import ServerLimits
from gateway.edge.refusals import CodingUnsupported
from gateway.edge.service import OnRefusal
from gateway.edge.target import check_host, split_absolute
from gateway.errors import GatewayError, HeadersTooLarge, InvalidRequest
from gateway.face.hypercorn_farewell import last_answer
from gateway.face.hypercorn_stream import RECEIVE_BYTES

OnCrash = Callable[[BaseException, MutableMapping[str, Any] | None], None]
"""Takes what escaped an app or a connection, with the request's ASGI scope where there is one; must not raise."""

WRITE_PIECE_BYTES = 64 * 1024
"""Each piece of an answer of this size may take `write_stall_s`."""
AMID_HEADS = (b"\x01", b"\x09")
"""HTTP/2's frames of a head, HEADERS and CONTINUATION (RFC 9113, 6.2 and 6.10)."""

_THE_CLIENTS_DOING = (OSError, trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError)


class ContainedServer(TCPServer):
    """One connection; `run` returns when it is over and raises nothing but cancellation."""

    def __init__(
        self,
        app: AppWrapper,
        config: Config,
        context: WorkerContext,
        stream: Any,
        *,
        limits: ServerLimits,
        parting: dict[ContainedServer, None],
        on_crash: OnCrash,
        on_refusal: OnRefusal,
    ) -> None:
        """`parting` has the server's connections whose last answer is out, the longest first."""
        super().__init__(app, config, context, {}, stream)
        self._limits = limits
        self._header_s = limits.header_s
        self._write_stall_s = limits.write_stall_s
        self._parting = parting
        self._on_crash = on_crash
        self._on_refusal = on_refusal
        self._reading = trio.CancelScope()
        """Its deadline is the end of parting."""
        self._head_due = math.inf
        """By when the next bytes have to come, while a head is waited for."""
        self._over = False
        """Nothing that is still read counts any more."""
        self._leaves_by = math.inf
        self._dropped_bytes = 0

    async def run(self) -> None:
        try:
            alpn_protocol = await self._handshake()
            await self._converse(alpn_protocol)
        except* _THE_CLIENTS_DOING:
            pass
        except* Exception as crash:
            self._on_crash(crash, None)
        finally:
            self._parting.pop(self, None)
            await self._close()

    async def protocol_send(self, event: Event) -> None:
        if isinstance(event, RawData):
            if not await self._write(event.data):
                await trio.aclose_forcefully(self.stream)
                await self.protocol.handle(Closed())
        elif isinstance(event, Closed):
            await self._finish()
            await self.protocol.handle(Closed())
        elif isinstance(event, Updated):
            with trio.CancelScope(shield=True):
                if event.idle and not self._over:
                    await self.idle_task.restart(self._task_group, self._idle_timeout)
                else:
                    await self.idle_task.stop()

    async def _handshake(self) -> str:
        """Finishes TLS where the stream has it; the protocol that was agreed upon."""
        if not isinstance(self.stream, trio.SSLStream):
            return "http/1.1"
        with trio.fail_after(self.config.ssl_handshake_timeout):
            await self.stream.do_handshake()
        return self.stream.selected_alpn_protocol() or "http/1.1"

    async def _converse(self, alpn_protocol: str) -> None:
        secure = isinstance(self.stream, trio.SSLStream)
        socket = (self.stream.transport_stream if secure else self.stream).socket
        protocol = PatientH2Protocol if alpn_protocol == "h2" else partial(PlainH11Protocol, self._on_refusal)
        async with ClosingTaskGroup(self._on_crash) as self._task_group:
            self.protocol = protocol(  # type: ignore[assignment]  # ProtocolWrapper adds only the switch to h2c
                self.app,
                self.config,
                self.context,
                self._task_group,
                ConnectionState({}),
                secure,
                parse_socket_addr(socket.family, socket.getpeername()),
                parse_socket_addr(socket.family, socket.getsockname()),
                self.protocol_send,
            )
            await self.protocol.initiate()
            await self.idle_task.restart(self._task_group, self._idle_timeout)
            self._head_due = trio.current_time() + self._header_s
            await self._read_data()
            await self.idle_task.stop()

    async def _read_data(self) -> None:
        with self._reading, suppress(*_THE_CLIENTS_DOING):
            while data := await self._receive():
                if not self._over:
                    due, self._head_due = self._head_due, math.inf
                    await self.protocol.handle(RawData(bytes(data)))  # behind pipelined requests this waits for answers
                    self._bound_head(due)
                elif not self._drop(data):
                    break
        self._over = True
        await self.protocol.handle(Closed())

    async def _receive(self) -> bytes | bytearray:
        """What has come; b"" at the end of the stream, and where a head's time is over.

        A process that stood still finds both at once, what has come and that its time is over: it looks once more.
        """
        while True:
            with trio.CancelScope(deadline=self._head_due):
                return await self.stream.receive_some(RECEIVE_BYTES)
            late_s = trio.current_time() - self._head_due
            if not self._over and late_s <= LATE_S:
                return b""
            self._head_due = math.inf if self._over else trio.current_time() + SECOND_LOOK_S

    async def _idle_timeout(self) -> None:
        due = trio.current_time() + self.config.keep_alive_timeout
        with trio.move_on_at(due):
            await self.context.terminated.wait()
        if trio.current_time() - due > LATE_S:
            await trio.sleep(SECOND_LOOK_S)  # who has a request ends this task
        with trio.CancelScope(shield=True):
            await self._initiate_server_close()

    def _drop(self, data: bytes | bytearray) -> bool:
        """The client goes on sending behind its last answer; whether it may."""
        self._dropped_bytes += len(data)
        self._reading.deadline = min(trio.current_time() + self._limits.linger_silence_s, self._leaves_by)
        return self._dropped_bytes < self._limits.linger_bytes

    def _bound_head(self, due: float) -> None:
        """The rest of a head that has begun has so long to come; what else is waited for has limits of its own."""
        if self._over:
            return
        if self.protocol.is_amid_head:  # type: ignore[attr-defined]  # ours, of either kind
            now = trio.current_time()
            self._head_due = due if now < due < math.inf else now + self._header_s

    async def _finish(self) -> None:
        """Says that nothing follows, and lets the client part as the edge does (`gateway/edge/parting.py`).

        TLS cannot be ended in one direction: it is closed, or, while a client sends on, left open until that has read.
        """
        self._over = True
        secure, sends_on = isinstance(self.stream, trio.SSLStream), self.protocol.sends_on  # type: ignore[attr-defined]
        if secure and not sends_on:
            await self._close()
            return
        now, limits = trio.current_time(), self._limits
        self._leaves_by = now + limits.linger_s
        self._reading.deadline = now + (limits.linger_silence_s if sends_on else limits.linger_least_s)
        self._parting[self] = None
        if len(self._parting) > limits.max_parting:
            next(iter(self._parting))._reading.cancel()
        if secure:
            return
        with trio.CancelScope(shield=True), suppress(*_THE_CLIENTS_DOING):
            await self.stream.send_eof()

    async def _write(self, data: bytes) -> bool:
        """Sends `data`; False where the client has gone or stopped reading."""
        rest = memoryview(data)
        with trio.CancelScope(shield=True) as patience:
            async with self.send_lock:
                while rest:
                    patience.deadline = trio.current_time() + self._write_stall_s
                    try:
                        await self.stream.send_all(rest[:WRITE_PIECE_BYTES])
                    except (trio.BrokenResourceError, trio.ClosedResourceError):
                        return False
                    rest = rest[WRITE_PIECE_BYTES:]
        return not patience.cancelled_caught

    async def _close(self) -> None:
        # TLS says goodbye, which a client that does not read could hold up.
        with trio.move_on_after(self._write_stall_s, shield=True):
            await super()._close()
        await trio.aclose_forcefully(self.stream)

    async def _initiate_server_close(self) -> None:
        await self.protocol.handle(Closed())
        await self._close()


class ClosingTaskGroup(TaskGroup):
    """Runs applications; what comes for one that has returned is dropped."""

    def __init__(self, on_crash: OnCrash) -> None:
        super().__init__()
        self._on_crash = on_crash

    async def spawn_app(
        self, app: AppWrapper, config: Config, scope: Scope, send: Callable[[ASGISendEvent | None], Awaitable[None]]
    ) -> Callable[[ASGIReceiveEvent], Awaitable[None]]:
        to_app, from_server = trio.open_memory_channel[ASGIReceiveEvent](config.max_app_queue_size)

        async def run() -> None:
            with from_server:
                try:
                    await app(scope, from_server.receive, send, trio.to_thread.run_sync, trio.from_thread.run)
                except* Exception as crash:
                    self._on_crash(crash, dict(scope))
                finally:
                    await send(None)

        async def put(event: ASGIReceiveEvent) -> None:
            with suppress(trio.BrokenResourceError):
                await to_app.send(event)

        self.spawn(run)
        return put


class PatientH2Protocol(H2Protocol):
    """Drops what still comes for a stream that has been answered; Hypercorn looks for the stream and raises KeyError.

    What is dropped is acknowledged all the same, or it would use up the connection's window. And a stream has ended
    only when its last frame is out: in a drain Hypercorn said goodbye before that, and cut the last answer short.
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._sent = trio.lowlevel.ParkingLot()

    sends_on = False
    """A stream that is refused is one of many; see above."""

    @property
    def is_amid_head(self) -> bool:
        """Some of a request's head has come, and not all of it: of its frames, or of one of them."""
        incoming = self.connection.incoming_buffer
        return bool(incoming._headers_buffer) or bytes(incoming._data[3:4]) in AMID_HEADS

    async def stream_send(self, event: StreamEvent) -> None:
        if isinstance(event, StreamClosed):
            while self._owes_end(event.stream_id):
                await self._sent.park()
        await super().stream_send(event)

    async def handle(self, event: Event) -> None:
        await super().handle(event)
        if self.closed:
            self._sent.unpark_all()

    async def _send_data(self, stream_id: int) -> None:
        await super()._send_data(stream_id)
        self._sent.unpark_all()

    def _owes_end(self, stream_id: int) -> bool:
        buffer = self.stream_buffers.get(stream_id)
        return buffer is not None and buffer.complete and not self.closed

    async def _handle_events(self, events: list[h2.events.Event]) -> None:
        for event in events:
            if isinstance(event, h2.events.DataReceived) and event.stream_id not in self.streams:
                self.connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                await self._flush()
            else:
                await super()._handle_events([event])


class PlainH11Protocol(H11Protocol):
    """HTTP/1.1 and nothing that one could switch to from it."""

    def __init__(self, on_refusal: OnRefusal, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._on_refusal = on_refusal

    @property
    def is_amid_head(self) -> bool:
        """Some of a request's head has come, and not all of it."""
        connection = self.connection
        return connection.their_state is h11.IDLE and bool(connection.trailing_data[0])

    @property
    def sends_on(self) -> bool:
        """The client may be sending what nobody wants any more."""
        return self.connection.their_state in (h11.SEND_BODY, h11.ERROR)

    async def _check_protocol(self, event: h11.Request) -> None:
        """An upgrade may be ignored (RFC 9110, 7.8)."""

    async def _create_stream(self, request: h11.Request) -> None:
        headers = [(name, value) for name, value in request.headers if name != b"upgrade"]
        target = request.target
        try:
            _check_framing(headers)
            if target[:1] != b"/" and target != b"*":
                authority, target = split_absolute(target)
                # Quart would take the path alone, and the Host field for what was asked (RFC 9112, 3.2.2).
                headers = [(b"host", authority), *(field for field in headers if field[0] != b"host")]
        except InvalidRequest as refusal:
            await self._turn_away(refusal, target, dict(reversed(headers)))
            await self.send(Closed())
            return
        plain = h11.Request(method=request.method, headers=headers, target=target, http_version=request.http_version)
        await super()._create_stream(plain)

    async def _send_error_response(self, status_code: int) -> None:
        await self._turn_away(_WHAT_H11_REFUSES.get(status_code, _NO_HTTP), b"", {})

    async def _turn_away(self, refusal: GatewayError, target: bytes, fields: Mapping[bytes, bytes]) -> None:
        """Answers in the app's place; of `target` and `fields` as much as is known."""
        request_id = self._on_refusal(target, fields, refusal)
        headers, body = last_answer(refusal, target, request_id)
        headers += self.config.response_headers("h11")
        await self._send_h11_event(h11.Response(status_code=refusal.status, headers=headers))
        await self._send_h11_event(h11.Data(data=body))
        await self._send_h11_event(h11.EndOfMessage())


_NO_HTTP = InvalidRequest("The request is not valid HTTP.")
_WHAT_H11_REFUSES = {
    HeadersTooLarge.status: HeadersTooLarge("The request's head is too large."),
    CodingUnsupported.status: CodingUnsupported("The only transfer coding this server knows is chunked."),
}


def _check_framing(headers: Sequence[tuple[bytes, bytes]]) -> None:
    """Raises InvalidRequest for what h11 takes and a proxy in front may read otherwise (RFC 9112, 6.1 and 3.2)."""
    names = [name for name, _ in headers]
    if b"transfer-encoding" in names and b"content-length" in names:
        raise InvalidRequest("The request has both a Content-Length and a Transfer-Encoding.")
    for name, value in headers:
        if name == b"host":
            check_host(value)
