"""One request as an ASGI 3 application sees it: the scope, `receive` and `send`.

A client that goes away cancels the application's call at once; the scope says so in its extension
"llm_gateway.cancels". So `http.disconnect` is only ever received after the answer is complete. A second extension,
"llm_gateway.write_nowait", takes pieces of a streamed body without a task switch (see `Exchange.write_nowait`). A
third, "llm_gateway.answer", takes a whole answer in one call (see `Exchange.answer`); a fourth, "llm_gateway.body", is
the request's body where all of it has come, which spares asking `receive` for it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Protocol

from actors.relay import Taken
from gateway.edge.answer_head import (
    CONTINUE,
    LAST_CHUNK,
    FieldLines,
    Framing,
    MalformedAnswer,
    encode_chunk,
    open_answer,
)
from gateway.edge.refusals import AppCrashed, error_body
from gateway.edge.request_parser import Request

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]


class Wire(Protocol):
    """What an exchange needs of its connection."""

    @property
    def closing(self) -> bool:
        """The answer is to be the connection's last."""
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


class Exchange:
    """One request and its answer. `opened` once the answer's head is out, `finished` once its last byte is."""

    __slots__ = (
        "_body_read",
        "_discard_bytes",
        "_framing",
        "_headers",
        "_left",
        "_lines",
        "_request",
        "_status",
        "_wire",
        "finished",
        "keeps_alive",
        "opened",
    )

    def __init__(self, request: Request, wire: Wire, lines: FieldLines, discard_bytes: int) -> None:
        self._request = request
        self._wire = wire
        self._lines = lines
        self._discard_bytes = discard_bytes
        self._status = 0
        """Of the start that is held back until the first piece of the body; 0 where there is none."""
        self._headers: Any = ()
        self._framing = Framing.EMPTY
        self._left = 0
        self._body_read = False
        self.opened = False
        self.finished = False
        self.keeps_alive = False

    def scope(self, client: tuple[str, int], server: tuple[str, int]) -> Scope:
        request = self._request
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": request.version,
            "method": request.method,
            "scheme": "http",
            "path": request.path,
            "raw_path": request.raw_path,
            "query_string": request.query,
            "root_path": "",
            "headers": request.headers,
            "client": client,
            "server": server,
            "extensions": {
                "llm_gateway.answer": self.answer,
                "llm_gateway.body": request.whole,
                "llm_gateway.cancels": {},
                "llm_gateway.write_nowait": self.write_nowait,
            },
        }

    async def receive(self) -> Message:
        """The body, then `http.disconnect`."""
        request = self._request
        if self._body_read:
            while not self.finished:
                await self._wire.body_news()
        elif not (request.pieces or request.complete):
            await self._await_body()
        if self.finished:
            return {"type": "http.disconnect"}
        body = request.take()
        if request.complete:
            self._body_read = True
        else:
            self._wire.more_body()
        return {"type": "http.request", "body": body, "more_body": not request.complete}

    async def _await_body(self) -> None:
        request = self._request
        if request.awaits_continue:
            request.awaits_continue = False
            if not self.opened:
                await self._wire.write(CONTINUE)
            self._wire.more_body()
        while not (request.pieces or request.complete or self.finished):
            await self._wire.body_news()

    async def send(self, message: Message) -> None:
        """Takes the answer; its head goes out together with the first piece of its body. Raises MalformedAnswer."""
        kind = message["type"]
        if kind == "http.response.body" and not self.finished:
            body, more = message.get("body", b""), message.get("more_body", False)
            data = self._encode(body, more) if self.opened else self._open(body, more)
            if data or self._wire.has_rest:
                await self._wire.write(data)
            if not more:
                self.finished = True
                self._wire.answered()
        elif kind == "http.response.start" and not (self._status or self.opened):
            self._status = message["status"]
            self._headers = message.get("headers", ())
        else:
            raise MalformedAnswer(f"{kind} is out of place here")

    async def answer(self, status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> None:
        """The whole answer, as by the two messages of `send`. The extension "llm_gateway.answer"."""
        if self._status:
            raise MalformedAnswer("an answer is out of place here")
        self._status = status
        self._headers = headers
        await self._wire.write(self._open(body, False))
        self.finished = True
        self._wire.answered()

    def write_nowait(self, piece: bytes) -> Taken:
        """A further piece of a streamed body, at once and from any task, while nobody is in `send`.

        The extension "llm_gateway.write_nowait". After PART a `send`, be it of an empty piece, sees the rest off.
        """
        if not piece or self._framing is not Framing.CHUNKED or not self.opened or self.finished:
            return Taken.NONE
        return self._wire.write_nowait(encode_chunk(piece))

    async def fail(self) -> None:
        """Answers 500 in the app's place; only while nothing has been sent."""
        self._status = AppCrashed.status
        self._headers = [(b"content-type", b"application/json")]
        body = error_body(AppCrashed("The gateway failed to handle this request."), self._request.raw_path)
        await self.send({"type": "http.response.body", "body": body})

    def _open(self, body: bytes, more: bool) -> bytes:
        if not self._status:
            raise MalformedAnswer("a body without a start")
        request = self._request
        opening = open_answer(
            request,
            self._status,
            self._headers,
            whole=None if more else len(body),
            closing=not request.keep_alive
            or self._wire.closing
            or not (more or request.complete or request.may_leave(self._discard_bytes)),
            lines=self._lines,
        )
        self._framing, self._left = opening.framing, opening.length
        payload = self._encode(body, more)
        self.keeps_alive = opening.keeps_alive
        self.opened = True
        return opening.head + payload

    def _encode(self, body: bytes, more: bool) -> bytes:
        framing = self._framing
        if framing is Framing.CHUNKED:
            data = encode_chunk(body) if body else b""
            return data if more else data + LAST_CHUNK
        if framing is Framing.EMPTY:
            return b""
        if framing is Framing.LENGTH:
            self._left -= len(body)
            if self._left < 0 or (self._left and not more):
                raise MalformedAnswer("the body's length is not what content-length says")
        return body
