"""HTTP/2 over TLS, which only Hypercorn speaks: the same app, streams beside each other on one connection."""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import h2.config
import h2.connection
import h2.events
import pytest
import trio
import trio.testing
from trio.testing import MockClock

from gateway.edge.limits import ServerLimits
from gateway.face.app import create_app
from gateway.face.hypercorn_engine import HypercornServer, tls_context
from tests.certificates import certify
from tests.face.house import ANSWER, BODY_LIMIT_BYTES, QUESTION, House, answers
from tests.memory_network import MemoryNetwork, as_trio_stream

ADDRESS = ("127.0.0.1", 8443)
USUAL = ServerLimits()


class Http2Client:
    """As much HTTP/2 as a few plain requests need."""

    def __init__(self, stream: trio.SSLStream[Any], server: HypercornServer) -> None:
        self._stream = stream
        self.server = server
        self._http = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
        self._http.initiate_connection()

    async def send(
        self, stream_id: int, method: str, path: str, body: bytes = b"", fields: Sequence[tuple[str, str]] = ()
    ) -> None:
        pseudo = [(":method", method), (":scheme", "https"), (":authority", "localhost"), (":path", path)]
        self._http.send_headers(stream_id, [*pseudo, *fields], end_stream=not body)
        if body:
            self._http.send_data(stream_id, body, end_stream=True)
        await self._stream.send_all(self._http.data_to_send())

    async def send_heads(self, *pieces: tuple[bytes, float]) -> None:
        """Bytes of frames, each some seconds after the one before."""
        for piece, after_s in pieces:
            await trio.sleep(after_s)
            await self._stream.send_all(self._http.data_to_send() + piece)

    async def reset(self, stream_id: int) -> None:
        self._http.reset_stream(stream_id)
        await self._stream.send_all(self._http.data_to_send())

    async def upload(self, stream_id: int, path: str, body: bytes) -> None:
        """A body that is larger than the window, which the server has to open while it reads."""
        fields = [(":method", "POST"), (":scheme", "https"), (":authority", "localhost"), (":path", path)]
        self._http.send_headers(stream_id, fields)
        rest = memoryview(body)
        while rest:
            room = min(self._http.local_flow_control_window(stream_id), self._http.max_outbound_frame_size)
            if not room:
                self._http.receive_data(await self._stream.receive_some(65_536))
                continue
            self._http.send_data(stream_id, bytes(rest[:room]), end_stream=room >= len(rest))
            rest = rest[room:]
            await self._stream.send_all(self._http.data_to_send())

    async def next_piece(self) -> tuple[bytes, float]:
        """The next piece of any answer's body, and when it came."""
        while True:
            for event in self._http.receive_data(await self._stream.receive_some(65_536)):
                if isinstance(event, h2.events.DataReceived) and event.data:
                    return event.data, trio.current_time()

    async def leave(self) -> None:
        """The connection goes, with all that is on it."""
        await trio.aclose_forcefully(self._stream)

    async def ended(self) -> bool:
        """Whether the server says goodbye and closes."""
        said_goodbye = False
        while data := await self._stream.receive_some(65_536):
            events = self._http.receive_data(data)
            said_goodbye |= any(isinstance(event, h2.events.ConnectionTerminated) for event in events)
        return said_goodbye

    async def read(self, count: int) -> dict[int, tuple[str, bytes]]:
        """Status and body of so many streams, in the order of their ends."""
        status: dict[int, str] = {}
        bodies: dict[int, bytes] = {}
        done: dict[int, tuple[str, bytes]] = {}
        while len(done) < count:
            for event in self._http.receive_data(await self._stream.receive_some(65_536)):
                if isinstance(event, h2.events.ResponseReceived):
                    status[event.stream_id] = str(dict(event.headers or [])[":status"])  # type: ignore[index]  # decoded, as configured
                elif isinstance(event, h2.events.DataReceived):
                    bodies[event.stream_id] = bodies.get(event.stream_id, b"") + event.data
                elif isinstance(event, h2.events.StreamEnded):
                    done[event.stream_id] = status[event.stream_id], bodies.get(event.stream_id, b"")
        return done


