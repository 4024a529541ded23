"""Real sockets on loopback keep to the world's Stream, Listener and Connect."""

from __future__ import annotations

import errno
import socket
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import trio

from gateway.edge.lookups import SharedLookups
from gateway.edge.sockets import SocketListener, SocketStream, connect, listen
from gateway.world import Stream

LOOPBACK = "127.0.0.1"


@pytest.fixture
async def listener() -> AsyncIterator[SocketListener]:
    listener = await listen(LOOPBACK, 0)
    yield listener
    listener.close()


class TwoAddresses(trio.abc.HostnameResolver):
    """A name with two addresses, of which nobody listens on the first."""

    async def getaddrinfo(self, host: Any, port: Any, family: int = 0, *_: Any, **__: Any) -> Any:
        assert host in (b"two.example", "two.example")
        kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
        return [(*kind, ("127.9.9.9", port)), (*kind, (LOOPBACK, port))]

    async def getnameinfo(self, *_: Any) -> Any:
        raise NotImplementedError


async def connected_pair(listener: SocketListener) -> tuple[SocketStream, SocketStream]:
    ours = await connect(*listener.address)
    return ours, await listener.accept()


async def send(stream: Stream, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[stream.send_nowait(rest) :]
        except trio.WouldBlock:
            await stream.wait_writable()


def fill(stream: Stream) -> None:
    """Sends until there is no room."""
    while stream.send_nowait(bytes(65536)) >= 1:
        pass


async def test_a_name_with_two_addresses_is_reached_at_the_one_that_answers(listener: SocketListener) -> None:
    before = trio.socket.set_custom_hostname_resolver(TwoAddresses())
    try:
        stream = await connect("two.example", listener.address[1])
    finally:
        trio.socket.set_custom_hostname_resolver(before)
    accepted = await listener.accept()
    await send(stream, b"hello")
    assert await receive(accepted) == b"hello"
    stream.close()
    accepted.close()


async def receive(stream: Stream) -> bytes:
    while True:
        await stream.wait_readable()
        try:
            return stream.receive_nowait(65536)
        except trio.WouldBlock:
            continue


async def receive_all(stream: Stream) -> bytes:
    pieces = []
    while piece := await receive(stream):
        pieces.append(piece)
    return b"".join(pieces)


async def echo(stream: Stream) -> None:
    while data := await receive(stream):
        await send(stream, data)
    stream.close()


async def test_what_is_sent_comes_back_and_half_a_close_leaves_the_other_half_open(listener: SocketListener) -> None:
    """Four MiB through both windows at once, then the end of one direction."""
    ours, theirs = await connected_pair(listener)
    message = bytes(range(256)) * 16384

    async def send_and_end() -> None:
        await send(ours, message)
        ours.send_eof()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(echo, theirs)
        nursery.start_soon(send_and_end)
        assert await receive_all(ours) == message
    ours.close()


async def test_nothing_arrived_and_no_room_are_would_block(listener: SocketListener) -> None:
    ours, theirs = await connected_pair(listener)
    with pytest.raises(trio.WouldBlock):
        ours.receive_nowait(1)
    with pytest.raises(trio.WouldBlock):
        fill(ours)
    ours.close(abort=True)
    theirs.close()


async def test_abort_resets_the_other_side(listener: SocketListener) -> None:
    ours, theirs = await connected_pair(listener)
    ours.close(abort=True)
    await theirs.wait_readable()
    with pytest.raises(ConnectionResetError):
        theirs.receive_nowait(1)
    theirs.close()


async def test_close_in_order_is_an_end(listener: SocketListener) -> None:
    ours, theirs = await connected_pair(listener)
    ours.close()
    assert await receive_all(theirs) == b""
    theirs.close()


async def test_both_ends_know_each_other_and_delay_nothing(listener: SocketListener) -> None:
    ours, theirs = await connected_pair(listener)
    assert ours.peer == listener.address
    assert theirs.peer[0] == LOOPBACK
    for stream in (ours, theirs):
        assert stream._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
        stream.close()


async def test_nobody_listening_is_refused(listener: SocketListener) -> None:
    listener.close()
    with pytest.raises(ConnectionRefusedError):
        await connect(*listener.address)


async def test_a_name_that_nobody_knows_is_an_os_error() -> None:
    with pytest.raises(socket.gaierror):
        await connect("nobody.invalid", 80)


async def test_a_name_whose_servers_are_silent_keeps_nobody_from_another(
    listener: SocketListener, monkeypatch: pytest.MonkeyPatch, nursery: trio.Nursery
) -> None:
    """A hundred want to go there, more than Trio has threads: it is asked for once, and all hear what came of it."""
    asked, told, heard = [], threading.Event(), []
    look_up = socket.getaddrinfo

    def hang(host: Any, *more: Any) -> Any:
        if host != b"silent.example":
            return look_up(host, *more)
        asked.append(host)
        told.wait(10)
        raise socket.gaierror(socket.EAI_AGAIN, "no answer")

    async def go_there() -> None:
        with pytest.raises(socket.gaierror):
            await connect("silent.example", 80)
        heard.append(True)

    lookups = SharedLookups()
    await nursery.start(lookups.run)
    monkeypatch.setattr(socket, "getaddrinfo", hang)
    before = trio.socket.set_custom_hostname_resolver(lookups)
    try:
        async with trio.open_nursery() as travellers:
            with trio.move_on_after(0.01):
                await go_there()
            for _ in range(100):
                travellers.start_soon(go_there)
            await trio.sleep(0.01)
            with trio.fail_after(5):
                stream = await connect("localhost", listener.address[1])
            stream.close()
            told.set()
    finally:
        trio.socket.set_custom_hostname_resolver(before)
        told.set()
    assert (len(asked), len(heard)) == (1, 100)
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize("wait", [SocketStream.wait_readable, SocketStream.wait_writable])
async def test_closing_wakes_whoever_waits(listener: SocketListener, wait: Callable[[SocketStream], object]) -> None:
    """And a later wait does not touch the descriptor, which may be somebody else's by then."""
    ours, theirs = await connected_pair(listener)
    with pytest.raises(trio.WouldBlock):
        fill(ours)
    woken = []

    async def wait_and_note() -> None:
        with pytest.raises(trio.ClosedResourceError):
            await wait(ours)  # type: ignore[misc]
        woken.append(True)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait_and_note)
        await trio.testing.wait_all_tasks_blocked()
        assert not woken
        ours.close()
    assert woken == [True]
    with pytest.raises(trio.ClosedResourceError):
        await wait(ours)  # type: ignore[misc]
    ours.close()
    theirs.close(abort=True)


