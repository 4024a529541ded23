"""An answer that a handler has ready goes out in one step, and is what an app's own pieces would have become."""

from __future__ import annotations

from itertools import groupby

import pytest
import trio
import trio.testing

from gateway import exchange
from gateway.exchange import Handler, Request
from tests.edge.serving import GET, Paths, get, last, post, serving, start
from tests.memory_network import MemoryNetwork

BODY = b"hello"
FIELDS = [(b"content-type", b"text/plain"), (b"x-request-id", b"7")]

ASKED = {
    "usual": get("{}"),
    "head": get("{}", method="HEAD"),
    "closing": get("{}", "Connection: close"),
    "old": get("{}", version="1.0"),
    "old, kept": get("{}", "Connection: keep-alive", version="1.0"),
    "short body unread": get("{}", "Content-Length: 9", "X-Gateway-Timeout: 1", method="POST") + b"half",
    "long body unread": get("{}", "Content-Length: 9999999", method="POST") + b"a little",
    "held back": get("{}", "Content-Length: 9", "Expect: 100-continue", method="POST"),
}
TOLD = {
    "usual": (200, FIELDS),
    "no fields": (200, []),
    "an error": (404, FIELDS),
    "a status of nobody's": (299, FIELDS),
    "no content": (204, FIELDS),
    "unchanged": (304, FIELDS),
    "its length": (200, [*FIELDS, (b"content-length", b"5")]),
    "its end": (200, [(b"Connection", b"close"), *FIELDS]),
    "its date": (200, [*FIELDS, (b"date", b"today")]),
    "capitals": (200, [(b"X-Request-Id", b"7"), (b"Transfer-Encoding", b"chunked")]),
}


class Told(Paths):
    """Answers alike by both ways: on /told at once, on /told/ by messages."""

    def __init__(self, status: int, headers: exchange.Headers) -> None:
        super().__init__()
        self.told = exchange.Answer(status, headers, BODY)

    def handler_of(self, asked: tuple[str, str]) -> Handler | None:
        return self.answer if asked[1] == "/told" else None

    async def answer(self, request: Request) -> exchange.Answer:
        return self.told

    async def do_told(self, receive, send):
        await start(send, status=self.told.status, headers=self.told.headers)
        await last(send, BODY)


@pytest.mark.parametrize("told", TOLD.values(), ids=TOLD)
@pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED)
async def test_an_answer_at_once_is_what_its_pieces_would_be(autojump_clock, asked, told):
    """Status, every field in its place, body; and the connection goes on, or ends, alike. The second time as well."""
    async with serving(Told(*told)) as house:
        heard = []
        for path in (b"/told/", b"/told", b"/told/", b"/told"):
            client = await house.client()
            bodyless = asked.startswith(b"HEAD") or told[0] in (204, 304)
            answer = await client.ask(asked.replace(b"{}", path), bodyless=bodyless)
            goes_on = answer.headers.get("connection") != "close" and asked in (ASKED["usual"], ASKED["head"])
            if goes_on:
                await client.send(GET)
            rest = await client.read_until(b"\r\n\r\n") if goes_on else b""
            heard.append((answer.status, list(answer.headers.items()), answer.body, rest))
            client.close()
        assert heard == heard[:1] * 4
        assert house.app.calls.count("/told/") == 2


@pytest.mark.parametrize("character", [b"\r", b"\n", b"\0", b"\r\n"], ids=["cr", "lf", "nul", "crlf"])
@pytest.mark.parametrize("field", [(b"x-%b", b"a"), (b"x-a", b"%b"), (b"x-a", b"b%bc: d")])
async def test_a_field_that_would_be_several_is_an_error(autojump_clock, field, character):
    """By both ways, wherever in a field the character stands, and nothing of the field reaches the client."""
    name, value = (part.replace(b"%b", character) for part in field)
    async with serving(Told(200, [*FIELDS, (name, value), *FIELDS]), crashes=4) as house:
        for path in ("/told/", "/told", "/told/", "/told"):
            answer = await house.neighbour.ask(get(path))
            assert answer.status == 500
            assert "x-a" not in answer.headers


async def test_a_draining_server_s_answers_at_once_are_their_connections_last(autojump_clock):
    """As all others are: its client asks elsewhere from then on."""

    class Slow(Told):
        async def answer(self, request: Request) -> exchange.Answer:
            if request.query:
                house.drain(10)
            return self.told

    async with serving(Slow(200, FIELDS)) as house:
        client = await house.client()
        assert "connection" not in (await client.ask(get("/told"))).headers
        answer = await client.ask(get("/told?last"))
        assert answer.headers["connection"] == "close"
        assert await client.end() == 0


async def test_bodies_of_differing_lengths_come_with_their_own(autojump_clock):
    """A head that differs in its length alone is not read anew; what it says of the length is the request's own."""
    seen = []

    class Lengths(Told):
        async def answer(self, request: Request) -> exchange.Answer:
            seen.append((request.fields[b"content-length"], request.headers, request.whole_body))
            return self.told

    async with serving(Lengths(200, [])) as house:
        client = await house.client()
        for body in (b"abc", b"abcdefghijkl", b"", b"abcd"):
            await client.ask(post("/told", body, "X-Last: 1"))
        assert seen == [
            (b"%d" % len(body), [(b"host", b"a"), (b"content-length", b"%d" % len(body)), (b"x-last", b"1")], body)
            for body in (b"abc", b"abcdefghijkl", b"", b"abcd")
        ]


@pytest.mark.parametrize("short_of_bytes", [0, 1, 50, 140], ids=["all", "but one", "half", "none"])
async def test_what_the_wire_does_not_take_at_once_follows(autojump_clock, short_of_bytes):
    """Two answers to who has not read the first: of the second all, some or nothing fits."""
    wire = b"HTTP/1.1 200 OK\r\ncontent-length: 87\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n" + b"x" * 87
    told = Told(200, [])
    told.told.body = b"x" * 87
    network = MemoryNetwork(window_bytes=2 * len(wire) - short_of_bytes)
    async with serving(told, network=network) as house:
        client = await house.client()
        for _ in range(2):
            await client.send(get("/told"))
            await trio.testing.wait_all_tasks_blocked()
        assert await client.read(2 * len(wire)) == 2 * wire
        await house.hello(client)


async def test_who_asks_much_at_once_takes_turns_with_others(autojump_clock):
    """Answers that wait for nothing are given one in a turn."""

    class Noted(Told):
        async def answer(self, request: Request) -> exchange.Answer:
            order.append(request.query)
            return self.told

    order: list[bytes] = []
    async with serving(Noted(200, [])) as house:
        clients = [await house.client() for _ in range(2)]
        for number, client in enumerate(clients):
            await client.send(get(f"/told?{number}") * 10)
        for client in clients:
            for _ in range(10):
                assert (await client.answer()).body == BODY
    assert max(len(list(turns)) for _, turns in groupby(order)) < 5