@asynccontextmanager
async def serving_tls(folder: Path, house: House) -> AsyncIterator[Http2Client]:
    async with secured(folder, house, "h2") as (stream, server):
        yield Http2Client(stream, server)


@asynccontextmanager
async def secured(
    folder: Path, house: House, protocol: str, limits: ServerLimits = USUAL
) -> AsyncIterator[tuple[trio.SSLStream[Any], HypercornServer]]:
    """A connection over TLS on which this protocol was agreed upon."""
    certificate = certify(folder)
    crashes: list[BaseException] = []
    server = HypercornServer(
        create_app(house.services),
        limits=limits,
        tls=tls_context(str(certificate.file), str(certificate.key_file)),
        clock=trio.current_time,
        wall_clock=lambda: 0.0,
        on_crash=lambda crash, _scope: crashes.append(crash),
    )
    network = MemoryNetwork()
    trust = ssl.create_default_context(cafile=str(certificate.file))
    trust.set_alpn_protocols([protocol])
    async with trio.open_nursery() as nursery:
        await nursery.start(server.serve, [await network.listen(*ADDRESS)])
        plain = as_trio_stream(await network.connect(*ADDRESS))
        secure = trio.SSLStream(plain, trust, server_hostname="localhost", https_compatible=True)
        await secure.do_handshake()
        assert secure.selected_alpn_protocol() == protocol
        yield secure, server
        nursery.cancel_scope.cancel()
    assert not crashes


