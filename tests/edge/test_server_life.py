"""Accepting, the bound on connections, and the way to a graceful end."""

from __future__ import annotations

import errno
import json

import pytest
import trio
import trio.testing

from gateway.edge.limits import ServerLimits
from gateway.edge.server import EdgeServer
from tests.edge.serving import GET, HOST, PORT, Client, Paths, get, post, serving, whole
from tests.memory_network import CLIENT_HOST, MemoryNetwork


async def test_an_idle_server_ends_at_once(autojump_clock):
    """Idle connections are closed in order, new ones refused, and `serve` returns."""
    async with serving() as house:
        await house.hello()
        fresh = await house.client()
        await trio.sleep(1)
        house.drain(25)
        await trio.testing.wait_all_tasks_blocked()
        assert house.ended_at == 1
        assert await house.neighbour.end() == 1
        assert await fresh.end() == 1
        with pytest.raises(ConnectionRefusedError):
            await house.client()


async def test_requests_within_the_grace_end_well(autojump_clock):
    """Their answers say that the connection ends; what is already streaming just ends with it."""
    async with serving() as house:
        unary, streaming = await house.client(), await house.client()
        await unary.send(get("/second"))
        await streaming.send(get("/stream"))
        await trio.sleep(0.5)
        house.drain(25)
        answer = await unary.answer()
        assert (answer.body, answer.at, answer.headers["connection"]) == (b"after a second", 1, "close")
        assert await unary.end() == 1
        answer = await streaming.answer()
        assert (answer.body, answer.at) == (b"event 0\nevent 1\nevent 2\n", 3)
        assert await streaming.end() == 3
        unary.close()
        streaming.close()
        await house.ended.wait()
        assert house.ended_at == 3


async def test_a_request_that_has_arrived_unseen_is_answered_all_the_same(autojump_clock):
    """On a connection that is kept, on one that is new, and on one that nobody has accepted yet."""
    async with serving() as house:
        kept, new = await house.client(), await house.client()
        await house.hello(kept)
        await trio.testing.wait_all_tasks_blocked()
        waiting = await house.client()
        for client in (kept, new, waiting):
            client.stream.send_nowait(get("/second"))
        house.drain(25)
        for client in (kept, new, waiting):
            answer = await client.answer()
            assert (answer.body, answer.at, answer.headers["connection"]) == (b"after a second", 1, "close")
            assert await client.end() == 1
            client.close()
        await house.ended.wait()
        assert house.ended_at == 1


async def test_a_pipelined_request_behind_the_last_answer_is_not_answered(autojump_clock):
    """The answer in front of it said that the connection ends: the client knows to ask elsewhere."""
    async with serving() as house:
        client = await house.client()
        await client.send(get("/second") + GET)
        await trio.sleep(0.5)
        house.drain(25)
        assert (await client.answer()).headers["connection"] == "close"
        await client.end()
        assert house.app.calls == ["/second"]


async def test_a_request_that_is_arriving_is_still_answered(autojump_clock):
    """Its first byte came before the drain."""
    async with serving() as house:
        client = await house.client()
        await client.send(GET[:10])
        await trio.sleep(1)
        house.drain(25)
        await trio.sleep(1)
        answer = await client.ask(GET[10:])
        assert (answer.body, answer.headers["connection"]) == (b"hello", "close")


async def test_what_outlasts_the_grace_is_cut(autojump_clock):
    """A call without an answer gets 503; half an answer is reset; half a request just ends."""
    async with serving() as house:
        unary, streaming, arriving = [await house.client() for _ in range(3)]
        await unary.send(get("/forever"))
        await streaming.send(get("/stream"))
        await arriving.send(GET[:10])
        await trio.sleep(0.5)
        house.drain(2)
        answer = await unary.answer()
        assert (answer.status, answer.at) == (503, 2.5)
        assert json.loads(answer.body)["error"]["code"] == "overloaded"
        assert await unary.end() == 2.5
        assert await streaming.reset() == 2.5
        assert await arriving.end() == 2.5
        assert sorted(house.app.cancelled_at) == [2.5, 2.5]


async def test_a_stalled_reader_cannot_hold_the_drain(autojump_clock):
    """At most the grace, the write stall limit and a second."""
    async with serving(network=MemoryNetwork(window_bytes=100)) as house:
        streaming, refused = await house.client(), await house.client()
        await streaming.send(get("/endless"))
        await refused.send(get("/forever"))
        await trio.sleep(1)
        house.drain(3)
        await house.ended.wait()
        assert house.ended_at == 14  # cut at 10; the 503 that nobody reads at 4 + 10
        assert house.app.cancelled_at == [4, 4]


