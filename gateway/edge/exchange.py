"""One request and its answer on a connection of the edge, for a handler without ASGI: a `gateway.exchange.Request`.

A client that goes away cancels the handler at once, so that nobody has to listen for a disconnect.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Final, Protocol

import msgspec

from actors.relay import Taken
from gateway.edge.answer_head import (
    CONTINUE,
    LAST_CHUNK,
    FieldLines,
    Fields,
    Framing,
    MalformedAnswer,
    encode_chunk,
    open_answer,
)
from gateway.edge.refusals import error_body, refusal_headers
from gateway.edge.request import Request
from gateway.errors import GatewayError, describe
from gateway.exchange import Answer, BodyStream, Disconnected, Headers

# Members of enums by a name of their own: each look-up in the class costs 0.2 µs, and these come with every event.
_EMPTY: Final = Framing.EMPTY
_LENGTH: Final = Framing.LENGTH
_CHUNKED: Final = Framing.CHUNKED
_NONE: Final = Taken.NONE
_PART: Final = Taken.PART


class Wire(Protocol):
    """What an exchange needs of its connection."""

    @property
    def peer(self) -> tuple[str, int]: ...

    @property
    def closing(self) -> bool:
        """The answer is to be the connection's last."""
        ...

    @property
    def lines(self) -> FieldLines: ...

    @property
    def discard_bytes(self) -> int:
        """A body's rest up to this, which the app did not want, may be dropped."""
        ...

    @property
    def write(self) -> Callable[[bytes], Awaitable[None]]:
        """Sends all it is given. Raises Cancelled or ClientGone once nobody reads it any more."""
        ...

    @property
    def write_nowait(self) -> Callable[[bytes], Taken]:
        """Sends what can be sent at once, while nobody is in `write`."""
        ...

    @property
    def refusal(self) -> GatewayError | None:
        """Why the handler is cancelled though its client has not gone."""
        ...

    def told_as(self, request_id: str) -> None:
        """The id that `refusal`, or a failure, is to bear."""
        ...

    @property
    def has_rest(self) -> bool:
        """`write_nowait` keeps the rest of a piece, which the next `write` sends first."""
        ...

    async def body_news(self) -> None:
        """Returns when more of the body has arrived or the answer is complete."""
        ...

    def more_body(self) -> None:
        """There is room for more of the body, and the app asks for it."""
        ...

    def answered(self) -> None:
        """The answer is complete."""
        ...


class Exchange(msgspec.Struct, eq=False):
    """One request and its answer."""

    request: Request
    _wire: Wire
    fields: Mapping[bytes, bytes]
    known: dict[object, Any]
    whole_body: bytes | None
    opened: bool = False
    """The answer's head is out."""
    finished: bool = False
    """Its last byte is."""
    keeps_alive: bool = False
    scope: MutableMapping[str, Any] | None = None
    """As ASGI has it; there is none without."""
    _body_read: bool = False
    _framing: Framing = _EMPTY
    _left: int = 0

    # The request.

    @property
    def method(self) -> str:
        return self.request.head.method

    @property
    def path(self) -> str:
        return self.request.head.path

    @property
    def query(self) -> bytes:
        return self.request.head.query

    @property
    def headers(self) -> Headers:
        return self.request.head.headers

    @property
    def peer(self) -> tuple[str, int]:
        return self._wire.peer

    @property
    def refusal(self) -> GatewayError | None:
        return self._wire.refusal

    def told_as(self, request_id: str) -> None:
        self._wire.told_as(request_id)

    async def receive_body(self) -> tuple[bytes, bool]:
        """The next piece of the body, and whether more may follow. Raises Disconnected once the answer is complete."""
        request = self.request
        if self._body_read:
            while not self.finished:
                await self._wire.body_news()
        elif not (request.pieces or request.complete):
            await self._await_body()
        if self.finished:
            raise Disconnected
        body = request.take()
        if request.complete:
            self._body_read = True
        else:
            self._wire.more_body()
        return body, not request.complete

    async def _await_body(self) -> None:
        request = self.request
        if request.awaits_continue:
            request.awaits_continue = False
            if not self.opened:
                await self._wire.write(CONTINUE)
            self._wire.more_body()
        while not (request.pieces or request.complete or self.finished):
            await self._wire.body_news()

    # The answer.

    def tell_nowait(self, answer: Answer) -> bool:
        """Answers if one step is enough; else False, and `tell` has to, be it for the rest. Raises MalformedAnswer."""
        request, wire, body = self.request, self._wire, answer.body
        if wire.closing or not (isinstance(body, bytes) and request.complete and request.head.is_plain):
            return False
        whole = wire.lines.plain_answer(answer.status, answer.headers, body)
        if whole is None or (taken := wire.write_nowait(whole)) is _NONE:
            return False
        self.opened = self.keeps_alive = True
        if taken is _PART:
            return False
        self._finish()
        return True

    async def tell(self, answer: Answer) -> None:
        """Answers; a streamed body is closed whatever happens. Raises MalformedAnswer, ClientGone."""
        body = answer.body
        if isinstance(body, bytes):
            rest = b"" if self.opened else body  # the wire has what `tell_nowait` could not send
            await self.put(answer.status, answer.headers, rest, more=False)
            return
        try:
            await self._stream(answer.status, answer.headers, body)
        finally:
            body.close()

    async def fail(self, crash: GatewayError, request_id: bytes) -> None:
        """Answers in the app's place, under `request_id` where there is one; only while nothing has been sent."""
        body = error_body(crash, self.request.head.raw_path)
        await self.put(describe(crash).status, refusal_headers(request_id), body, more=False)

    async def _stream(self, status: int, headers: Fields, body: BodyStream) -> None:
        """The head goes out with the first piece; those that come while this waits take the short way."""
        body.pass_to(self._write_nowait)
        while (piece := await body.receive()) is not None:
            await self.put(status, headers, piece, more=True)
        await self.put(status, headers, b"", more=False)

    def _write_nowait(self, piece: bytes) -> Taken:
        """A further piece, at once and from any task, while nobody is in `put`, which sees off what is left of it."""
        if not piece or self._framing is not _CHUNKED or not self.opened or self.finished:
            return _NONE
        return self._wire.write_nowait(encode_chunk(piece))

    async def put(self, status: int, headers: Fields, body: bytes, *, more: bool) -> None:
        """A piece of the body, behind the head where that is not out yet; the last one unless there are `more`."""
        data = self._encode(body, more) if self.opened else self._open(status, headers, body, more=more)
        if data or self._wire.has_rest:
            await self._wire.write(data)
        if not more:
            self._finish()

    def _finish(self) -> None:
        self.finished = True
        if self._body_read or not self.request.complete:  # else nobody waits for more of the body
            self._wire.answered()

    def _open(self, status: int, headers: Fields, body: bytes, *, more: bool) -> bytes:
        request, wire = self.request, self._wire
        closing = not request.head.keep_alive or wire.closing or not (more or request.may_leave(wire.discard_bytes))
        whole = None if more else len(body)
        head, self._framing, self._left, self.keeps_alive = open_answer(
            request.head, status, headers, whole, closing, wire.lines
        )
        payload = self._encode(body, more)
        self.opened = True
        return head + payload

    def _encode(self, body: bytes, more: bool) -> bytes:
        framing = self._framing
        if framing is _CHUNKED:
            data = encode_chunk(body) if body else b""
            return data if more else data + LAST_CHUNK
        if framing is _EMPTY:
            return b""
        if framing is _LENGTH:
            self._left -= len(body)
            if self._left < 0 or (self._left and not more):
                raise MalformedAnswer("the body's length is not what content-length says")
        return body
