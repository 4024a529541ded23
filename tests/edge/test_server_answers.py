"""Well-behaved clients: answers, framing, bodies, keep-alive, pipelining."""

from __future__ import annotations

import random

import pytest
import trio
import trio.testing

from actors.relay import Taken
from gateway.edge.limits import ServerLimits
from gateway.exchange import FATE
from tests.edge.serving import GET, Paths, get, last, piece, post, serving, start, whole
from tests.memory_network import MemoryNetwork


async def test_an_answer_has_length_and_date_and_nothing_else(autojump_clock):
    """No server field; the date is the wall clock's, to the second."""
    async with serving() as house:
        await trio.sleep(2.5)
        answer = await house.neighbour.ask(GET)
        assert (answer.status, answer.body) == (200, b"hello")
        assert answer.headers == {"content-length": "5", "date": "Sun, 06 Nov 1994 08:49:39 GMT"}


async def test_the_scope_is_what_asgi_says(autojump_clock):
    async with serving() as house:
        await house.neighbour.ask(get("/hello?a=%20b", "X-Title: caf\xe9").replace("é".encode(), b"\xe9"))
        [scope] = house.app.scopes
        assert scope.pop(FATE).opened  # ours, for whoever tells what became of the request
        assert scope == {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": "/hello",
            "raw_path": b"/hello",
            "query_string": b"a=%20b",
            "root_path": "",
            "headers": [(b"host", b"a"), (b"x-title", b"caf\xe9")],
            "client": house.network.streams[1].peer,
            "server": ("gateway.test", 8080),
            "extensions": {},
        }


async def test_a_handler_without_asgi_answers_the_same_on_the_wire(autojump_clock):
    """However its body comes: whole, long or in chunks."""
    async with serving() as house:
        for body in (b"", b"ping", b"x" * 100_000):
            past_asgi = await house.neighbour.ask(post("/at-once", body))
            by_asgi = await house.neighbour.ask(post("/echo", body))
            assert (past_asgi.status, past_asgi.headers, past_asgi.body) == (200, by_asgi.headers, body)
        chunked = get("/at-once", "Transfer-Encoding: chunked", method="POST") + b"4\r\nping\r\n0\r\n\r\n"
        assert (await house.neighbour.ask(chunked)).body == b"ping"
        await house.hello()


async def test_a_handler_has_the_body_at_once_only_where_all_of_it_has_come(autojump_clock):
    """A large body, one of unknown length, and one whose client is in a hurry begin before they end."""
    rest = b"x" * 100_000
    async with serving() as house:
        for head, body, known in [
            (f"Content-Length: {len(rest)}", rest, None),
            ("Transfer-Encoding: chunked", b"1\r\nx\r\n0\r\n\r\n", None),
            ("Content-Length: 4\r\nX-Gateway-Timeout: 9", b"ping", None),
            ("Content-Length: 4", b"ping", b"ping"),
        ]:
            await house.neighbour.send(f"POST /at-once HTTP/1.1\r\nHost: a\r\n{head}\r\n\r\n".encode())
            await trio.sleep(0.1)
            await house.neighbour.ask(body)
            assert house.app.whole_bodies[-1] == known


async def test_a_connection_is_used_again_and_again(autojump_clock):
    async with serving() as house:
        for _ in range(20):
            await house.hello()
        assert house.server.statistics().requests == 20


async def test_a_short_body_comes_in_one_message(autojump_clock):
    """However it was cut on its way."""
    async with serving(network=MemoryNetwork(max_receive_bytes=7)) as house:
        answer = await house.neighbour.ask(post("/echo", b"0123456789" * 100))
        assert answer.body == b"0123456789" * 100
        assert house.app.received == [{"type": "http.request", "body": answer.body, "more_body": False}]


@pytest.mark.parametrize("framing", ["length", "chunked"])
async def test_a_long_body_streams_and_arrives_whole(autojump_clock, framing):
    """Three megabytes, far more than is ever buffered."""
    body = bytes(range(256)) * 12 * 1024
    wire = post("/echo", body)
    if framing == "chunked":
        chunks = [b"%x\r\n%b\r\n" % (10_000, body[at : at + 10_000]) for at in range(0, 3_140_000, 10_000)]
        wire = get("/echo", "Transfer-Encoding: chunked", method="POST") + b"".join(chunks)
        tail = body[3_140_000:]
        wire += b"%x\r\n%b\r\n0\r\nX-Trailer: 1\r\n\r\n" % (len(tail), tail)
    async with serving() as house, trio.open_nursery() as nursery:
        client = await house.client()
        nursery.start_soon(client.send, wire)
        answer = await client.answer()
        assert answer.body == body
        assert len(house.app.received) > 10
        await house.hello()


