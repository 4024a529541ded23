"""TLS under the upstream client: over memory in virtual time, and against Trio's own TLS on real sockets."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from ssl import create_default_context

import pytest
import trio
from trio.testing import MockClock

from gateway.edge import sockets
from gateway.edge.client import ClientLimits, UpstreamClient
from gateway.edge.pool import PoolStatistics
from gateway.edge.read_poll import ReadPoll, open_read_poll
from gateway.edge.tls import client_context, open_tls
from gateway.errors import UpstreamBroken, UpstreamReset, UpstreamUnreachable
from gateway.providers.profile import Origin
from tests.actors.sweep import DisturbAt, sweep
from tests.certificates import NAME, Certificate, certify
from tests.edge.upstream import LIMIT_BYTES, LONGEST_STORY_S, OK
from tests.memory_network import MemoryNetwork, as_trio_stream

LARGE = bytes(range(256)) * 8192
NOTHING = PoolStatistics(busy=0, connecting=0, idle=0)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return certify(tmp_path_factory.mktemp("authority"))


def server_context(certificate: Certificate) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.file, certificate.key_file)
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


Handler = Callable[["trio.SSLStream[trio.abc.Stream]"], object]


async def serve(stream: trio.abc.Stream, context: ssl.SSLContext, script: Handler) -> None:
    """One connection; what goes wrong here is the client's story."""
    secured = trio.SSLStream(stream, context, server_side=True, https_compatible=True)
    try:
        await script(secured)  # type: ignore[misc]
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        await trio.aclose_forcefully(stream)


