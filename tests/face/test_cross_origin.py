"""Pages of other origins: let in where they are listed, the same on every engine, and nothing at all where none is."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from actors.errors import Unavailable
from tests.face.engines import Face
from tests.face.house import ANSWER, QUESTION, answers, client_keys, fails
from tests.face.http_client import Reply

PAGE = "https://app.example"
CHAT = "/v1/chat/completions"
STREAMED = {**QUESTION, "stream": True}

listed = pytest.mark.parametrize(
    "house_options", [{"cors_origins": (PAGE,), "keys": client_keys(alice="sk-alice"), "admin_token": "a-token"}]
)
ALICE = {"origin": PAGE, "authorization": "Bearer sk-alice"}


def shown(reply: Reply) -> tuple[str | None, str | None]:
    """Whose page may read it, and whether caches are told that this differs."""
    return reply.header("access-control-allow-origin"), reply.header("vary")


async def preflight(face: Face, origin: str, path: str = CHAT) -> Reply:
    asks = {"access-control-request-method": "POST", "access-control-request-headers": "authorization,x-stainless-os"}
    reply: Reply = await face.request("OPTIONS", path, headers={"origin": origin, **asks})
    return reply


@listed
async def test_a_preflight_is_answered_without_a_key(autojump_clock: MockClock, face: Face) -> None:
    reply = await preflight(face, PAGE)
    assert (reply.status, reply.body) == (204, b"")
    assert reply.header("access-control-allow-origin") == PAGE
    assert reply.header("access-control-allow-methods") == "GET, POST, DELETE"
    assert reply.header("access-control-allow-headers") == "authorization,x-stainless-os"
    assert reply.header("access-control-max-age") == "600"
    assert reply.header("vary") == "Origin, Access-Control-Request-Headers"
    assert reply.header("access-control-allow-credentials") is None
    assert face.house.records == []


@listed
async def test_a_page_may_read_answers_and_who_gave_them(autojump_clock: MockClock, face: Face) -> None:
    face.house.router.play = answers()
    reply = await face.ask(QUESTION, headers=ALICE)
    assert (reply.status, reply.body) == (200, ANSWER)
    assert shown(reply) == (PAGE, "Origin")
    exposed = (reply.header("access-control-expose-headers") or "").split(", ")
    ours = [name for name, _ in reply.fields if name.startswith("x-")]
    assert set(ours) <= set(exposed)
    assert "x-gateway-provider" in ours
    told = "cost-usd", "budget-remaining-usd", "budget-warning", "cache", "warning"
    assert {"x-cms-tier", *(f"x-gateway-{name}" for name in told)} <= set(exposed), "what other settings add"
    assert reply.header("access-control-allow-credentials") is None


@listed
async def test_a_page_may_read_streams(autojump_clock: MockClock, face: Face) -> None:
    pen = face.house.router.streams()
    client = await face.connect()
    await client.send("POST", CHAT, json_body=STREAMED, headers=ALICE)
    await trio.testing.wait_all_tasks_blocked()
    await pen.write(b"data: [DONE]\n\n")
    pen.end()
    reply = await client.read()
    assert (reply.status, reply.body) == (200, b"data: [DONE]\n\n")
    assert shown(reply) == (PAGE, "Origin")


@listed
async def test_a_page_may_read_what_went_wrong(autojump_clock: MockClock, face: Face) -> None:
    """Its own mistakes, a missing key, what is not there, and what failed behind."""
    face.house.router.play = fails(Unavailable("Not now."))
    for status, reply in (
        (503, await face.ask(QUESTION, headers=ALICE)),
        (400, await face.ask({}, headers=ALICE)),
        (401, await face.ask(QUESTION, headers={"origin": PAGE})),
        (404, await face.request("GET", "/v1/nothing", headers=ALICE)),
        (405, await face.request("DELETE", CHAT, headers=ALICE)),
    ):
        assert reply.status == status
        assert shown(reply) == (PAGE, "Origin")


@listed
async def test_pages_that_are_not_listed_get_nothing(autojump_clock: MockClock, face: Face) -> None:
    face.house.router.play = answers()
    for origin in ("https://app.example.evil", "http://app.example", "null", PAGE.upper()):
        assert shown(await face.ask(QUESTION, headers={**ALICE, "origin": origin})) == (None, "Origin")
        refused = await preflight(face, origin)
        assert (refused.status, refused.header("access-control-allow-methods")) == (405, None)
    assert shown(await face.ask(QUESTION, headers={"authorization": "Bearer sk-alice"})) == (None, "Origin")


@listed
async def test_no_page_reads_what_is_the_operators(autojump_clock: MockClock, face: Face) -> None:
    """The admin API does not even answer one, with the token or without."""
    for path, status in (("/admin/actors", 403), ("/metrics", 200)):
        reply = await face.request("GET", path, headers={"origin": PAGE, "authorization": "Bearer a-token"})
        assert reply.status == status
        assert shown(reply) == (None, None)
        assert (await preflight(face, PAGE, path)).status == 405


@pytest.mark.parametrize("house_options", [{"cors_origins": ("*",)}])
async def test_all_pages_may_be_let_in(autojump_clock: MockClock, face: Face) -> None:
    face.house.router.play = answers()
    reply = await face.ask(QUESTION, headers={"origin": "https://anywhere.example"})
    assert shown(reply) == ("*", None)


async def test_without_a_list_nothing_is_said_to_pages(autojump_clock: MockClock, face: Face) -> None:
    assert shown(await face.ask(QUESTION, headers={"origin": PAGE})) == (None, None)
    assert (await preflight(face, PAGE)).status == 405


async def test_where_no_key_is_asked_for_a_page_that_is_not_listed_spends_nothing(
    autojump_clock: MockClock, face: Face
) -> None:
    """A POST of text/plain needs no preflight, and a name that leads to this address makes a page seem our own."""
    face.house.router.play = answers()
    for fields in ({"content-type": "text/plain"}, {"host": "rebound.example:8080"}):
        reply = await face.ask(QUESTION, headers={"origin": PAGE, **fields})
        assert (reply.status, reply.json["error"]["code"]) == (403, "forbidden")
    assert face.house.router.calls == []
    assert (await face.ask(QUESTION)).status == 200