async def test_a_body_that_the_app_does_not_take_stops_the_reading(autojump_clock):
    """256 KiB wait for the app and no more than one read beside them; when it takes them, the rest comes."""
    body = b"x" * 3_000_000
    async with serving() as house, trio.open_nursery() as nursery:
        client = await house.client()
        nursery.start_soon(client.send, post("/deaf", body))
        await trio.sleep(60)  # the client is not to blame: no body timeout
        waiting = house.network.streams[3].received_bytes
        assert 256 * 1024 <= waiting <= (256 + 64) * 1024
        house.app.go.set()
        assert len((await client.answer()).body) == len(body)


async def test_a_stream_is_chunked_and_each_piece_goes_out_at_once(autojump_clock):
    async with serving() as house:
        client = house.neighbour
        await client.send(get("/stream"))
        assert (await client.read_until(b"\r\n\r\n")).count(b"transfer-encoding: chunked\r\n") == 1
        for number in range(3):
            assert await client.read(13) == b"8\r\nevent %d\n\r\n" % number
            assert trio.current_time() == number
        assert await client.read(5) == b"0\r\n\r\n"
        assert trio.current_time() == 3
        await house.hello()


async def test_pipelined_requests_are_answered_in_order_one_at_a_time(autojump_clock):
    """Two of them take a second each, and never run together."""
    async with serving() as house:
        client = await house.client()
        await client.send(get("/second") + post("/echo", b"two") + get("/second") + get("/nowhere") + GET)
        answers = [await client.answer() for _ in range(5)]
        assert [answer.status for answer in answers] == [200, 200, 200, 500, 200]
        assert [answer.at for answer in answers] == [1, 1, 2, 2, 2]
        assert answers[1].body == b"two"
        assert house.app.most_running == 1
        assert len(house.crashes) == 1
        house.crashes.clear()


async def test_pipelining_is_bounded(autojump_clock):
    """While one request runs, what waits behind it stays below two reads; all of it is answered in the end."""
    async with serving() as house, trio.open_nursery() as nursery:
        client = await house.client()
        requests = [get("/second")] + [post("/echo", b"%05d" % number * 100) for number in range(1000)]
        nursery.start_soon(client.send, b"".join(requests))
        await trio.sleep(0.5)
        assert house.network.streams[3].received_bytes <= 2 * 64 * 1024
        assert (await client.answer()).at == 1
        for number in range(1000):
            assert (await client.answer()).body == b"%05d" % number * 100


async def test_requests_cut_into_random_pieces_are_answered_alike(autojump_clock):
    """The reads return random parts of what is there."""

    async with serving(network=MemoryNetwork(random.Random(7))) as house:
        client = await house.client()
        for _ in range(20):
            await client.send(post("/echo", b"abc" * 50) + GET)
            assert (await client.answer()).body == b"abc" * 50
            assert (await client.answer()).body == b"hello"


async def test_head_gets_the_headers_alone(autojump_clock):
    """The length that the body would have had, and the connection goes on."""
    async with serving() as house:
        client = await house.client()
        answer = await client.ask(get("/", method="HEAD"), bodyless=True)
        assert (answer.status, answer.headers["content-length"]) == (200, "5")
        streamed = await client.ask(get("/stream", method="HEAD"), bodyless=True)
        assert "content-length" not in streamed.headers
        assert "transfer-encoding" not in streamed.headers
        await house.hello()


@pytest.mark.parametrize("status", [204, 304])
async def test_a_status_without_a_body_has_none(autojump_clock, status):
    async def app(scope, receive, send):
        if scope["path"] == "/":
            await whole(send, b"hello")
        await whole(send, b"must not be seen", status=status)

    async with serving(app, crashes=1) as house:
        answer = await house.neighbour.ask(get("/x"), bodyless=True)
        assert answer.status == status
        assert answer.headers.get("content-length") == (None if status == 204 else "16")
        await house.hello()


