"""A client that goes away cancels the call that was made for it, at once."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from gateway.edge.outlet import ClientGone
from tests.edge.serving import GET, Client, get, piece, post, serving, start

LEAVE = {
    "close": lambda client: client.close(),
    "reset": lambda client: client.abort(),
    "half-close": lambda client: client.stream.send_eof(),
}


@pytest.fixture(params=LEAVE)
def leave(request):
    return LEAVE[request.param]


WAITING = {
    "a silent stream": get("/forever"),
    "a body read whole": post("/forever", b"hello"),
    "a body half-way": get("/echo", "Content-Length: 100000", method="POST") + b"x" * 50_000,
    "a body that nobody takes": get("/deaf", "Content-Length: 100000", method="POST") + b"x" * 50_000,
    "a whole body that nobody has taken yet, and that fills the buffer": post("/deaf", b"x" * 300_000),
    "a go-ahead not given": get("/deaf", "Content-Length: 5", "Expect: 100-continue", method="POST"),
    "one pipelined request": get("/forever") + GET,
    "sixty thousand pipelined bytes": get("/forever") + post("/echo", b"x" * 1000) * 55,
    "half a pipelined request": get("/forever") + GET[:10],
    "garbage behind it": get("/forever") + b"\0",
    "waiting for http.disconnect": get("/listen"),
    "waiting for http.disconnect with pipelined bytes": get("/listen") + GET * 10,
}


@pytest.mark.parametrize("name", WAITING)
async def test_a_disconnect_cancels_the_call_at_once(autojump_clock, leave, name):
    """Zero seconds, whatever has been sent behind the request; nothing of that is answered any more."""
    async with serving() as house:
        client = await house.client()
        await client.send(WAITING[name])
        await trio.sleep(5)
        leave(client)
        await trio.testing.wait_all_tasks_blocked()
        assert house.app.cancelled_at == [5]
        assert house.connections() == 0
        assert len(house.app.calls) == 1
        await house.hello()


@pytest.mark.parametrize(
    "wire",
    [
        post("/echo", b"x" * 200_000),
        post("/early", b"x" * 200_000) + GET,
        get("/echo", "Transfer-Encoding: chunked", method="POST") + b"5\r\nhello\r\n0\r\n\r\n" + GET,
        post("/early", b"x" * 200_000, "Expect: 100-continue"),
        GET * 30,
        b"\0",
    ],
    ids=["long body", "unwanted body", "chunked", "go-ahead", "pipelined", "garbage"],
)
async def test_a_disconnect_at_any_step_leaves_nothing_behind(autojump_clock, leave, wire):
    """The story is broken off after one step, after two, and so on until it is over."""
    async with serving() as house:
        for steps in range(120):
            client = await house.client()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(client.send, wire)
                for _ in range(steps):
                    await trio.lowlevel.checkpoint()
                nursery.cancel_scope.cancel()
            leave(client)
            await trio.testing.wait_all_tasks_blocked()
            client.abort()
            await house.hello()
            await trio.testing.wait_all_tasks_blocked()
            assert (house.connections(), house.app.running) == (0, 0), steps


async def test_a_disconnect_in_the_middle_of_a_stream_cancels_it_at_once(autojump_clock, leave):
    """Between two events, not at the next one."""
    async with serving() as house:
        client = await house.client()
        await client.send(get("/stream"))
        await client.read_until(b"event 0\n\r\n")
        await trio.sleep(0.5)
        leave(client)
        await trio.testing.wait_all_tasks_blocked()
        assert house.app.cancelled_at == [0.5]
        assert house.connections() == 0


async def test_a_disconnect_while_the_client_is_too_slow_cancels_at_once(autojump_clock, leave):
    """The app waits for the client to take what is there."""
    async with serving() as house:
        client = await house.client()
        await client.send(get("/endless"))
        await trio.sleep(3)
        leave(client)
        await trio.testing.wait_all_tasks_blocked()
        assert house.app.cancelled_at == [3]


async def test_a_disconnect_behind_more_bytes_than_may_wait_is_seen_when_the_call_ends(autojump_clock):
    """The bound's price: reading has stopped, the end stands behind the unread bytes."""
    async with serving() as house:
        client = await house.client()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.send, get("/second") + post("/second", b"x" * 1000) * 200)
            await trio.sleep(0.5)
            nursery.cancel_scope.cancel()
        client.abort()
        await trio.sleep(3)
        assert house.connections() == 0
        assert len(house.app.calls) <= 2


async def test_a_shielded_call_may_finish_and_learns_it_by_sending(autojump_clock):
    """Cleaning up takes as long as it takes; sending raises, and that is no crash of the app."""
    seen = []

    async def app(scope, receive, send):
        await start(send)
        await piece(send, b"x")
        with trio.CancelScope(shield=True):
            await trio.sleep(10)
            for _ in range(2):
                try:
                    await piece(send, b"x")
                except ClientGone as gone:
                    seen.append(gone)
            await piece(send, b"x")

    async with serving(app) as house:
        client = await house.client()
        await client.send(GET)
        await trio.sleep(1)
        client.abort()
        await trio.sleep(1)
        assert house.server.statistics().busy == 1
        await trio.sleep(10)
        assert house.connections() == 0
        assert len(seen) == 2


async def test_an_app_that_breaks_while_it_is_cancelled_is_reported(autojump_clock):
    """And hurts nobody else."""

    async def app(scope, receive, send):
        try:
            await trio.sleep_forever()
        finally:
            raise ValueError("on purpose")

    async def app_with_nursery(scope, receive, send):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(app, scope, receive, send)
            await trio.sleep_forever()

    for broken in (app, app_with_nursery):
        async with serving(broken, crashes=1) as house:
            client = await house.client()
            await client.send(GET)
            await trio.testing.wait_all_tasks_blocked()
            client.abort()
            await trio.testing.wait_all_tasks_blocked()
            assert house.connections() == 0


async def test_an_app_that_swallows_the_cancellation_is_not_answered_for(autojump_clock):
    """The client has gone: no 500, no report."""

    async def app(scope, receive, send):
        with trio.move_on_after(100):
            await receive()
            await receive()

    async def quiet(scope, receive, send):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(app, scope, receive, send)

    async with serving(quiet) as house:
        client = await house.client()
        await client.send(GET)
        await trio.sleep(1)
        client.close()
        await trio.testing.wait_all_tasks_blocked()
        assert house.connections() == 0


async def test_nothing_leaks_when_two_thousand_leave(autojump_clock):
    """Requests, connections and streams are back where they were."""

    async def come_and_go() -> None:
        for number in range(40):
            client = await house.client()
            await client.send(get("/forever") if number % 2 else get("/endless"))
            await trio.sleep(0.01)
            (Client.abort if number % 3 else Client.close)(client)

    async with serving() as house:
        async with trio.open_nursery() as nursery:
            for _ in range(50):
                nursery.start_soon(come_and_go)
        await trio.testing.wait_all_tasks_blocked()
        assert len(house.app.cancelled_at) == 2_000
        assert house.app.running == 0
        assert house.connections() == 0
        assert house.server.statistics().busy == 0
        await house.hello()
