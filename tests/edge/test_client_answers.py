"""The upstream client reads every framing of an answer exactly, and takes nothing cut short for whole."""

from __future__ import annotations

import gzip
import random
import zlib
from collections.abc import Awaitable, Callable

import pytest
import trio
from trio.testing import MockClock

from gateway.edge.client import ClientLimits, UpstreamClient
from gateway.edge.content_coding import DECODED_PIECE_BYTES
from gateway.errors import UpstreamBroken, UpstreamReset, UpstreamTooLarge
from tests.edge.conftest import on_both_clients
from tests.edge.upstream import LIMIT_BYTES, OK, Script, Wire, answering, ask, counted, read_answer, upstream
from tests.memory_network import MemoryNetwork

BODY = b'{"object": "thing", "text": "' + b"lorem ipsum " * 4 + b'"}'
PACKED = gzip.compress(BODY, mtime=0)


def with_length(body: bytes, *fields: bytes) -> bytes:
    head = [b"HTTP/1.1 200 OK", b"Content-Type: application/json", *fields, b"Content-Length: %d" % len(body)]
    return b"\r\n".join(head) + b"\r\n\r\n" + body


def in_chunks(body: bytes, *fields: bytes, size: int = 11) -> bytes:
    head = [b"HTTP/1.1 200 OK", *fields, b"Transfer-Encoding: chunked"]
    chunks = [body[start : start + size] for start in range(0, len(body), size)]
    framed = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return b"\r\n".join(head) + b"\r\n\r\n" + framed + b"0\r\n\r\n"


def raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


ANSWERS = {
    "content-length": with_length(BODY),
    "chunked": in_chunks(BODY),
    "chunked with extensions and a trailer": in_chunks(BODY)
    .replace(b"b\r\n", b"b;name=value\r\n", 1)
    .replace(b"0\r\n\r\n", b"0\r\nx-checksum: 1\r\n\r\n"),
    "gzip": with_length(PACKED, b"Content-Encoding: gzip"),
    "gzip in chunks": in_chunks(PACKED, b"Content-Encoding: gzip"),
    "gzip of two members": with_length(
        gzip.compress(BODY[:9], mtime=0) + gzip.compress(BODY[9:], mtime=0), b"content-encoding: x-gzip"
    ),
    "deflate": with_length(zlib.compress(BODY), b"content-encoding: deflate"),
    "bare deflate": with_length(raw_deflate(BODY), b"content-encoding: Deflate"),
    "after interim answers": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"
    + with_length(BODY),
}


@pytest.fixture(params=ANSWERS.values(), ids=ANSWERS.keys())
def answer(request: pytest.FixtureRequest) -> bytes:
    return request.param


async def pass_answer(client: UpstreamClient) -> bytes:
    """As `read_answer`, with each piece taken where it arrives."""
    pieces: list[bytes] = []

    def take(piece: bytes) -> bool:
        pieces.append(piece)
        return len(pieces) % 5 > 0

    response = await ask(client)
    try:
        while await response.pass_to(take):
            assert len(pieces) % 5 == 0
    finally:
        response.close()
    return b"".join(pieces)


Read = Callable[[UpstreamClient], Awaitable[bytes]]
BOTH_WAYS = pytest.mark.parametrize("read", [read_answer, pass_answer])
EACH_WAY = pytest.mark.parametrize(
    ("engine", "read"), [("edge", read_answer), ("edge", pass_answer), ("httpx", pass_answer)], indirect=["engine"]
)
"""For sweeps: the other client has one way, and passes on what it has received."""


@EACH_WAY
@on_both_clients
async def test_an_answer_cut_at_any_byte_is_never_taken_for_whole(
    read: Read, answer: bytes, autojump_clock: MockClock
) -> None:
    """Nothing at all is a reset, anything less than all is broken; neither leaves a connection behind."""
    async with upstream(*(answering(answer[:size], close=True) for size in range(len(answer)))) as (client, server):
        for size in range(len(answer)):
            with pytest.raises(UpstreamBroken if size else UpstreamReset):
                await read(client)
            assert counted(client).open == 0
            assert len(server.wires) == size + 1