async def test_connection_close_is_said_and_done(autojump_clock):
    async with serving() as house:
        client = await house.client()
        answer = await client.ask(get("/", "Connection: close"))
        assert answer.headers["connection"] == "close"
        assert await client.end() == 0


async def test_an_http_1_0_client_gets_the_end_of_the_connection(autojump_clock):
    """A stream without chunks; it ends with the connection."""
    async with serving() as house:
        client = await house.client()
        answer = await client.ask(get("/stream", version="1.0"))
        assert answer.body == b"event 0\nevent 1\nevent 2\n"
        assert (answer.headers["connection"], answer.at) == ("close", 3)
        assert "transfer-encoding" not in answer.headers


async def test_an_http_1_0_client_may_keep_the_connection(autojump_clock):
    """It has to ask, and it is told."""
    async with serving() as house:
        for _ in range(2):
            answer = await house.neighbour.ask(get("/", "Connection: keep-alive", version="1.0"))
            assert (answer.body, answer.headers["connection"]) == (b"hello", "keep-alive")


async def test_the_go_ahead_comes_when_the_app_asks_for_the_body(autojump_clock):
    """RFC 9110 section 10.1.1; an app that never asks answers without it, and the connection ends."""
    async with serving() as house:
        client = await house.client()
        head = get("/echo", "Expect: 100-continue", "Content-Length: 5", method="POST")
        assert (await client.ask(head)).status == 100
        assert (await client.ask(b"hello")).body == b"hello"

        refused = await client.ask(head.replace(b"/echo", b"/early"))
        assert (refused.status, refused.headers["connection"]) == (401, "close")
        assert await client.end() == 0


async def test_no_go_ahead_for_a_body_that_is_already_there(autojump_clock):
    async with serving() as house:
        client = await house.client()
        assert (await client.ask(post("/echo", b"hello", "Expect: 100-continue"))).body == b"hello"


async def test_no_go_ahead_once_a_body_has_begun_to_come(autojump_clock):
    """The client did not wait for it."""
    async with serving() as house:
        client = await house.client()
        wire = post("/echo", b"x" * 100_000, "Expect: 100-continue")
        await client.send(wire[:50_000])
        await trio.sleep(1)
        assert len((await client.ask(wire[50_000:])).body) == 100_000


async def test_no_go_ahead_in_the_middle_of_an_answer(autojump_clock):
    """An interim answer cannot follow the final one's head."""

    async def app(scope, receive, send):
        await start(send)
        await piece(send, b"first ")
        await last(send, (await receive())["body"])

    async with serving(app) as house:
        client = await house.client()
        await client.send(get("/", "Expect: 100-continue", "Content-Length: 5", method="POST"))
        await trio.sleep(1)
        assert (await client.ask(b"hello")).body == b"first hello"


@pytest.mark.parametrize(("size", "kept"), [(100_000, True), (1_000_000, False)])
async def test_a_body_that_nobody_wants_is_dropped_if_it_is_short(autojump_clock, size, kept):
    """Above 64 KiB the answer says that the connection ends, and it reaches the client nevertheless."""
    async with serving() as house, trio.open_nursery() as nursery:
        client = await house.client()
        wire = post("/early", b"x" * size)
        if kept:
            await client.send(wire[:60_000])
            await trio.testing.wait_all_tasks_blocked()
            await client.send(wire[60_000:])
        else:
            nursery.start_soon(client.send, wire)
        answer = await client.answer()
        assert (answer.status, answer.body) == (401, b"early")
        if kept:
            await house.hello(client)
        else:
            assert answer.headers["connection"] == "close"
            assert await client.end() == 0


async def test_a_body_that_nobody_wants_and_that_never_comes_ends_the_connection(autojump_clock):
    """The rest is waited for one second, then half a close and five seconds more."""
    async with serving() as house:
        client = await house.client()
        answer = await client.ask(get("/early", "Transfer-Encoding: chunked", method="POST"))
        assert (answer.status, answer.at) == (401, 0)
        assert await client.end() == 1
        await trio.sleep(4.9)
        assert house.connections() == 1
        await trio.sleep(0.2)
        assert house.connections() == 0


