"""One client connection: a task that reads and a task that answers, and all that may go wrong between them.

The reader watches the stream for the connection's whole life: it sees the client go at any time and cancels the
running application at once. The end of the client's stream counts as its going, also where it was a half-close. Only
where a client has sent more than may wait (a body that the application does not take, pipelined requests) reading
stops, and its going is seen when reading goes on.
"""

from __future__ import annotations

import trio

from gateway.edge.alarm import Alarm
from gateway.edge.answer_head import refusal_answer
from gateway.edge.asgi import run_app
from gateway.edge.bell import Bell
from gateway.edge.exchange import Exchange
from gateway.edge.outlet import ClientGone, Outlet
from gateway.edge.parting import Parting
from gateway.edge.refusals import AppCrashed, RequestTimedOut, ShuttingDown
from gateway.edge.request import Request
from gateway.edge.request_parser import RequestParser
from gateway.edge.service import IncompleteAnswer, Service
from gateway.errors import GatewayError
from gateway.exchange import Disconnected
from gateway.world import Stream

_READ_BYTES = 64 * 1024


class Connection:
    """Serves one client; `run` returns when its stream is closed."""

    def __init__(self, service: Service, stream: Stream, server: tuple[str, int]) -> None:
        self._service = service
        self._limits = limits = service.limits
        self._stream, self.peer = stream, stream.peer
        self.lines, self.discard_bytes = service.lines, limits.discard_bytes
        self._server = server
        self._parser = RequestParser(limits)
        self._held = bytearray()
        """Pipelined bytes behind the request that is being answered, not yet parsed."""
        self._exchange: Exchange | None = None
        """Of the active request; it stays where its end is the connection's."""
        self._refusal: GatewayError | None = None
        self._told_as = b""
        """The id under which a handler has told of what it did not answer."""
        self._fresh = True
        self._draining = False
        self._ended = False
        """Nothing more is read: the client's stream has ended, or there has been too much of it."""
        self._gone = False
        self._parting: Parting | None = None
        """The last answer is out."""

        self._calls = trio.CancelScope()
        """Around every call of the app; cancelled when the connection is of no more use to it."""
        self._alarm = Alarm(service.clock)
        self._patience = self._alarm.deadline()
        """With the client's requests."""
        self._outlet = Outlet(stream, self._alarm.deadline(), limits.write_stall_s, self._cut)
        self.write, self.write_nowait = self._outlet.write, self._outlet.write_nowait

        self._news = Bell()
        """Wakes the answering task: a request is there, or what it waits for has changed."""
        self._room = Bell()
        """Wakes the reader: there is room again."""
        self._body_lot = trio.lowlevel.ParkingLot()

    @property
    def _active(self) -> Request | None:
        """The request that is being answered."""
        return None if self._exchange is None else self._exchange.request

    @property
    def is_busy(self) -> bool:
        """A request is being answered."""
        exchange = self._exchange
        return exchange is not None and not exchange.finished and self._parting is None

    async def run(self) -> None:
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._answer_requests)
                await self._alarm.watch(self._read)
                self.close()
        except Exception as crash:
            self._service.on_crash(crash, None)
        finally:
            self.close()

    def drain(self, deadline: float) -> None:
        """Ends an idle connection now, any other after its answer or at `deadline`."""
        self._draining = True
        if self.end_if_idle():
            return
        self._calls.deadline = deadline
        if self._parting is not None:
            self._parting.end_by(deadline)

    def end_if_idle(self) -> bool:
        """Ends the connection unless a request has begun; whether it did."""
        if not self._is_idle():
            return False
        self.close()
        return True

    def _is_idle(self) -> bool:
        """It waits for a request of which nothing has come, also not to where only the kernel knows of it."""
        is_new = self._fresh and self._refusal is None
        if not (is_new or self in self._service.idle) or self._has_input():
            return False
        self._take_what_came()
        return not self._has_input()

    def _has_input(self) -> bool:
        parser = self._parser
        return bool(self._held or parser.ready or parser.midway or parser.rejection is not None)

    def close(self) -> None:
        """Ends the connection in order."""
        self._leave()
        self._stream.close()

    def _cut(self) -> None:
        """Ends the connection by a reset, which nobody can take for the end of an answer."""
        self._leave()
        self._stream.close(abort=True)

    def _leave(self) -> None:
        self._gone = True
        self._service.idle.pop(self, None)
        self._service.parting.pop(self, None)
        self._calls.cancel()
        self._room.ring()

    # Reading.

    async def _read(self) -> None:
        """Reads until the client's stream ends or ours is closed."""
        while not self._ended:
            while self._overfull():
                await self._room.wait()
            try:
                await self._stream.watch_readable(self._take_what_came)
            except trio.ClosedResourceError:
                return

    def _take_what_came(self) -> bool:
        """Handles what has arrived, in whoever's turn; whether there is room for more."""
        try:
            data = self._stream.receive_nowait(_READ_BYTES)
        except trio.WouldBlock:
            return True
        except (OSError, trio.ClosedResourceError):
            data = b""
        if not data:
            self._ended = True
            return False
        parser = self._parser
        if self._exchange is None and not (parser.ready or parser.rejection or self._parting):
            self._parse(data)
            return True
        return self._take_aside(data)

    def _overfull(self) -> bool:
        if self._parting is not None or self._gone:
            return False
        return self._body_overfull() or len(self._held) >= self._limits.pipelined_bytes

    def _body_overfull(self) -> bool:
        active = self._active
        if active is None or active.complete or active.discarding:
            return False  # a whole body takes no more room, and its client is listened to: it may leave
        return active.buffered >= self._limits.body_buffer_bytes

    def _take_aside(self, data: bytes) -> bool:
        """Handles what comes where no request is awaited; whether there is room for more."""
        if self._parting is not None:
            self._ended = not self._parting.drop(data)
            return not self._ended
        active = self._active
        if active is None or active.complete or self._parser.rejection:
            self._held += data
        else:
            self._parse(data)
        return not self._overfull()

    def _parse(self, data: bytes) -> None:
        parser = self._parser
        was_midway = parser.midway
        parser.feed(data)
        if self._exchange is not None:
            self._go_on_with_body(self._exchange.request)
        elif parser.ready or parser.rejection:
            self._patience.clear()
            self._news.ring()
        elif parser.midway and (not was_midway or (parser.arriving is not None and parser.progressed)):
            self._service.idle.pop(self, None)
            self._await_rest_of_request()

    def _parse_held(self) -> None:
        held = bytes(self._held)
        self._held.clear()
        self._room.ring()
        self._parse(held)

    def _go_on_with_body(self, active: Request) -> None:
        """More has arrived of a body whose request is already being answered."""
        parser = self._parser
        if active.complete:
            self._patience.clear()
        elif parser.rejection is not None:
            self._refuse(parser.rejection)
        elif self._body_overfull():
            self._patience.clear()
        elif parser.progressed and not active.discarding:
            self._await_rest_of_request()
        self._news.ring()
        self._body_lot.unpark_all()

    def _await_rest_of_request(self) -> None:
        in_body = self._parser.arriving is not None
        self._patience.set(self._limits.body_progress_s if in_body else self._limits.header_s, self._time_out)

    def _time_out(self) -> None:
        self._refuse(RequestTimedOut("The request did not arrive in time."))

    def _refuse(self, refusal: GatewayError) -> None:
        """Ends what the app is doing; the client gets `refusal`, if it is not too late for that."""
        self._refusal = refusal
        self._calls.cancel()

    # Answering.

    async def _answer_requests(self) -> None:
        try:
            with self._calls:
                ready = self._parser.ready
                while ready or not self._asks_no_more():
                    if not ready:
                        self._await_request()
                        await self._news.wait()
                        continue
                    if not await self._answer(ready.popleft()):
                        break
                    if ready:  # who sends many requests at once has no more turns than others
                        await trio.lowlevel.checkpoint()
        except Exception as crash:  # beside a cancellation, which hides it from `_answer`
            self._service.on_crash(crash, None)
        await self._part()

    def _asks_no_more(self) -> bool:
        """Whether no request for the app has come, nor will."""
        parser = self._parser
        if self._held and not (parser.ready or parser.rejection):
            self._parse_held()
        if parser.ready:
            return False
        if parser.rejection is not None:
            self._refusal = parser.rejection
            return True
        return self._draining and not parser.midway

    def _await_request(self) -> None:
        if self._parser.midway:
            self._await_rest_of_request()
            return
        self._service.idle[self] = None
        self._patience.set(self._limits.header_s if self._fresh else self._limits.keep_alive_s, self.end_if_idle)

    async def _answer(self, request: Request) -> bool:
        """Has the app answer `request`; whether the connection is good for another one."""
        service, head = self._service, request.head
        service.idle.pop(self, None)
        service.requests += 1
        self._fresh = False
        self._exchange = exchange = Exchange(request, self, head.fields, head.known, request.whole)
        if not request.complete:
            self._have_rest_come(request)
        try:
            handler = service.handler_of(head.asked)
            if handler is None:
                await run_app(service.app, exchange, self._server)
            elif exchange.tell_nowait(answer := await handler(exchange)):
                self._exchange = None
                return not self._draining
            else:
                await exchange.tell(answer)
            if not (exchange.finished or self._calls.cancel_called):
                raise IncompleteAnswer("the application returned before its answer was complete")
        except (ClientGone, Disconnected):
            pass
        except Exception as crash:
            await self._tell_of(crash, exchange)
        goes_on = exchange.finished and exchange.keeps_alive
        if not (goes_on and (request.complete or await self._discard_rest(request))):
            return False
        self._exchange = None
        return not self._draining

    def _have_rest_come(self, request: Request) -> None:
        """Its app is asked before all of the body is here."""
        if self._held:
            self._parse_held()
        if not (request.complete or request.awaits_continue):
            self._await_rest_of_request()

    async def _tell_of(self, crash: Exception, exchange: Exchange) -> None:
        """It ends that one request, whose client hears of it where no answer has begun."""
        self._service.on_crash(crash, exchange.scope)
        if not (exchange.opened or self._calls.cancel_called):
            failure = AppCrashed("The gateway failed to handle this request.")
            await exchange.fail(failure, self._id_of_refused(failure))

    async def _discard_rest(self, request: Request) -> bool:
        """Reads and drops what the app did not want of the body, if that is little; whether it was."""
        allowed = self._limits.discard_bytes
        if not request.may_leave(allowed):
            return False
        request.discard()
        self._room.ring()
        self._patience.set(self._limits.discard_s, self._calls.cancel)
        while not request.complete:
            if request.buffered > allowed:
                return False
            await self._news.wait()
        return True

    # Parting.

    async def _part(self) -> None:
        """Says the last word, where one is due, and lets the client read it."""
        if self._gone:
            return
        exchange = self._exchange
        if exchange is not None and exchange.opened and not exchange.finished:
            self._cut()
            return
        refusal = self._refusal if exchange is None else self.refusal
        if refusal is not None and (exchange is None or not exchange.opened):
            asked = self._parser.target if exchange is None else exchange.request.head.raw_path
            try:
                await self.write(refusal_answer(refusal, asked, self._id_of_refused(refusal), self._service.lines))
            except ClientGone:
                return
        self._linger()

    def _id_of_refused(self, refusal: GatewayError) -> bytes:
        """The id of the request that `refusal` answers, of which all have been told then; b"" for none."""
        told_as, self._told_as = self._told_as, b""
        if told_as:
            return told_as
        active = self._active
        target, fields = self._parser.so_far if active is None else (active.head.raw_path, active.head.fields)
        return self._service.on_refusal(target, fields, refusal)

    def _linger(self) -> None:
        """Half-closes and drops what still comes: closing with input unread would reset the answer away."""
        try:
            self._stream.send_eof()
        except OSError:
            self.close()
            return
        self._parting = Parting(self._limits, self._patience, self.close, amid_request=self._has_input())
        self._parting.end_by(self._calls.deadline)
        self._service.let_part(self)
        self._held.clear()
        self._room.ring()

    # What an exchange asks of its connection, beside `write` and `write_nowait`.

    @property
    def has_rest(self) -> bool:
        return self._outlet.has_rest

    @property
    def refusal(self) -> GatewayError | None:
        """What ends the active request, whose client is there; None where that has gone."""
        if self._gone:
            return None
        return self._refusal or ShuttingDown()

    def told_as(self, request_id: str) -> None:
        self._told_as = request_id.encode("ascii")

    @property
    def closing(self) -> bool:
        """This answer is to be the connection's last."""
        return self._draining or self._service.crowded

    def more_body(self) -> None:
        """The app has taken what there was, or asks for a body that the client holds back."""
        self._room.ring()
        self._await_rest_of_request()

    async def body_news(self) -> None:
        await self._body_lot.park()

    def answered(self) -> None:
        if self._body_lot:
            self._body_lot.unpark_all()
