"""Which connection a request takes, when it is asked again, and what becomes of connections."""

from __future__ import annotations

import errno
import socket

import pytest
import trio
from trio.testing import MockClock

from actors.errors import Blame, Overloaded
from gateway.edge.client import ClientLimits, UpstreamClient
from gateway.edge.response import UpstreamResponse
from gateway.errors import UpstreamBroken, UpstreamReset, UpstreamUnreachable, describe
from gateway.providers.profile import Origin
from tests.edge.conftest import on_both_clients
from tests.edge.upstream import (
    OK,
    ORIGIN,
    Script,
    Upstream,
    Wire,
    answer_for_ever,
    answering,
    ask,
    counted,
    read_answer,
    upstream,
)
from tests.memory_network import MemoryNetwork


async def request_to(client: UpstreamClient, origin: Origin) -> UpstreamResponse:
    return await client.request(origin, b"POST", b"/", [], b"{}")


async def close_after_one(wire: Wire) -> None:
    """Answers once, and closes as soon as the second request comes."""
    await answering(OK)(wire)
    await wire.request()
    wire.stream.close()


@on_both_clients
async def test_the_last_connection_given_back_is_the_first_taken(autojump_clock: MockClock) -> None:
    """So that the others grow old and are closed."""
    delays = iter([3, 1, 2])

    async def script(wire: Wire) -> None:
        await wire.request()
        await trio.sleep(next(delays))
        await wire.send(OK)
        await answer_for_ever(wire)

    async with upstream(script) as (client, server):
        await ask_at_once(client, 3)
        assert counted(client).idle == 3
        before = [wire.stream.received_bytes for wire in server.wires]
        for _ in range(5):
            await read_answer(client)
        asked = [wire.stream.received_bytes > size for wire, size in zip(server.wires, before, strict=True)]
        assert asked == [True, False, False]


async def ask_at_once(client: UpstreamClient, count: int) -> None:
    """So many requests side by side, each on its own connection."""
    async with trio.open_nursery() as nursery:
        for _ in range(count):
            nursery.start_soon(read_answer, client)


@on_both_clients
async def test_beyond_the_bound_a_request_is_refused_at_once(autojump_clock: MockClock) -> None:
    """A place is free again as soon as an answer has ended, or was given up."""
    silent_then_ok = (answering(), answering(), answer_for_ever)
    async with upstream(*silent_then_ok, limits=ClientLimits(max_connections=2)) as (client, _):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, client)
            nursery.start_soon(ask, client)
            await trio.testing.wait_all_tasks_blocked()
            assert counted(client).busy == 2
            with pytest.raises(Overloaded):
                await ask(client)
            nursery.cancel_scope.cancel()
        assert counted(client).open == 0
        assert await read_answer(client) == b"ok"
        assert trio.current_time() == 0


@on_both_clients
async def test_connections_being_made_count_against_the_bound(autojump_clock: MockClock) -> None:
    network = MemoryNetwork()
    network.silence(ORIGIN.host, ORIGIN.port)
    async with upstream(answer_for_ever, network=network, limits=ClientLimits(max_connections=1)) as (client, _):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, client)
            await trio.testing.wait_all_tasks_blocked()
            assert counted(client).connecting == 1
            with pytest.raises(Overloaded):
                await ask(client)
            nursery.cancel_scope.cancel()
        assert counted(client).open == 0


@on_both_clients
async def test_a_kept_connection_that_dies_under_a_request_is_replaced_once(autojump_clock: MockClock) -> None:
    """At the bound too, since the dead one's place is free."""
    async with upstream(close_after_one, answer_for_ever, limits=ClientLimits(max_connections=1)) as (client, server):
        assert await read_answer(client) == b"ok"
        assert await read_answer(client) == b"ok"
        assert len(server.wires) == 2


@on_both_clients
async def test_a_reset_instead_of_an_answer_replaces_a_kept_connection_too(autojump_clock: MockClock) -> None:
    async def script(wire: Wire) -> None:
        await answering(OK)(wire)
        await wire.request()
        wire.stream.close(abort=True)

    async with upstream(script, answer_for_ever) as (client, server):
        assert await read_answer(client) == b"ok"
        assert await read_answer(client) == b"ok"
        assert len(server.wires) == 2


@on_both_clients
async def test_a_fresh_connection_that_dies_is_not_replaced(autojump_clock: MockClock) -> None:
    """Neither the first one nor the one that replaces a kept one."""
    async with upstream(answering(b"", close=True)) as (client, server):
        with pytest.raises(UpstreamReset):
            await read_answer(client)
        assert len(server.wires) == 1
    async with upstream(close_after_one, answering(b"", close=True)) as (client, server):
        assert await read_answer(client) == b"ok"
        with pytest.raises(UpstreamReset):
            await read_answer(client)
        assert len(server.wires) == 2