def resetting(start: bytes) -> Script:
    """The reset comes after what was sent has been read."""

    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.send(start)
        await trio.sleep(1)
        wire.stream.close(abort=True)

    return script


@EACH_WAY
@on_both_clients
async def test_an_answer_reset_at_any_byte_is_never_taken_for_whole(
    read: Read, answer: bytes, autojump_clock: MockClock
) -> None:
    async with upstream(*(resetting(answer[:size]) for size in range(len(answer)))) as (client, server):
        for size in range(len(answer)):
            with pytest.raises(UpstreamBroken if size else UpstreamReset):
                await read(client)
            assert counted(client).open == 0
            assert len(server.wires) == size + 1


@EACH_WAY
@on_both_clients
async def test_an_answer_split_at_any_byte_reads_the_same(read: Read, answer: bytes, autojump_clock: MockClock) -> None:
    """And the connection carries another request after each of them."""

    async def script(wire: Wire) -> None:
        for cut in range(1, len(answer)):
            await wire.request()
            await wire.send(answer[:cut])
            await trio.sleep(1)
            await wire.send(answer[cut:])
            await answering(OK)(wire)

    async with upstream(script) as (client, server):
        for _ in range(1, len(answer)):
            assert await read(client) == BODY
            assert await read_answer(client) == b"ok"
        assert len(server.wires) == 1


@BOTH_WAYS
@on_both_clients
async def test_an_answer_that_comes_byte_by_byte_reads_the_same(
    read: Read, answer: bytes, autojump_clock: MockClock
) -> None:
    async with upstream(answering(answer), network=MemoryNetwork(max_receive_bytes=1)) as (client, _):
        assert await read(client) == BODY
        assert counted(client).idle == 1


@pytest.mark.parametrize("seed", range(10))
@on_both_clients
async def test_an_answer_in_random_pieces_reads_the_same(seed: int, answer: bytes, autojump_clock: MockClock) -> None:
    async with upstream(answering(answer), network=MemoryNetwork(random.Random(seed))) as (client, _):
        assert await read_answer(client) == BODY


@on_both_clients
async def test_pieces_come_out_as_they_arrive(autojump_clock: MockClock) -> None:
    """A stream's events are not held back until there are more; gzip's are not either."""
    packer = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)
    first = packer.compress(b"data: 1\n\n") + packer.flush(zlib.Z_SYNC_FLUSH)
    last = packer.compress(b"data: 2\n\n") + packer.flush()

    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-encoding: gzip\r\n\r\n")
        for piece in (first, last):
            await trio.sleep(1)
            await wire.send(b"%x\r\n%b\r\n" % (len(piece), piece))
        await trio.sleep(1)
        await wire.send(b"0\r\n\r\n")

    async with upstream(script) as (client, _):
        response = await ask(client)
        seen = [(await response.receive(), trio.current_time()) for _ in range(3)]
        assert seen == [(b"data: 1\n\n", 1), (b"data: 2\n\n", 2), (b"", 3)]
        assert await response.receive() == b""
        response.close()


async def test_headers_are_lower_case_in_order_and_true_of_the_decoded_body(autojump_clock: MockClock) -> None:
    """Lengths and codings of what was sent say nothing of what is read."""
    answer = with_length(PACKED, b"Content-Encoding: gzip", b"X-Twice: 1", b"x-TWICE: 2")
    async with upstream(answering(answer)) as (client, _):
        response = await ask(client)
        assert response.status == 200
        assert response.headers == [(b"content-type", b"application/json"), (b"x-twice", b"1"), (b"x-twice", b"2")]
        response.close()


@on_both_clients
async def test_headers_of_interim_answers_are_not_the_answers(autojump_clock: MockClock) -> None:
    answer = b"HTTP/1.1 103 Early Hints\r\ncontent-length: 9\r\nlink: </a>\r\n\r\n" + OK
    async with upstream(answering(answer)) as (client, _):
        response = await ask(client)
        assert response.headers == [(b"content-length", b"2")]
        assert await response.read(LIMIT_BYTES) == b"ok"
        response.close()