async def test_closing_a_listener_wakes_accept(listener: SocketListener) -> None:
    async def accept_until_closed() -> None:
        with pytest.raises(trio.ClosedResourceError):
            await listener.accept()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(accept_until_closed)
        await trio.testing.wait_all_tasks_blocked()
        listener.close()
    with pytest.raises(trio.ClosedResourceError):
        await listener.accept()


async def test_many_connections_at_once_are_all_served(listener: SocketListener) -> None:
    answers = []

    async def serve(nursery: trio.Nursery) -> None:
        while True:
            nursery.start_soon(echo, await listener.accept())

    async def ask(number: int) -> None:
        stream = await connect(*listener.address)
        await send(stream, b"%d" % number)
        stream.send_eof()
        answers.append(int(await receive_all(stream)))
        stream.close()

    async with trio.open_nursery() as server:
        server.start_soon(serve, server)
        async with trio.open_nursery() as clients:
            for number in range(100):
                clients.start_soon(ask, number)
        server.cancel_scope.cancel()
    assert sorted(answers) == list(range(100))


async def test_two_listeners_share_a_port_when_both_ask_for_it() -> None:
    first = await listen(LOOPBACK, 0, reuse_port=True)
    second = await listen(*first.address, reuse_port=True)
    assert second.address == first.address
    with pytest.raises(OSError, match="in use") as refusal:
        await listen(*first.address)
    assert refusal.value.errno == errno.EADDRINUSE
    first.close()
    second.close()


async def test_a_unix_socket_is_a_stream_too() -> None:
    here, there = socket.socketpair()
    ours, theirs = SocketStream(here, ""), SocketStream(there, "")
    assert ours.peer == ("unix", 0)
    await send(ours, b"hello")
    assert await receive(theirs) == b"hello"
    ours.close(abort=True)
    assert await receive_all(theirs) == b""
    theirs.close()


async def test_localhost_listens_on_ipv4() -> None:
    listener = await listen("localhost", 0)
    assert listener.address[0] == LOOPBACK
    listener.close()