async def test_questions_share_one_connection_and_the_quick_answer_comes_first(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    house = House()
    house.router.play = answers(after_s=5)
    async with serving_tls(tmp_path, house) as client:
        await client.send(1, "POST", "/v1/chat/completions", json.dumps(QUESTION).encode())
        await client.send(3, "GET", "/v1/models")

        done = await client.read(2)

    assert list(done) == [3, 1]
    assert done[1] == ("200", ANSWER)
    assert done[3][0] == "200"
    assert trio.current_time() == 5


async def test_a_stream_that_its_client_resets_stops_its_call_alone(autojump_clock: MockClock, tmp_path: Path) -> None:
    house = House()
    house.router.play = answers(after_s=5)
    async with serving_tls(tmp_path, house) as client:
        for stream_id in (1, 3):
            await client.send(stream_id, "POST", "/v1/chat/completions", json.dumps(QUESTION).encode())
        await trio.sleep(2)
        await client.reset(1)

        done = await client.read(1)

    assert done == {3: ("200", ANSWER)}
    assert [(record.outcome, record.ended_at) for record in house.records] == [("disconnected", 2), ("ok", 5)]


HALF_A_HEAD = bytes.fromhex("00000101000000000382")
"""HEADERS of stream 3 without the flag that ends them: ":method: GET" of the static table."""
HALF_A_FRAME = bytes.fromhex("00001001040000000382")
"""Of sixteen bytes, one."""


@pytest.mark.parametrize("half", [HALF_A_HEAD, HALF_A_FRAME])
async def test_a_head_has_its_time_here_too(autojump_clock: MockClock, tmp_path: Path, half: bytes) -> None:
    """Ten seconds from where it began, however long the connection has been there."""
    async with serving_tls(tmp_path, House()) as client:
        await client.send(1, "GET", "/health")
        assert (await client.read(1))[1][0] == "200"
        await client.send_heads((half, 40))
        await client.ended()
        assert trio.current_time() == 50


async def test_header_fields_are_counted_here_too(autojump_clock: MockClock, tmp_path: Path) -> None:
    async with serving_tls(tmp_path, House()) as client:
        await client.send(1, "GET", "/health", fields=[(f"x-{number}", "v") for number in range(101)])
        status, body = (await client.read(1))[1]
    assert (status, json.loads(body)["error"]["type"]) == ("431", "invalid_request_error")


async def test_a_slow_upload_that_is_refused_over_tls_is_read_to_its_end(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    """Without HTTP/2, where a refusal ends a connection; one that has sent all it had is closed at once."""
    async with secured(tmp_path, House(), "http/1.1") as (stream, _):
        await stream.send_all(b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000000\r\n\r\n")
        for _ in range(7):
            await trio.sleep(4)
            await stream.send_all(b"x" * 50_000)
        answer = await stream.receive_some(65_536)
        assert bytes(answer).startswith(b"HTTP/1.1 413 ")
        assert trio.current_time() == 28
    async with secured(tmp_path, House(), "http/1.1") as (stream, _):
        await stream.send_all(b"GET /health HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        while await stream.receive_some(65_536):
            pass
        assert trio.current_time() == 28


STREAMED = json.dumps({**QUESTION, "stream": True}).encode()


async def test_streamed_events_come_as_they_are_written(autojump_clock: MockClock, tmp_path: Path) -> None:
    house = House()
    pen = house.router.streams()
    async with serving_tls(tmp_path, house) as client:
        await client.send(1, "POST", "/v1/chat/completions", STREAMED)
        await trio.testing.wait_all_tasks_blocked()
        seen = []
        for number in range(3):
            await trio.sleep(1)
            await pen.write(b"data: %d\n\n" % number)
            seen.append(await client.next_piece())
        pen.end()
    assert seen == [(b"data: 0\n\n", 1), (b"data: 1\n\n", 2), (b"data: 2\n\n", 3)]


async def test_a_connection_that_goes_ends_all_that_is_on_it(autojump_clock: MockClock, tmp_path: Path) -> None:
    """A stream under way and a question that waits, at that very second."""
    house = House()
    pen = house.router.streams()
    async with serving_tls(tmp_path, house) as client:
        await client.send(1, "POST", "/v1/chat/completions", STREAMED)
        await trio.testing.wait_all_tasks_blocked()
        await pen.write(b"data: 0\n\n")
        house.router.play = answers(after_s=60)
        await client.send(3, "POST", "/v1/chat/completions", json.dumps(QUESTION).encode())
        await trio.sleep(4)

        await client.leave()

        await trio.testing.wait_all_tasks_blocked()
        assert [(record.outcome, record.ended_at) for record in house.records] == [("disconnected", 4)] * 2


async def test_a_body_larger_than_the_window_comes_whole_and_one_beyond_the_limit_is_refused(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    house = House()
    house.router.play = answers()
    async with serving_tls(tmp_path, house) as client:
        fits = json.dumps({**QUESTION, "user": "x" * (BODY_LIMIT_BYTES - 1000)}).encode()
        assert 65_535 < len(fits) <= BODY_LIMIT_BYTES
        await client.upload(1, "/v1/chat/completions", fits)
        assert await client.read(1) == {1: ("200", ANSWER)}
        assert house.router.calls[0].payload.body == fits
        await client.upload(3, "/v1/chat/completions", fits + b" " * 1000)
        (status, body), *_ = (await client.read(1)).values()
    assert status == "413"
    assert json.loads(body)["error"]["code"] == "request_too_large"


async def test_a_drain_lets_what_has_begun_end_and_says_goodbye(autojump_clock: MockClock, tmp_path: Path) -> None:
    house = House()
    house.router.play = answers(after_s=5)
    async with serving_tls(tmp_path, house) as client:
        await client.send(1, "POST", "/v1/chat/completions", json.dumps(QUESTION).encode())
        await trio.sleep(1)
        client.server.drain(25)
        assert await client.read(1) == {1: ("200", ANSWER)}
        assert trio.current_time() == 5
        assert await client.ended()
        assert trio.current_time() == 5
