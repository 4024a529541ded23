"""GET /admin/events: what those who watch a gateway are told, and that watching costs nobody anything."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from gateway.admin.events import MOST_WATCHERS
from gateway.admin.feed import KEPT, Feed
from tests.face.http_client import Client
from tests.whole.gateways import ENGINES, QUESTION, Running, running
from tests.whole.test_siblings import workers
from tests.whole.upstream import answers

ECHO = {**QUESTION, "model": "sandbox/echo"}
OWN = {"x-gateway-admin": "1"}


class Watching:
    """A stream of events that is being read."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._rest = b""

    async def next(self, name: str = "") -> Any:
        """The data of the next event, or of the next one of that name."""
        while True:
            while b"\n\n" not in self._rest:
                piece = await self._client.read_piece()
                if piece is None:
                    return None
                self._rest += piece
            block, _, self._rest = self._rest.partition(b"\n\n")
            kind, data = block.decode().split("\n")
            if name in ("", kind.removeprefix("event: ")):
                return json.loads(data.removeprefix("data: "))

    async def until(self, kind: str, **what: Any) -> Any:
        """The next happening of that kind in which that is said."""
        while True:
            happening = await self.next("happening")
            if happening["kind"] == kind and what.items() <= happening["what"].items():
                return happening


@asynccontextmanager
async def watching(it: Running) -> AsyncIterator[Watching]:
    client = await it.connect()
    await client.send("GET", "/admin/events")
    head = await client.read_head()
    assert (head.status, head.header("content-type")) == (200, "text/event-stream")
    yield Watching(client)
    client.leave()


@pytest.mark.parametrize("engine", ENGINES)
async def test_a_watcher_sees_how_everything_stands_once_a_second(autojump_clock: MockClock, engine: str) -> None:
    async with running(engine=engine) as it, watching(it) as watch:
        frame = await watch.next("snapshot")
        (worker,) = frame["workers"]
        assert (worker["worker"], worker["phase"], worker["in_flight"], frame["absent"]) == ("0", "ready", 0, [])
        assert {"openai", "router", "face"} < {actor["name"] for actor in worker["actors"]}
        for _ in range(3):
            await it.ask(ECHO)
        began_at = trio.current_time()
        frames = [await watch.next("snapshot") for _ in range(3)]
        assert trio.current_time() == began_at + 3
        traffic = frames[-1]["workers"][0]["traffic"]["sandbox"]
        assert (traffic["requests"], traffic["errors"], traffic["tokens"] > 0) == (3, 0, True)


async def test_what_happens_is_told_at_once_and_what_has_happened_at_the_beginning(autojump_clock: MockClock) -> None:
    async with running() as it, watching(it) as watch:
        started = await watch.until("actor", actor="face", now="started")
        assert started["worker"] == "0"
        await watch.next("snapshot")
        await trio.sleep(0.5)
        began_at = trio.current_time()
        await it.request(
            "POST", "/admin/providers/openai/breaker", json_body={"action": "open"}, headers={**OWN, "origin": "null"}
        )
        await it.request("POST", "/admin/providers/openai/breaker", json_body={"action": "open"}, headers=OWN)
        moved = await watch.until("breaker", provider="openai", model="*", after="open")
        assert trio.current_time() == began_at
        assert moved["at"] == it.world.wall_clock()
        order = await watch.until("order", order="breaker")
        assert order["what"]["by"] == "127.0.0.1"


async def test_a_drain_is_told_when_it_is_done(autojump_clock: MockClock) -> None:
    async with running() as it, watching(it) as watch, trio.open_nursery() as nursery:
        it.openai.plays(answers(after_s=7))
        nursery.start_soon(it.ask)
        await trio.sleep(1)
        await it.request("POST", "/admin/providers/openai/drain", headers=OWN)
        await watch.until("drained", actor="openai")
        assert trio.current_time() == 7


async def test_requests_in_flight_are_seen_by_watchers(autojump_clock: MockClock) -> None:
    async with running() as it, watching(it) as watch, trio.open_nursery() as nursery:
        it.openai.plays(answers(after_s=10))
        nursery.start_soon(it.ask)
        await trio.sleep(2.5)
        for _ in range(3):
            frame = await watch.next("snapshot")
        (row,) = frame["workers"][0]["requests"]
        assert (row["model"], row["stage"], row["provider"]) == ("gpt-4o", "awaiting", "openai")
        nursery.cancel_scope.cancel()