async def test_draining_twice_takes_the_later_word(autojump_clock):
    """A second signal may shorten the grace."""
    async with serving() as house:
        client = await house.client()
        await client.send(get("/forever"))
        await trio.sleep(1)
        house.drain(100)
        await trio.sleep(1)
        house.drain(0)
        assert (await client.answer()).at == 2


async def test_a_cancelled_server_closes_everything(autojump_clock):
    """No drain: what it runs in is cancelled."""
    app, network = Paths(), MemoryNetwork()
    server = EdgeServer(
        app, limits=ServerLimits(), clock=trio.current_time, wall_clock=trio.current_time, on_crash=lambda *_: None
    )
    async with trio.open_nursery() as nursery:
        await nursery.start(server.serve, [await network.listen(HOST, PORT)])
        for wire in (get("/forever"), GET[:5], get("/endless"), b"\0"):
            await Client(await network.connect(HOST, PORT)).send(wire)
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert len(app.cancelled_at) == 2
    assert all(stream.closed for stream in network.streams[1::2])
    with pytest.raises(ConnectionRefusedError):
        await network.connect(HOST, PORT)


async def test_statistics_tell_who_is_there(autojump_clock):
    async with serving() as house:
        await house.hello()
        client = await house.client()
        await client.send(get("/second"))
        await trio.sleep(0.5)
        statistics = house.server.statistics()
        assert (statistics.connections, statistics.busy, statistics.idle, statistics.requests) == (2, 1, 1, 2)
        await client.answer()
        await trio.testing.wait_all_tasks_blocked()
        statistics = house.server.statistics()
        assert (statistics.connections, statistics.busy, statistics.idle, statistics.requests) == (2, 0, 2, 2)


async def test_a_full_server_closes_the_longest_idle_connection(autojump_clock):
    """Idle clients cannot keep others out."""
    async with serving(limits=ServerLimits(max_connections=3)) as house:
        first, second = await house.client(), await house.client()
        await trio.testing.wait_all_tasks_blocked()
        assert await house.neighbour_is_parted_with() == 0
        await house.hello(first)
        third = await house.client()
        await house.hello(third)
        assert await second.end() == 0


async def test_who_has_just_asked_makes_room_for_nobody(autojump_clock):
    """Its request and a newcomer arrive in the same moment, and who is looked at first is chance."""
    async with serving(limits=ServerLimits(max_connections=2)) as house:
        (await house.client()).close()
        assert await house.neighbour_is_parted_with() == 0
        for _ in range(20):
            await trio.testing.wait_all_tasks_blocked()
            asking = await house.client()
            await house.hello(asking)
            newcomer, theirs = house.network.pair((CLIENT_HOST, 1), (HOST, PORT))
            asking.stream.send_nowait(GET)
            house.server._listeners[0].deliver(theirs)
            assert (await asking.answer()).body == b"hello"
            await house.hello(Client(newcomer))
            asking.close()
            newcomer.close()


async def test_a_server_full_of_calls_accepts_when_one_has_ended(autojump_clock):
    """Until then the newcomer waits, and answers are the last of their connections."""
    async with serving(limits=ServerLimits(max_connections=2)) as house:
        await house.neighbour.send(get("/second"))
        await trio.testing.wait_all_tasks_blocked()
        busy = await house.client()
        await busy.send(get("/stream"))
        await trio.sleep(0.5)
        newcomer = await house.client()
        await newcomer.send(GET)
        assert (await house.neighbour.answer()).headers["connection"] == "close"
        await house.neighbour_is_parted_with()
        house.neighbour.close()
        answer = await newcomer.answer()
        assert (answer.body, answer.at) == (b"hello", 1)
        assert (await busy.answer()).at == 3


class Exhausted:
    """A listener whose first accepts fail."""

    def __init__(self, listener, failures):
        self._listener = listener
        self._failures = failures
        self.address = listener.address
        self.accept_nowait = listener.accept_nowait
        self.close = listener.close

    async def accept(self):
        await trio.lowlevel.checkpoint()
        if self._failures:
            raise OSError(self._failures.pop(), "on purpose")
        return await self._listener.accept()