async def test_a_body_without_framing_ends_with_the_connection(autojump_clock: MockClock) -> None:
    answer = b"HTTP/1.1 200 OK\r\nserver: old\r\n\r\n" + BODY
    async with upstream(answering(answer, close=True)) as (client, _):
        assert await read_answer(client) == BODY
        assert counted(client).open == 0


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        (b"HEAD", b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\ncontent-encoding: gzip\r\n\r\n"),
        (b"HEAD", b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n"),
        (b"POST", b"HTTP/1.1 204 No Content\r\n\r\n"),
        (b"GET", b"HTTP/1.1 304 Not Modified\r\ncontent-length: 500\r\ncontent-encoding: br\r\n\r\n"),
        (b"POST", b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\ncontent-encoding: gzip\r\n\r\n"),
    ],
)
@on_both_clients
async def test_answers_without_a_body_end_with_their_head(
    method: bytes, answer: bytes, autojump_clock: MockClock
) -> None:
    async with upstream(answering(answer, OK)) as (client, server):
        assert await read_answer(client, method) == b""
        assert await read_answer(client) == b"ok"
        assert len(server.wires) == 1


MALFORMED = {
    "a header without a colon": b"HTTP/1.1 200 OK\r\nnonsense\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok",
    "a length that is no number": b"HTTP/1.1 200 OK\r\ncontent-length: -2\r\n\r\nok",
    "a chunk size that is no number": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n",
    "a chunk longer than it says": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nokay\r\n0\r\n\r\n",
    "another transfer coding": b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "a change of protocol": b"HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n",
    "a status below 100": b"HTTP/1.1 042 What\r\ncontent-length: 0\r\n\r\n",
    "no status": b"HTTP/1.1 OK\r\ncontent-length: 0\r\n\r\n",
    "an unknown content coding": b"HTTP/1.1 200 OK\r\ncontent-encoding: br\r\ncontent-length: 2\r\n\r\nok",
    "two content codings": b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-encoding: gzip\r\n"
    b"content-length: 2\r\n\r\nok",
    "gzip that is none": b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\nok",
    "gzip with something behind": with_length(PACKED + b"behind", b"content-encoding: gzip"),
    "deflate with something behind": with_length(zlib.compress(BODY) + b"behind", b"content-encoding: deflate"),
    "gzip that ends early in a whole body": with_length(PACKED[:-1], b"content-encoding: gzip"),
    "deflate of one byte": with_length(b"\x78", b"content-encoding: deflate"),
}


STRICT = {
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n",
    "bare line feeds": b"HTTP/1.1 200 OK\ncontent-length: 2\n\nok",
    "both framings": b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("answer", MALFORMED.values(), ids=MALFORMED.keys())
@on_both_clients
async def test_what_is_not_a_proper_answer_is_broken(answer: bytes, autojump_clock: MockClock) -> None:
    """The upstream keeps the connection open, so that only what it said can be the reason."""
    async with upstream(answering(answer)) as (client, _):
        with pytest.raises(UpstreamBroken):
            await read_answer(client)
        assert counted(client).busy == 0


@pytest.mark.parametrize("answer", STRICT.values(), ids=STRICT.keys())
async def test_what_is_nearly_a_proper_answer_is_broken_too(answer: bytes, autojump_clock: MockClock) -> None:
    """h11, below the other client, waits for more of the first and takes the others as they were meant."""
    async with upstream(answering(answer)) as (client, _):
        with pytest.raises(UpstreamBroken):
            await read_answer(client)
        assert counted(client).busy == 0


@on_both_clients
async def test_a_broken_answer_stays_broken(autojump_clock: MockClock) -> None:
    """Whoever asks for the next piece after a failure must not find a clean end."""
    for answer in (with_length(PACKED[:-1], b"content-encoding: gzip"), in_chunks(BODY)[:-9]):
        async with upstream(answering(answer, close=True)) as (client, _):
            response = await ask(client)
            with pytest.raises(UpstreamBroken):
                await response.read(LIMIT_BYTES)
            with pytest.raises(UpstreamBroken):
                await response.receive()
            response.close()


OVERSIZED = {
    "one header": b"HTTP/1.1 200 OK\r\nx-long: " + b"x" * 2000,
    "one header, ended": b"HTTP/1.1 200 OK\r\nx-long: " + b"x" * 2000 + b"\r\ncontent-length: 2\r\n\r\nok",
    "many headers": b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 400 + b"content-length: 2\r\n\r\nok",
    "interim answers without end": b"HTTP/1.1 102 Processing\r\n\r\n" * 100,
    "a trailer": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx-long: " + b"x" * 2000,
    "a chunk extension": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2;" + b"x" * 2000,
}


@pytest.mark.parametrize("answer", OVERSIZED.values(), ids=OVERSIZED.keys())
@pytest.mark.parametrize("max_receive_bytes", [1, 65536])
async def test_what_is_neither_body_nor_end_is_bounded(
    answer: bytes, max_receive_bytes: int, autojump_clock: MockClock
) -> None:
    network = MemoryNetwork(max_receive_bytes=max_receive_bytes)
    async with upstream(answering(answer), network=network, limits=ClientLimits(max_header_bytes=1024)) as (client, _):
        with pytest.raises(UpstreamTooLarge):
            await read_answer(client)
        assert counted(client).open == 0


async def test_headers_up_to_the_bound_are_well(autojump_clock: MockClock) -> None:
    """The body behind them does not count."""
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: 9000\r\nx: " + b"x" * 900 + b"\r\n\r\n" + b"y" * 9000
    async with upstream(answering(answer), limits=ClientLimits(max_header_bytes=1024)) as (client, _):
        assert await read_answer(client) == b"y" * 9000


@on_both_clients
async def test_a_body_beyond_the_callers_bound_is_refused_and_its_connection_closed(
    autojump_clock: MockClock,
) -> None:
    async with upstream(answering(with_length(bytes(100_000)))) as (client, _):
        response = await ask(client)
        with pytest.raises(UpstreamTooLarge):
            await response.read(50_000)
        assert counted(client).open == 0
        response.close()
    async with upstream(answering(with_length(bytes(100_000)))) as (client, _):
        response = await ask(client)
        assert await response.read(100_000) == bytes(100_000)
        response.close()


@on_both_clients
async def test_a_gzip_bomb_comes_out_in_bounded_pieces(autojump_clock: MockClock) -> None:
    """64 MiB in 64 KB: reading stops at the caller's bound, and no piece is larger than the decoder's."""
    bomb = gzip.compress(bytes(64 * 1024 * 1024), compresslevel=9)
    async with upstream(answering(with_length(bomb, b"content-encoding: gzip"))) as (client, _):
        response = await ask(client)
        assert len(await response.receive()) == DECODED_PIECE_BYTES
        with pytest.raises(UpstreamTooLarge):
            await response.read(LIMIT_BYTES)
        response.close()


@on_both_clients
async def test_output_that_fits_the_decoders_bound_exactly_is_whole(autojump_clock: MockClock) -> None:
    """zlib may hold output back although it has taken all input."""
    for size in (DECODED_PIECE_BYTES - 1, DECODED_PIECE_BYTES, DECODED_PIECE_BYTES + 1, 3 * DECODED_PIECE_BYTES):
        packed = gzip.compress(bytes(size))
        async with upstream(answering(with_length(packed, b"content-encoding: gzip"))) as (client, _):
            assert await read_answer(client) == bytes(size)


@pytest.mark.parametrize("surplus", [b"x", OK, b"HTTP/1.1 200 OK\r\n"])
@pytest.mark.parametrize("answer", [OK, OK.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"), in_chunks(BODY)])
@on_both_clients
async def test_bytes_behind_an_answer_spoil_the_connection_not_the_answer(
    surplus: bytes, answer: bytes, autojump_clock: MockClock
) -> None:
    """They would be taken for the answer to the next request."""
    async with upstream(answering(answer + surplus), answering(OK)) as (client, server):
        assert await read_answer(client) in (b"ok", BODY)
        assert await read_answer(client) == b"ok"
        assert len(server.wires) == 2


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
    ],
)
@on_both_clients
async def test_a_connection_that_the_upstream_will_close_is_not_kept(answer: bytes, autojump_clock: MockClock) -> None:
    async with upstream(answering(answer)) as (client, _):
        assert await read_answer(client) == b"ok"
        assert counted(client).open == 0
