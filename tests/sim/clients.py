"""The virtual clients: each asks its questions over one connection as its temper has it, and notes what it hears."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from random import Random
from typing import Final

import h11
import trio

from gateway.world import Stream
from tests.sim.background import Follower
from tests.sim.dialects import Said, code_of, said
from tests.sim.history import End, Heard, History, Work
from tests.sim.questions import body_of, told_with
from tests.sim.scenario import Ask, Client, Dialect, Temper

Connect = Callable[[int], Awaitable[Stream]]
"""To a worker. Raises OSError."""
READ_BYTES: Final = 64 * 1024
HOSTILE: Final = (
    b"GET\r\n\r\n",
    b"\x00\x01\x02\x03\r\n\r\n",
    b"POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nno\r\n",
    b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
    b"GET / HTTP/1.1\r\nhost: x\r\n" + b"x-filler: 0123456789\r\n" * 7000,
    b"POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999\r\n\r\n{",
    b'POST /v1/responses HTTP/1.1\r\nhost: x\r\nauthorization: Bearer sk-team-a\r\ncontent-length: 7\r\n\r\n{"a": 1',
    b"GET /v1/models HTTP/1.1\r\nhost:",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
)


class VirtualClient:
    """Plays one client of a scenario."""

    def __init__(self, client: Client, connect: Connect, history: History, *, seed: int, noted: list[Heard]) -> None:
        """`noted` takes what it hears."""
        self._client = client
        self._connect = connect
        self._history = history
        self._noted = noted
        self._chance = Random(f"{seed}/client/{client.number}")
        self._line: Stream | None = None
        self._left_over = b""
        self._sent_bytes = 0
        self._read_bytes = 0
        self._asked = 0

    async def live(self) -> None:
        """From its start to its last answer."""
        await trio.sleep_until(self._client.starts_at)
        try:
            match self._client.temper:
                case Temper.ABUSIVE:
                    await self._be_rude()
                case Temper.PIPELINING:
                    with suppress(_Gone):
                        await self._ask_all_at_once()
                case _:
                    for ask in self._client.asks:
                        await trio.sleep(ask.pause_s)
                        await self._ask(ask)
        finally:
            self._leave()

    async def _ask(self, ask: Ask) -> None:
        """Whoever has gone comes back for the next one, on a fresh connection."""
        client = self._client
        patience_s = client.limit if client.temper is Temper.IMPATIENT else float("inf")
        with trio.move_on_after(patience_s) as patience, suppress(_Gone):
            heard = self._note(ask)
            await self._send(heard, self._wire(heard))
            await self._hear(heard)
            for work in self._history.works:
                if work.heard is heard and work.ended_at is None:
                    await Follower(self._connect).follow(work)
            return
        if patience.cancelled_caught or self._line is not None:
            self._leave()

    async def _ask_all_at_once(self) -> None:
        """Sends without waiting for answers, and reads them as they come."""
        several = [self._note(ask) for ask in self._client.asks]
        await self._connected(several[0])
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._send_all, several)
            for heard in several:
                if self._line is None:
                    heard.close(End.CUT, trio.current_time())
                else:
                    with suppress(_Gone):
                        await self._hear(heard)
            nursery.cancel_scope.cancel()

    async def _send_all(self, several: Sequence[Heard]) -> None:
        with suppress(_Gone, trio.ClosedResourceError):
            for heard in several:
                await self._send(heard, self._wire(heard))

    def _note(self, ask: Ask) -> Heard:
        self._asked += 1
        request_id = f"c{self._client.number}-{self._asked}"
        before = self._last_answer(ask) if ask.goes_on else None
        order = self._history.order
        heard = Heard(id=request_id, client=self._client, ask=ask, asked_at=trio.current_time(), order=order)
        if ask.dialect is not Dialect.EMBEDDINGS:
            heard.told = told_with(ask, before, request_id)
        heard.body_sent = body_of(ask, before, request_id)
        heard.asked_mark = next(order)
        self._noted.append(heard)
        return heard

    def _last_answer(self, ask: Ask) -> Heard | None:
        """What a question goes on from: the last whole answer in its dialect."""
        for heard in reversed(self._noted):
            mine = heard.client is self._client and heard.ask.dialect is ask.dialect
            if mine and heard.end is End.OK and not heard.ask.background:
                return heard
        return None

    # Sending.

    def _wire(self, heard: Heard) -> bytes:
        ask = heard.ask
        body = json.dumps(heard.body_sent).encode()
        fields = {
            "host": "localhost",
            "authorization": f"Bearer {self._client.key}",
            "content-type": "application/json",
            "content-length": str(len(body)),
            "x-request-id": heard.id,
        }
        if ask.timeout_s is not None:
            fields["x-gateway-timeout"] = str(ask.timeout_s)
        if ask.priority:
            fields["x-gateway-priority"] = ask.priority
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        return f"POST {ask.dialect.value} HTTP/1.1\r\n{lines}\r\n".encode() + body

    async def _send(self, heard: Heard, wire: bytes) -> None:
        line = await self._connected(heard)
        if self._client.temper is Temper.HANGS_UP_SENDING:
            allowed = int(self._client.limit) - self._sent_bytes
            if allowed < len(wire):
                await self._push(line, heard, wire[:allowed])
                self._go(heard)
        await self._push(line, heard, wire)
        self._sent_bytes += len(wire)
        heard.sent = True
        heard.asked_at = trio.current_time()

    async def _connected(self, heard: Heard) -> Stream:
        if self._line is None:
            try:
                self._line = await self._connect(self._client.worker)
            except OSError:
                heard.close(End.REFUSED, trio.current_time())
                raise _Gone from None
            self._left_over = b""
            self._sent_bytes = self._read_bytes = 0
        return self._line

    async def _push(self, line: Stream, heard: Heard, wire: bytes) -> None:
        rest = memoryview(wire)
        while rest:
            try:
                rest = rest[line.send_nowait(rest) :]
            except trio.WouldBlock:
                await line.wait_writable()
            except OSError:
                self._lost(heard)
                raise _Gone from None
        await trio.lowlevel.checkpoint()

    # Hearing.

    async def _hear(self, heard: Heard) -> None:
        assert self._line is not None, "it has asked over this line"
        http = h11.Connection(h11.CLIENT)
        http.send(h11.Request(method="POST", target="/", headers=[("host", "localhost")]))
        http.send(h11.EndOfMessage())
        if self._left_over:
            http.receive_data(self._left_over)
        try:
            while (event := await self._next(http, heard)) is not None:
                if isinstance(event, h11.Response):
                    heard.status = event.status_code
                    heard.fields = {name.decode(): value.decode("latin-1") for name, value in event.headers}
                elif isinstance(event, h11.Data):
                    heard.content_at = heard.content_at or trio.current_time()
                    heard.body += event.data
        except (OSError, trio.ClosedResourceError, h11.RemoteProtocolError):  # closed: its sender has lost it
            self._lost(heard)
            raise _Gone from None
        self._left_over = http.trailing_data[0]
        self._understand(heard)
        if heard.fields.get("connection") == "close":
            self._leave()

    async def _next(self, http: h11.Connection, heard: Heard) -> h11.Event | None:
        """None at the answer's end."""
        line, client = self._line, self._client
        assert line is not None, "it has not left"
        while (event := http.next_event()) is h11.NEED_DATA:
            if client.temper is Temper.SLOW and self._chance.random() < 0.2:
                await trio.sleep(client.limit)
            try:
                data = line.receive_nowait(READ_BYTES)
            except trio.WouldBlock:
                await line.wait_readable()
                continue
            self._read_bytes += len(data)
            if client.temper is Temper.HANGS_UP_READING and self._read_bytes >= client.limit:
                self._go(heard)
            http.receive_data(data)
        if isinstance(event, h11.EndOfMessage):
            return None
        assert isinstance(event, h11.Event), event
        return event

    def _understand(self, heard: Heard) -> None:
        """The answer has come whole: what it says."""
        now = trio.current_time()
        if heard.status != 200:
            heard.code = code_of(heard.body)
            heard.close(End.ERROR, now)
            return
        told = said(heard.ask, heard.body)
        heard.code, heard.usage = told.code, told.usage
        self._take(heard, told)
        if heard.ask.background:
            # What became of it is what is shown by its id; a stream that tells of its failure is a whole stream.
            self._history.works.append(Work(heard, told.id, now))
            heard.close(End.OK, now)
            return
        heard.close(End.ERROR if told.code else End.OK, now)
        assert told.whole or told.code, f"{heard.id}: a cut answer ends as if it were whole"

    def _lost(self, heard: Heard) -> None:
        """The connection has ended under it."""
        heard.close(End.CUT, trio.current_time())
        self._take_beginning(heard)
        self._leave()

    def _take_beginning(self, heard: Heard) -> None:
        if heard.status == 200 and heard.ask.streamed:
            told = said(heard.ask, heard.body)
            self._take(heard, told)
            if heard.ask.background and told.id:
                self._history.works.append(Work(heard, told.id, heard.ended_at))

    def _take(self, heard: Heard, told: Said) -> None:
        heard.text, heard.thought, heard.signatures = told.text, told.thought, told.signatures
        heard.calls, heard.response_id = told.calls, told.id

    # Leaving.

    def _go(self, heard: Heard) -> None:
        """In the middle of it."""
        heard.close(End.LEFT, trio.current_time())
        raise _Gone

    def _leave(self) -> None:
        if self._line is not None:
            self._line.close(abort=True)
            self._line = None
        for heard in self._noted:
            if heard.client is self._client and heard.end is End.OPEN:
                heard.close(End.LEFT, trio.current_time())
                self._take_beginning(heard)

    async def _be_rude(self) -> None:
        """Sends what is no request, and reads what that is answered with."""
        wire = HOSTILE[int(self._client.limit) % len(HOSTILE)]
        try:
            line = self._line = await self._connect(self._client.worker)
        except OSError:
            return
        got = b""
        with suppress(OSError, trio.ClosedResourceError), trio.move_on_after(12.0):
            rest = memoryview(wire)
            while rest:
                try:
                    rest = rest[line.send_nowait(rest) :]
                except trio.WouldBlock:
                    await line.wait_writable()
            while True:
                try:
                    data = line.receive_nowait(READ_BYTES)
                except trio.WouldBlock:
                    await line.wait_readable()
                    continue
                if not data:
                    break
                got += data
        self._history.hostile.append(got)


class _Gone(Exception):
    """It asks no more."""
