"""Apps that answer in unusual ways, wrongly, or not at all; none of them can break the framing."""

from __future__ import annotations

import json

import pytest
import trio
import trio.testing

from tests.edge.serving import GET, get, last, piece, post, serving, start, whole


async def test_lengths_given_by_the_app_are_kept(autojump_clock):
    async def app(scope, receive, send):
        await start(send, headers=[(b"Content-Length", b"10"), (b"Transfer-Encoding", b"gzip")])
        await piece(send, b"hello")
        await last(send, b"world")

    async with serving(app) as house:
        answer = await house.neighbour.ask(GET)
        assert (answer.body, answer.headers["content-length"]) == (b"helloworld", "10")
        assert "transfer-encoding" not in answer.headers


async def test_an_app_may_close_the_connection_and_set_the_date(autojump_clock):
    async def app(scope, receive, send):
        fields = [(b"x-first", b"1"), (b"connection", b"close"), (b"date", b"today")]
        await whole(send, b"hello", headers=iter(fields))  # which can be gone through once

    async with serving(app) as house:
        client = await house.client()
        answer = await client.ask(GET)
        said = answer.headers["x-first"], answer.headers["connection"], answer.headers["date"]
        assert said == ("1", "close", "today")
        assert await client.end() == 0


MALFORMED = {
    "a line end in a value": (200, [(b"x", b"a\r\nb: c")]),
    "a NUL in a value": (200, [(b"x", b"a\0")]),
    "a line end in a name": (200, [(b"x\r\ny", b"a")]),
    "a space in a name": (200, [(b"x y", b"a")]),
    "an empty name": (200, [(b"", b"a")]),
    "a line end in the date": (200, [(b"date", b"a\r\nb: c")]),
    "text for bytes": (200, [("x", "a")]),
    "a length that is no number": (200, [(b"content-length", b"-5")]),
    "two lengths": (200, [(b"content-length", b"5"), (b"content-length", b"5")]),
    "a length that is not the body's": (200, [(b"content-length", b"6")]),
    "an interim status": (101, []),
    "no status at all": ("200", []),
}


@pytest.mark.parametrize("name", MALFORMED)
async def test_an_answer_that_would_be_malformed_becomes_a_500(autojump_clock, name):
    """Nothing an app hands over can break the framing; the connection stays usable."""
    status, headers = MALFORMED[name]

    async def app(scope, receive, send):
        if scope["path"] == "/":
            await whole(send, b"hello")
        else:
            await whole(send, b"hello", status=status, headers=headers)

    async with serving(app, crashes=1) as house:
        answer = await house.neighbour.ask(get("/x"))
        assert answer.status == 500
        assert json.loads(answer.body)["error"]["code"] == "internal_error"
        await house.hello()


async def test_a_crash_is_a_500_and_ends_nothing_else(autojump_clock):
    async with serving(crashes=3) as house:
        for path in ("/crash", "/early-crash", "/silent"):
            answer = await house.neighbour.ask(post(path, b"body"))
            assert answer.status == 500
            assert answer.headers["x-request-id"] == path
            assert json.loads(answer.body) == {
                "error": {
                    "message": "The gateway failed to handle this request.",
                    "type": "server_error",
                    "param": None,
                    "code": "internal_error",
                }
            }
        await house.hello()
        assert [type(crash).__name__ for crash in house.crashes] == ["ValueError", "ValueError", "IncompleteAnswer"]


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("path", ["/crash-late", "/unfinished"])
async def test_a_stream_that_breaks_is_cut_and_never_ended(autojump_clock, path, version):
    """Whatever the framing: nobody may take half an answer for a whole one."""
    async with serving(crashes=1) as house:
        client = await house.client()
        await client.send(get(path, version=version))
        assert await client.reset() == 0
        await house.hello()


async def test_a_group_of_exceptions_is_a_crash_like_any_other(autojump_clock):
    async def app(scope, receive, send):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            raise ValueError("on purpose")

    async with serving(app, crashes=1) as house:
        assert (await house.neighbour.ask(GET)).status == 500


async def test_messages_out_of_order_are_the_apps_fault(autojump_clock):
    async def app(scope, receive, send):
        if scope["path"] == "/body-first":
            await last(send, b"hello")
        await start(send)
        if scope["path"] == "/start-twice":
            await start(send)
        await last(send, b"hello")
        if scope["path"] == "/after-the-end":
            await last(send, b"hello")

    async with serving(app, crashes=3) as house:
        statuses = [(await house.neighbour.ask(get(path))).status for path in ("/body-first", "/start-twice")]
        assert statuses == [500, 500]
        assert (await house.neighbour.ask(get("/after-the-end"))).body == b"hello"
        await house.hello()


async def test_many_answers_in_one_go_let_others_have_their_turn(autojump_clock):
    """An app that never waits, for a client that always reads, does not keep the neighbour waiting."""
    turns = []

    async def app(scope, receive, send):
        await start(send)
        for turn in range(1000):
            turns.append(turn)
            await piece(send, b"x")
        await last(send)

    async with serving(app) as house, trio.open_nursery() as nursery:

        async def watch():
            while len(turns) < 1000:
                turns.append(None)
                await trio.lowlevel.checkpoint()

        nursery.start_soon(house.neighbour.ask, GET)
        nursery.start_soon(watch)
    assert turns.count(None) >= 60