async def test_running_out_of_descriptors_is_survived(autojump_clock):
    """Accepting is tried again after a tenth of a second, and what is connected goes on."""
    network = MemoryNetwork()
    listen = network.listen

    async def exhausted(host, port):
        return Exhausted(await listen(host, port), [errno.ECONNABORTED, errno.ENFILE, errno.EMFILE])

    network.listen = exhausted
    async with serving(network=network) as house:
        await house.hello()
        assert trio.current_time() == pytest.approx(0.3)
        assert house.server.statistics().failed_accepts == 3


class OutOfDescriptors:
    """Has none for a third connection, which waits in the backlog."""

    def __init__(self, listener, streams):
        self._listener = listener
        self._streams = streams
        self._waiting = None
        self.accept_nowait = listener.accept_nowait
        self.address = listener.address
        self.close = listener.close

    async def accept(self):
        await trio.lowlevel.checkpoint()
        self._waiting = self._waiting or await self._listener.accept()
        if sum(not stream.closed for stream in self._streams[1::2]) > 2:
            raise OSError(errno.EMFILE, "Too many open files")
        stream, self._waiting = self._waiting, None
        return stream


async def test_where_descriptors_are_used_up_a_new_client_takes_the_longest_idle_ones_place(autojump_clock):
    """Two are open between requests; a third is let in at once, and of the two only the first is closed."""
    network = MemoryNetwork()
    listen = network.listen

    async def limited(host, port):
        return OutOfDescriptors(await listen(host, port), network.streams)

    network.listen = limited
    async with serving(network=network) as house:
        kept = await house.client()
        await house.hello(kept)
        await trio.sleep(1)
        newcomer = await house.client()
        await house.hello(newcomer)
        assert trio.current_time() == 1
        assert house.server.statistics().failed_accepts == 1
        assert await house.neighbour_is_parted_with() == 1
        await house.hello(kept)
        newcomer.close()
        await trio.testing.wait_all_tasks_blocked()


async def test_where_nobody_is_idle_a_new_client_waits_for_a_descriptor(autojump_clock):
    """It is tried again every tenth of a second, not all the time."""
    network = MemoryNetwork()
    listen = network.listen

    async def limited(host, port):
        return OutOfDescriptors(await listen(host, port), network.streams)

    network.listen = limited
    async with serving(network=network) as house:
        await house.neighbour.send(get("/second"))
        busy = await house.client()
        await busy.send(get("/stream"))
        await trio.testing.wait_all_tasks_blocked()
        newcomer = await house.client()
        await house.hello(newcomer)
        assert 1 <= trio.current_time() <= 1.1
        assert 10 <= house.server.statistics().failed_accepts <= 12
        assert (await house.neighbour.answer()).body == b"after a second"
        await house.neighbour_is_parted_with()
        assert (await busy.answer()).at == 3
        busy.close()


async def test_two_servers_do_not_see_each_other(autojump_clock):
    network = MemoryNetwork()
    async with serving(network=network) as house:
        await house.hello()
        async with serving(Paths(), network=Elsewhere(network)) as other:
            await other.hello()
            assert other.server.statistics().requests == 1
        await house.hello()
        assert house.server.statistics().requests == 2


class Elsewhere:
    """The same network, another port."""

    def __init__(self, network):
        self._network = network
        self.streams = []

    async def listen(self, host, port):
        return await self._network.listen(host, port + 1)

    async def connect(self, host, port):
        return await self._network.connect(host, port + 1)


async def test_a_crash_report_names_the_request(autojump_clock):
    """The callback gets the exception and the request's scope."""
    reports = []

    async def app(scope, receive, send):
        raise ValueError("on purpose")

    async with serving(app, crashes=1) as house:
        house.server._service.on_crash = lambda crash, scope: reports.append((crash, scope))
        assert (await house.neighbour.ask(post("/x", b"y"))).status == 500
        house.crashes.append(reports[0][0])
        assert (type(reports[0][0]), reports[0][1]["path"]) == (ValueError, "/x")


async def test_answers_go_out_in_one_piece(autojump_clock):
    """Head and body together: one system call, one packet."""
    sizes = []

    class Noting(MemoryNetwork):
        def pair(self, here, there):
            ours, theirs = super().pair(here, there)
            send = theirs.send_nowait
            theirs.send_nowait = lambda data: sizes.append(len(data)) or send(data)
            return ours, theirs

    async def app(scope, receive, send):
        await whole(send, b"x" * 1000)

    async with serving(app, network=Noting()) as house:
        await house.neighbour.ask(GET)
        assert len(sizes) == 1