async def test_watchers_are_few_and_each_ends_with_the_drain(autojump_clock: MockClock) -> None:
    async with running() as it:
        clients = [await it.connect() for _ in range(MOST_WATCHERS)]
        for client in clients:
            await client.send("GET", "/admin/events")
            await client.read_head()
        refused = await it.request("GET", "/admin/events")
        assert (refused.status, refused.header("retry-after")) == (503, "10")
        clients.pop().leave()
        await trio.sleep(0.1)
        async with watching(it) as watch:
            it.gateway.drain()
            began_at = trio.current_time()
            while await watch.next() is not None:
                pass
            assert trio.current_time() == began_at
        await trio.sleep(it.gateway.config.server.write_stall_s + 1)
        assert it.ended_at is not None, "those that have stopped reading are cut like all stalled readers"


async def test_who_watches_one_worker_sees_all(autojump_clock: MockClock) -> None:
    async with workers() as (first, second, _), watching(first) as watch:
        frame = await watch.next("snapshot")
        assert [worker["worker"] for worker in frame["workers"]] == ["0", "1", "2"]
        await watch.until("actor", actor="face", now="started")
        await second.request("POST", "/admin/providers/sandbox/breaker", json_body={"action": "open"}, headers=OWN)
        orders, moves = [], []
        for _ in range(40):
            happening = await watch.next()
            if happening.get("kind") == "order":
                orders.append(happening["worker"])
            if happening.get("kind") == "breaker":
                moves.append(happening["worker"])
            if len(moves) == 3 and orders:
                break
        assert (sorted(moves), orders) == (["0", "1", "2"], ["1"]), "who was asked tells of the order, once"


async def test_a_slow_watcher_is_told_what_it_has_missed() -> None:
    """All share one ring: a place in it is all that a watcher holds."""
    feed = Feed("0", lambda: 7.0)
    feed.state("order", {"n": 0})
    news = feed.since(0)
    assert (len(news.happenings), news.missed) == (1, 0)
    for n in range(1, KEPT + 11):
        feed.state("order", {"n": n})
    news = feed.since(news.place)
    assert ([happening.what["n"] for happening in news.happenings][:2], news.missed) == ([11, 12], 10)
    assert feed.since(news.place).happenings == []


async def test_the_live_page_is_a_few_files_and_no_path_leads_to_another(autojump_clock: MockClock) -> None:
    async with running() as it:
        assert (await it.request("GET", "/admin")).header("location") == "/admin/"
        index = await it.request("GET", "/admin/")
        assert (index.status, index.header("content-type")) == (200, "text/html; charset=utf-8")
        policy = index.header("content-security-policy") or ""
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        page = index.body.decode()
        assert "style=" not in page
        assert "<script>" not in page
        assert " on" not in "".join(re.findall(r"<[^>]*>", page)).replace(" only-live", "")
        for linked in re.findall(r'(?:src|href)="(page/[^"]+)"', page):
            file = await it.request("GET", f"/admin/{linked}")
            assert (file.status, file.header("x-content-type-options")) == (200, "nosniff")
            again = await it.request("GET", f"/admin/{linked}", headers={"if-none-match": file.header("etag") or ""})
            assert (again.status, again.body) == (304, b"")
        for path in (
            *("../actors.py", "..%2factors.py", "%2e%2e/actors.py", "..%5cactors.py", "/etc/passwd", "//etc/passwd"),
            *("page", "main.js/", "main.js/../../actors.py", ".", "", "index.html"),
        ):
            refused = await it.request("GET", f"/admin/page/{path}")
            assert (refused.status, refused.error["code"]) == (404, "not_found"), path


async def test_the_page_is_seen_before_the_token_is_known_but_from_afar_only_where_there_is_one(
    autojump_clock: MockClock,
) -> None:
    async with running(environ={"LLM_GATEWAY_ADMIN_TOKEN": "a-token"}) as it:
        assert (await it.request("GET", "/admin/", peer="203.0.113.9", host="gateway.example")).status == 200
        assert (await it.request("GET", "/admin/events", peer="203.0.113.9", host="gateway.example")).status == 401
    async with running() as it:
        assert (await it.request("GET", "/admin/", peer="203.0.113.9", host="gateway.example")).status == 403