@pytest.mark.parametrize("start", [b"H", b"HTTP/1.1 100 Continue\r\n\r\n", OK[:-1]])
@on_both_clients
async def test_nothing_is_asked_again_once_any_byte_of_an_answer_came(start: bytes, autojump_clock: MockClock) -> None:
    async with upstream(answering(OK, start, close=True)) as (client, server):
        assert await read_answer(client) == b"ok"
        with pytest.raises(UpstreamBroken):
            await read_answer(client)
        assert len(server.wires) == 1


@pytest.mark.parametrize("last_words", [b"", b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n"])
@on_both_clients
async def test_a_connection_closed_while_idle_is_not_used(last_words: bytes, autojump_clock: MockClock) -> None:
    """Nor one that has said something meanwhile, which would be taken for the next answer."""

    async def script(wire: Wire) -> None:
        await answering(OK)(wire)
        await trio.sleep(5)
        await wire.send(last_words)
        wire.stream.close()

    async with upstream(script, answer_for_ever) as (client, server):
        assert await read_answer(client) == b"ok"
        await trio.sleep(6)
        assert await read_answer(client) == b"ok"
        assert len(server.wires) == 2
        assert counted(client).open == 1


@on_both_clients
async def test_a_connection_idle_for_a_minute_is_closed(autojump_clock: MockClock) -> None:
    """When its origin is asked again, or when somebody calls for it."""
    async with upstream(answer_for_ever) as (client, server):
        await ask_at_once(client, 2)
        await trio.sleep(59)
        await read_answer(client)
        await trio.sleep(1)
        assert counted(client).idle == 2
        client.drop_expired()
        assert counted(client).idle == 1
        await trio.sleep(59)
        await read_answer(client)
        assert len(server.wires) == 3


@on_both_clients
async def test_closing_before_the_end_closes_the_connection_at_once(autojump_clock: MockClock) -> None:
    """The upstream sees a reset, in no time; closing again does nothing."""
    seen = []

    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.send(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nstart")
        seen.append((await wire.closed_by_client(), trio.current_time()))

    async with upstream(script) as (client, _):
        response = await ask(client)
        assert await response.receive() == b"start"
        await trio.sleep(3)
        response.close()
        assert counted(client).open == 0
        response.close()
        await trio.testing.wait_all_tasks_blocked()
    assert seen == [(True, 3)]


async def test_closing_at_the_end_keeps_the_connection_once(autojump_clock: MockClock) -> None:
    async with upstream(answer_for_ever) as (client, _):
        response = await ask(client)
        assert await response.receive() == b"ok"
        response.close()
        response.close()
        assert counted(client).idle == counted(client).open == 1


def chunked(*pauses_s: float) -> Script:
    """Answers each request with one piece, and sends the end of the message so many seconds later."""

    async def script(wire: Wire) -> None:
        for pause_s in pauses_s:
            await wire.request()
            await wire.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nlast\r\n")
            await trio.sleep(pause_s)
            await wire.send(b"0\r\n\r\n")
        await wire.request()

    return script


async def read_last_piece_and_leave(client: UpstreamClient) -> None:
    response = await ask(client)
    assert await response.receive() == b"last"
    response.leave()
    response.close()


async def test_whoever_leaves_before_the_messages_end_does_not_cost_the_connection(autojump_clock: MockClock) -> None:
    """Its end comes by itself, at once, a moment later or just in time; nobody waits for it."""
    async with upstream(chunked(0, 1, 4.5)) as (client, server):
        for due in (0, 1, 4.5):
            began_at = trio.current_time()
            await read_last_piece_and_leave(client)
            assert trio.current_time() == began_at
            assert counted(client).idle == counted(client).open == 1
            await trio.sleep(due + 0.25)
            client.drop_expired()
            assert counted(client).idle == counted(client).open == 1
        assert len(server.wires) == 1


async def test_a_connection_whose_answer_has_not_ended_serves_nobody_else(autojump_clock: MockClock) -> None:
    """It is kept for its time beside the one that is made, then closed; the end that came late is never looked at."""
    async with upstream(chunked(20), chunked(0)) as (client, server):
        await read_last_piece_and_leave(client)
        await trio.sleep(4)
        await read_last_piece_and_leave(client)
        await trio.sleep(0.5)
        assert (len(server.wires), counted(client).idle) == (2, 2)
        await trio.sleep(0.5)
        client.drop_expired()
        assert counted(client).idle == 1


async def test_an_answer_left_before_its_end_gives_way_at_the_bound(autojump_clock: MockClock) -> None:
    async with upstream(chunked(20), chunked(0), limits=ClientLimits(max_connections=1)) as (client, server):
        await read_last_piece_and_leave(client)
        await read_last_piece_and_leave(client)
        assert (len(server.wires), counted(client).open) == (2, 1)


@pytest.mark.parametrize("end", [b"nonsense\r\n", b""])
@on_both_clients
async def test_an_answer_that_ends_badly_once_it_is_left_harms_nobody(end: bytes, autojump_clock: MockClock) -> None:
    """The next request takes a fresh connection, and this one is closed."""

    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nlast\r\n")
        await trio.sleep(1)
        await wire.send(end)
        wire.stream.close(abort=not end)

    async with upstream(script, answer_for_ever) as (client, server):
        await read_last_piece_and_leave(client)
        await trio.sleep(2)
        assert await read_answer(client) == b"ok"
        assert (len(server.wires), counted(client).open) == (2, 1)


@pytest.mark.parametrize("framing", [b"connection: close\r\ncontent-length: 9", b"server: ends by closing"])
async def test_a_connection_that_cannot_be_kept_is_closed_by_leaving(framing: bytes, autojump_clock: MockClock) -> None:
    async with upstream(answering(b"HTTP/1.1 200 OK\r\n%b\r\n\r\nlast" % framing)) as (client, _):
        await read_last_piece_and_leave(client)
        assert counted(client).open == 0


@on_both_clients
async def test_a_silent_upstream_is_ended_by_the_callers_scope(autojump_clock: MockClock) -> None:
    """Before the answer and in the middle of it; the place is free at that very moment."""
    async with upstream(answering(OK[:-1])) as (client, _):
        with trio.move_on_after(7):
            await read_answer(client)
        assert trio.current_time() == 7
        assert counted(client).open == 0
    async with upstream(answering()) as (client, _):
        with trio.move_on_after(7):
            await read_answer(client)
        assert trio.current_time() == 14
        assert counted(client).open == 0


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (None, "the connection was refused"),
        (socket.gaierror(socket.EAI_NONAME, "no such name"), "its name could not be resolved"),
        (OSError(errno.ENETUNREACH, "no route to 10.0.0.1"), "the connection failed"),
        (TimeoutError(errno.ETIMEDOUT, "10.0.0.1 timed out"), "the connection failed"),
    ],
)
@on_both_clients
async def test_an_upstream_that_cannot_be_reached(
    failure: OSError | None, reason: str, autojump_clock: MockClock
) -> None:
    """The message says why, and gives no address away."""
    network = MemoryNetwork()
    network.fail(ORIGIN.host, ORIGIN.port, failure)
    client = UpstreamClient(connect=network.connect, clock=trio.current_time, limits=ClientLimits())
    with pytest.raises(UpstreamUnreachable) as caught:
        await read_answer(client)
    assert caught.value.message == f"The provider could not be reached: {reason}."
    assert isinstance(caught.value.__cause__, OSError)
    assert counted(client).open == 0


@pytest.mark.parametrize("want", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM])
@on_both_clients
async def test_a_want_of_our_own_blames_no_provider(want: int, autojump_clock: MockClock) -> None:
    """Nor is it worth trying again, here or elsewhere: every provider's connection needs a descriptor."""
    network = MemoryNetwork()
    network.fail(ORIGIN.host, ORIGIN.port, OSError(want, "Too many open files"))
    client = UpstreamClient(connect=network.connect, clock=trio.current_time, limits=ClientLimits())
    with pytest.raises(Overloaded) as caught:
        await read_answer(client)
    failure = caught.value
    assert (failure.blame, failure.retryable, failure.elsewhere, failure.retry_after) == (Blame.NOBODY, False, False, 1)
    assert describe(failure).status == 503
    assert counted(client).open == 0