@asynccontextmanager
async def over_memory(
    authority: Certificate, script: Handler, network: MemoryNetwork | None = None
) -> AsyncIterator[UpstreamClient]:
    """A client in virtual time whose every connection meets `script`."""
    network = network or MemoryNetwork()
    listener = await network.listen(NAME, 443)
    context = server_context(authority)
    client = UpstreamClient(
        connect=network.connect, clock=trio.current_time, limits=ClientLimits(), ca_file=str(authority.file)
    )

    async def accept(nursery: trio.Nursery) -> None:
        while True:
            nursery.start_soon(serve, as_trio_stream(await listener.accept()), context, script)

    with trio.fail_after(LONGEST_STORY_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(accept, nursery)
            yield client
            nursery.cancel_scope.cancel()
    assert client.statistics().get(ORIGIN, NOTHING).busy == 0
    client.close()
    assert all(stream.closed for stream in network.streams[::2])


ORIGIN = Origin("https", NAME, 443)


async def read_answer(client: UpstreamClient, origin: Origin = ORIGIN, body: bytes = b"{}") -> bytes:
    response = await client.request(origin, b"POST", b"/", [], body)
    try:
        return await response.read(4 * LIMIT_BYTES)
    finally:
        response.close()


async def read_request(stream: trio.abc.ReceiveStream, body_bytes: int = 2) -> bytes:
    received = b""
    while b"\r\n\r\n" not in received or len(received.partition(b"\r\n\r\n")[2]) < body_bytes:
        piece = await stream.receive_some()
        if not piece:
            return b""
        received += piece
    return received


def answer_of(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body


async def echo_large(stream: trio.SSLStream[trio.abc.Stream], size_bytes: int = len(LARGE)) -> None:
    while request := await read_request(stream, size_bytes):
        await stream.send_all(answer_of(request.partition(b"\r\n\r\n")[2]))


@pytest.mark.parametrize("max_receive_bytes", [3001, 65536])
async def test_two_mebibytes_there_and_back_twice_over_one_connection(
    max_receive_bytes: int, authority: Certificate, autojump_clock: MockClock
) -> None:
    network = MemoryNetwork(max_receive_bytes=max_receive_bytes, window_bytes=20_000)
    async with over_memory(authority, echo_large, network) as client:
        for _ in range(2):
            assert await read_answer(client, body=LARGE) == LARGE
        assert len(network.connects) == 1


async def test_what_is_streamed_comes_out_as_it_arrives(authority: Certificate, autojump_clock: MockClock) -> None:
    async def script(stream: trio.SSLStream[trio.abc.Stream]) -> None:
        await read_request(stream)
        await stream.send_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        for _ in range(2):
            await trio.sleep(1)
            await stream.send_all(b"6\r\nevent\n\r\n")
        await stream.send_all(b"0\r\n\r\n")

    async with over_memory(authority, script) as client:
        response = await client.request(ORIGIN, b"POST", b"/", [], b"{}")
        seen = []
        while piece := await response.receive():
            seen.append((piece, trio.current_time()))
        assert seen == [(b"event\n", 1), (b"event\n", 2)]
        response.close()


async def watch_answer(client: UpstreamClient, origin: Origin = ORIGIN, body: bytes = LARGE) -> bytes:
    """As `read_answer`, with each piece taken where it arrives."""
    pieces: list[bytes] = []

    def take(piece: bytes) -> bool:
        pieces.append(piece)
        return True

    response = await client.request(origin, b"POST", b"/", [], body)
    try:
        assert not await response.pass_to(take)
    finally:
        response.close()
    return b"".join(pieces)


async def test_what_openssl_has_does_not_wait_for_more_to_arrive(
    authority: Certificate, autojump_clock: MockClock
) -> None:
    """Whoever takes ten bytes at a time is called again for the rest, though the transport has nothing more."""
    network = MemoryNetwork()
    listener = await network.listen(NAME, 443)
    seen: list[tuple[bytes, float]] = []

    async def script(stream: trio.SSLStream[trio.abc.Stream]) -> None:
        for message in (b"twelve bytes", b"and more", b"."):
            await trio.sleep(1)
            await stream.send_all(message)

    def take() -> bool:
        with suppress(trio.WouldBlock):
            seen.append((stream.receive_nowait(10), trio.current_time()))
        return not (seen and seen[-1][0] == b".")

    async with trio.open_nursery() as nursery:
        transport = await network.connect(NAME, 443)
        nursery.start_soon(serve, as_trio_stream(await listener.accept()), server_context(authority), script)
        stream = await open_tls(transport, client_context(str(authority.file)), NAME)
        await stream.watch_readable(take)
        stream.close()
    assert seen == [(b"twelve byt", 1), (b"es", 1), (b"and more", 2), (b".", 3)]


def as_python_3_11_3_made_it(cafile: str | None = None) -> ssl.SSLContext:
    context = create_default_context(cafile=cafile)
    context.options |= getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
    return context


@pytest.mark.parametrize("made", [create_default_context, as_python_3_11_3_made_it])
@pytest.mark.parametrize("in_order", [True, False])
async def test_an_end_without_tls_saying_so_is_no_end_of_a_body(
    in_order: bool,
    made: Callable[..., ssl.SSLContext],
    authority: Certificate,
    autojump_clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Anybody on the way could cut a body that ends with its connection, but not in TLS's own words."""
    monkeypatch.setattr(ssl, "create_default_context", made)

    async def script(stream: trio.SSLStream[trio.abc.Stream]) -> None:
        await read_request(stream)
        await stream.send_all(b"HTTP/1.1 200 OK\r\n\r\nall of it")
        if in_order:
            await stream.unwrap()
        await stream.transport_stream.aclose()

    async with over_memory(authority, script) as client:
        if in_order:
            assert await read_answer(client) == b"all of it"
        else:
            with pytest.raises(UpstreamBroken):
                await read_answer(client)


async def test_a_kept_connection_that_dies_is_replaced(authority: Certificate, autojump_clock: MockClock) -> None:
    """Session tickets that come after the handshake are no reason to think it dead."""
    connections = []

    async def script(stream: trio.SSLStream[trio.abc.Stream]) -> None:
        connections.append(stream)
        for _ in range(2):
            await read_request(stream)
            await stream.send_all(OK)
        await read_request(stream)
        await trio.aclose_forcefully(stream)

    async with over_memory(authority, script) as client:
        for _ in range(3):
            assert await read_answer(client) == b"ok"
        assert len(connections) == 2


async def test_no_answer_at_all_is_a_reset(authority: Certificate, autojump_clock: MockClock) -> None:
    async def script(stream: trio.SSLStream[trio.abc.Stream]) -> None:
        await read_request(stream)
        await trio.aclose_forcefully(stream)

    async with over_memory(authority, script) as client:
        with pytest.raises(UpstreamReset):
            await read_answer(client)


@asynccontextmanager
async def over_sockets(authority: Certificate, script: Handler) -> AsyncIterator[int]:
    """The port of a TLS server on loopback."""
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port: int = listener.socket.getsockname()[1]
    handler = partial(serve, context=server_context(authority), script=script)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, handler, [listener])
        yield port
        nursery.cancel_scope.cancel()


def real_client(ca_file: str | None, poll: ReadPoll | None = None) -> UpstreamClient:
    connect = partial(sockets.connect, poll=poll)
    return UpstreamClient(connect=connect, clock=trio.current_time, limits=ClientLimits(), ca_file=ca_file)


@pytest.mark.parametrize("host", [NAME, "127.0.0.1"])
async def test_real_sockets_carry_it_too(host: str, authority: Certificate) -> None:
    """HTTP/1.1 is chosen where HTTP/2 is offered."""
    protocols = []

    async def script(stream: trio.SSLStream[trio.abc.Stream]) -> None:
        await stream.do_handshake()
        protocols.append(stream.selected_alpn_protocol())
        await echo_large(stream)

    async with over_sockets(authority, script) as port:
        client = real_client(str(authority.file))
        for _ in range(2):
            assert await read_answer(client, Origin("https", host, port), LARGE) == LARGE
        client.close()
    assert protocols == ["http/1.1"]


async def test_real_sockets_are_watched_under_tls_too(authority: Certificate, nursery: trio.Nursery) -> None:
    poll = open_read_poll()
    if poll is not None:
        nursery.start_soon(poll.run)
    async with over_sockets(authority, echo_large) as port:
        client = real_client(str(authority.file), poll)
        for _ in range(2):
            assert await watch_answer(client, Origin("https", NAME, port)) == LARGE
        client.close()


async def test_a_certificate_for_another_name_is_refused(authority: Certificate) -> None:
    async def connect(host: str, port: int) -> sockets.SocketStream:
        return await sockets.connect("127.0.0.1", port)

    async with over_sockets(authority, echo_large) as port:
        client = UpstreamClient(
            connect=connect, clock=trio.current_time, limits=ClientLimits(), ca_file=str(authority.file)
        )
        origin = Origin("https", "other.test", port)
        with pytest.raises(UpstreamUnreachable, match="certificate was not accepted"):
            await read_answer(client, origin)
        assert client.statistics()[origin].open == 0


async def test_a_certificate_that_nobody_vouches_for_is_refused(authority: Certificate) -> None:
    async with over_sockets(authority, echo_large) as port:
        with pytest.raises(UpstreamUnreachable, match="certificate was not accepted"):
            await read_answer(real_client(None), Origin("https", NAME, port))


async def test_a_server_that_does_not_speak_tls_is_refused(authority: Certificate, autojump_clock: MockClock) -> None:
    """Whether it answers in plain text or closes."""
    for words in (OK, b""):
        network = MemoryNetwork()
        listener = await network.listen(NAME, 443)

        async def speak(listener=listener, words=words) -> None:  # type: ignore[no-untyped-def]
            stream = as_trio_stream(await listener.accept())
            await stream.receive_some()
            await stream.send_all(words)
            await stream.send_eof()

        client = UpstreamClient(
            connect=network.connect, clock=trio.current_time, limits=ClientLimits(), ca_file=str(authority.file)
        )
        async with trio.open_nursery() as nursery:
            nursery.start_soon(speak)
            with pytest.raises(UpstreamUnreachable, match="TLS handshake failed"):
                await read_answer(client)
        assert client.statistics()[ORIGIN].open == 0
        assert network.streams[0].closed


async def test_a_handshake_that_never_ends_is_ended_by_the_callers_scope(
    authority: Certificate, autojump_clock: MockClock
) -> None:
    network = MemoryNetwork()
    await network.listen(NAME, 443)
    client = UpstreamClient(
        connect=network.connect, clock=trio.current_time, limits=ClientLimits(), ca_file=str(authority.file)
    )
    with trio.move_on_after(5):
        await read_answer(client)
    assert trio.current_time() == 5
    assert client.statistics()[ORIGIN].open == 0
    assert network.streams[0].closed


def test_a_cancel_at_any_checkpoint_leaves_nothing_behind(authority: Certificate) -> None:
    """In the handshake too; `over_memory` checks that every connection is closed in the end."""
    body = LARGE[:131_072]
    echo = partial(echo_large, size_bytes=len(body))

    async def story(disturb: DisturbAt) -> None:
        async with over_memory(authority, echo, MemoryNetwork(window_bytes=65_536)) as client:
            with trio.CancelScope() as scope:
                disturb.arm(scope.cancel)
                await read_answer(client, body=body)
            assert client.statistics().get(ORIGIN, NOTHING).busy == 0

    assert sweep(story) > 10


def test_only_current_versions_and_verified_names() -> None:
    context = client_context()
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