async def test_an_absolute_target_and_the_asterisk_reach_the_app(autojump_clock):
    async with serving() as house:
        client = await house.client()
        assert (await client.ask(get("http://b.test/hello?x"))).body == b"hello"
        assert (await client.ask(get("*", method="OPTIONS"))).body == b"hello"
        assert [scope["path"] for scope in house.app.scopes] == ["/hello", "*"]


async def test_an_upgrade_is_ignored(autojump_clock):
    """The answer is a plain one, and the body is read as what it is."""
    async with serving() as house:
        client = await house.client()
        request = post("/echo", b"GET /hello HTTP/1.1\r\n\r\n", "Connection: Upgrade", "Upgrade: h2c")
        assert (await client.ask(request)).body == b"GET /hello HTTP/1.1\r\n\r\n"
        await house.hello()


async def test_the_app_receives_a_disconnect_after_its_answer(autojump_clock):
    """And only then: before, a client that goes is a cancellation."""
    seen = []

    async def app(scope, receive, send):
        async def listen():
            seen.extend([await receive(), await receive()])

        async with trio.open_nursery() as nursery:
            nursery.start_soon(listen)
            await trio.sleep(1)
            await whole(send, b"hello")
        seen.append(await receive())

    async with serving(app) as house:
        await house.hello()
        await house.hello()
    gone = {"type": "http.disconnect"}
    assert seen == [{"type": "http.request", "body": b"", "more_body": False}, gone, gone] * 2


async def test_a_small_pipeline_limit_is_kept_with_a_slow_app(autojump_clock):
    """The bound counts bytes of requests that wait, whatever the limit is set to."""
    limits = ServerLimits(pipelined_bytes=100)
    async with serving(Paths(), limits=limits) as house:
        client = await house.client()
        await client.send(get("/second") + GET)
        for _ in range(10):
            await trio.sleep(0.05)
            await client.send(GET)
        assert house.network.streams[3].received_bytes < 400
        assert [(await client.answer()).status for _ in range(12)] == [200] * 12


async def test_pieces_pushed_past_send_arrive_in_order_at_their_second(autojump_clock):
    """A reader that keeps up: each piece is on its way in the step in which it is pushed."""
    async with serving() as house:
        answer = await house.neighbour.ask(get("/pushed"))
        assert answer.body == b"first;0;1;2;"
        assert house.app.taken == [Taken.ALL] * 3
        assert house.app.late is Taken.NONE
        await house.hello()


async def test_pushed_pieces_that_do_not_fit_are_kept_or_refused_but_never_lost(autojump_clock):
    """Pieces larger than what the client's window takes: the rest goes out first, in order, by the next send."""
    paths = Paths(pushes=4, push_size=50_000)
    async with serving(paths, network=MemoryNetwork(window_bytes=20_000)) as house:
        answer = await house.neighbour.ask(get("/pushed"))
        assert answer.body == b"first;" + b"".join(b"%d" % n * 50_000 + b";" for n in range(4))
        assert Taken.PART in house.app.taken
        await house.hello()


async def test_a_push_to_a_client_that_has_gone_ends_the_call(autojump_clock):
    """The push itself never raises; the handler is cancelled, as on any other way."""
    async with serving(Paths(pushes=100)) as house:
        client = await house.client()
        await client.send(get("/pushed"))
        await client.read_until(b"1;")
        client.abort()
        await trio.sleep(5)
        assert len(house.app.taken) < 10
        assert house.connections() == 0
        await house.hello()


@pytest.mark.parametrize(
    ("target", "begins"),
    [
        ("/v1/messages", b'{"type":"error",'),
        ("/v1/messages?beta=true", b'{"type":"error",'),
        ("/v1/messages/count_tokens", b'{"type":"error",'),
        ("http://gateway.test/v1/messages", b'{"type":"error",'),
        ("/v1/messages-of-mine", b'{"error":{'),
        ("/v1/chat/completions", b'{"error":{'),
        ("/?/v1/messages", b'{"error":{'),
    ],
)
async def test_what_the_server_refuses_is_said_in_the_dialect_of_who_asks(autojump_clock, target, begins):
    """The head names where it goes before it grows beyond all measure; on a kept connection the latest one counts."""
    async with serving() as house:
        client = await house.client()
        assert (await client.ask(get("/hello"))).status == 200
        answer = await client.ask(get(target, "X-Long: " + "x" * ServerLimits().header_bytes))
        assert answer.status == 431
        assert answer.body.startswith(begins)