@on_both_clients
async def test_closing_the_client_breaks_what_is_going_on_and_refuses_more(autojump_clock: MockClock) -> None:
    failures = []

    async def one() -> None:
        with pytest.raises((UpstreamReset, UpstreamUnreachable)):
            await ask(client)
        failures.append(trio.current_time())

    async with upstream(answering(OK), answering()) as (client, _), trio.open_nursery() as nursery:
        await read_answer(client)
        nursery.start_soon(one)
        nursery.start_soon(one)
        await trio.sleep(2)
        client.close()
        await trio.testing.wait_all_tasks_blocked()
        assert failures == [2, 2]
        assert counted(client).open == 0
        for origin in (ORIGIN, Origin("http", "never.asked", 80)):
            with pytest.raises(UpstreamUnreachable):
                await request_to(client, origin)


async def test_origins_do_not_share_connections(autojump_clock: MockClock) -> None:
    network = MemoryNetwork()
    other = Origin("http", "other.test", 8080)
    listener = await network.listen(other.host, other.port)
    async with upstream(answer_for_ever, network=network) as (client, _), trio.open_nursery() as nursery:
        nursery.start_soon(Upstream(network, listener, (answer_for_ever,)).run)
        await read_answer(client)
        (await request_to(client, other)).close()
        assert {origin: counts.idle for origin, counts in client.statistics().items()} == {ORIGIN: 1, other: 1}
        nursery.cancel_scope.cancel()
