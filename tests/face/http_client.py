"""A small HTTP/1.1 client over the network in memory: strict about what it reads, free in what it sends."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import h11
import trio

from gateway.world import Stream

READ_BYTES = 64 * 1024


@dataclass
class Reply:
    """A whole answer."""

    status: int
    fields: list[tuple[str, str]]
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """The value of the only field called `name`; None where there is none."""
        values = [value for field, value in self.fields if field == name]
        assert len(values) < 2, f"{name} came {len(values)} times: {values}"
        return values[0] if values else None

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> Any:
        """The error object, which an OpenAI client can read only in this form."""
        assert self.header("content-type") == "application/json"
        assert list(self.json) == ["error"]
        return self.json["error"]


class Client:
    """One connection, for one request after the other."""

    def __init__(self, stream: Stream, *, host: str = "localhost") -> None:
        self.stream = stream
        self._host = host
        self._http = h11.Connection(h11.CLIENT)

    async def request(
        self,
        method: str,
        target: str,
        *,
        headers: dict[str, str] | None = None,
        body: bytes = b"",
        json_body: Any = None,
    ) -> Reply:
        """Sends and reads the whole answer."""
        await self.send(method, target, headers=headers, body=body, json_body=json_body)
        return await self.read()

    async def send(
        self,
        method: str,
        target: str,
        *,
        headers: dict[str, str] | None = None,
        body: bytes = b"",
        json_body: Any = None,
    ) -> None:
        """Sends a request; `read` and `read_head` read its answer."""
        if json_body is not None:
            body = json.dumps(json_body).encode()
        fields = {"host": self._host, **(headers or {})}
        if body and "transfer-encoding" not in fields:
            fields.setdefault("content-length", str(len(body)))
        if self._http.our_state is h11.DONE:
            self._http.start_next_cycle()
        out = self._http.send(h11.Request(method=method, target=target, headers=list(fields.items())))
        if body:
            out += self._http.send(h11.Data(data=body))
        out += self._http.send(h11.EndOfMessage())
        await self.send_raw(out)

    async def send_raw(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[self.stream.send_nowait(rest) :]
            except trio.WouldBlock:
                await self.stream.wait_writable()
        await trio.lowlevel.checkpoint()

    async def read(self) -> Reply:
        """The rest of the answer to the request that was sent last."""
        reply = await self.read_head()
        while (piece := await self.read_piece()) is not None:
            reply.body += piece
        return reply

    async def read_head(self) -> Reply:
        while True:
            event = await self._next_event()
            if isinstance(event, h11.Response):
                return Reply(event.status_code, [(n.decode(), v.decode("latin-1")) for n, v in event.headers])
            assert isinstance(event, h11.InformationalResponse), event

    async def read_piece(self) -> bytes | None:
        """The next piece of the body; None at its proper end. Raises h11.RemoteProtocolError where it is cut."""
        event = await self._next_event()
        if isinstance(event, h11.Data):
            return bytes(event.data)
        assert isinstance(event, h11.EndOfMessage), event
        return None

    async def read_raw(self) -> bytes:
        """Whatever comes until the server ends the connection, for requests that h11 would not send."""
        data = b""
        while piece := await self._receive():
            data += piece
        return data

    async def read_raw_head(self) -> bytes:
        """As `read_raw`, but only to the end of the first answer's head."""
        data = b""
        while b"\r\n\r\n" not in data and (piece := await self._receive()):
            data += piece
        return data

    def leave(self) -> None:
        """The client goes away in the middle of whatever it was doing."""
        self.stream.close(abort=True)

    async def _next_event(self) -> Any:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            self._http.receive_data(await self._receive())
        return event

    async def _receive(self) -> bytes:
        while True:
            try:
                return self.stream.receive_nowait(READ_BYTES)
            except trio.WouldBlock:
                await self.stream.wait_readable()
            except ConnectionResetError:
                return b""
