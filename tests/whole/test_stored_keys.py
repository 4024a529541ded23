"""Client keys that are made while gateways run: shown once, known everywhere, taken back within two seconds."""

from __future__ import annotations

import json
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from gateway.assembly.sharing import OWN
from gateway.keys import key_book
from gateway.keys.registry import script
from gateway.siblings import Place
from tests.face.http_client import Reply
from tests.memory_network import MemoryNetwork
from tests.store.fake_redis import FakeServer
from tests.whole.gateways import ADDRESS, CHAT, QUESTION, STREAMED, Running, configured, running
from tests.whole.test_shared_store import SHARED, two
from tests.whole.test_spend import spend
from tests.whole.upstream import answers, streams

ASKING = '[auth]\nmode = "keys"\n'
FIND = script("keys_find.lua")
ACT = {"x-gateway-admin": "1", "x-gateway-operator": "ann"}
HEARD_S = key_book.HEAR_EVERY_S + 0.2


async def act(it: Running, method: str, path: str = "", body: Any = None) -> Reply:
    return await it.request(method, f"/admin/keys{path}", json_body=body or {}, headers=ACT)


async def make(it: Running, label: str = "team", **terms: Any) -> str:
    made = await act(it, "POST", "", {"label": label, **terms})
    assert made.status == 201, made.json
    return str(made.json["key"])


async def ask(it: Running, key: str, model: str = "gpt-4o") -> Reply:
    return await it.ask({**QUESTION, "model": model}, headers={"authorization": f"Bearer {key}"})


async def status(it: Running, key: str, model: str = "gpt-4o") -> int:
    return (await ask(it, key, model)).status


async def test_a_key_is_shown_once_and_opens_everywhere_with_what_it_may(autojump_clock: MockClock) -> None:
    server = FakeServer()
    async with two(server, ASKING) as (one, other):
        key = await make(one, models=["gpt-4o*"], requests_per_minute=120, tags={"owner": "bob"})

        assert key.startswith("sk-gw-")
        assert len(key) == len("sk-gw-") + 48, "288 bits"
        reply = await ask(other, key)
        assert (reply.status, reply.header("x-ratelimit-limit-requests")) == (200, "120")
        assert await status(one, key, "deepseek-chat") == 403
        assert other.logged("request")[0]["client"] == "team"
        (shown,) = (await act(other, "GET")).json["data"]
        assert shown == {
            "label": "team",
            "state": "active",
            "source": "store",
            "hints": [{"hint": f"sk-gw-...{key[-4:]}"}],
            "created_at": 1_700_000_000,
            "models": ["gpt-4o*"],
            "requests_per_minute": 120,
            "tags": {"owner": "bob"},
        }
        for said in (*one.lines, *other.lines, json.dumps(str(server.values))):
            assert key not in said
        (line,) = one.logged("operator's order")
        assert line["by"].startswith("ann@")
        assert (line["what"]["order"], line["what"]["label"]) == ("key_create", "team")
        assert (await act(one, "POST", "", {"label": "team"})).status == 409


async def test_an_answer_from_the_cache_is_one_of_the_keys_requests(autojump_clock: MockClock) -> None:
    async with two(FakeServer(), ASKING + "[cache]\nenabled = true\n") as (one, _):
        key = await make(one, requests_per_minute=2)
        replies = [await ask(one, key) for _ in range(3)]
        told = [(reply.status, reply.header("x-gateway-cache")) for reply in replies]
        assert told == [(200, "miss"), (200, "hit"), (429, None)]


async def test_a_key_is_looked_up_once_and_revoked_within_two_seconds(autojump_clock: MockClock) -> None:
    server = FakeServer()
    async with two(server, ASKING) as (one, other):
        key = await make(one)
        for _ in range(5):
            assert [await status(it, key) for it in (one, other)] == [200, 200]
        assert sum(words[1] == FIND for words in server.written("EVAL")) == 2

        assert (await act(one, "DELETE", "/team")).json["state"] == "revoked"
        await trio.sleep(HEARD_S)
        assert [await status(it, key) for it in (one, other)] == [401, 401]
        assert (await act(one, "DELETE", "/nobody")).status == 404
        assert (await act(one, "POST", "/team/rotate")).status == 409


async def test_what_has_begun_before_a_key_is_revoked_ends_as_it_began_and_is_paid_for(
    autojump_clock: MockClock,
) -> None:
    async with two(FakeServer(), ASKING) as (one, other):
        key = await make(one)
        other.openai.plays(streams(*"abcdef"))
        client = await other.connect()
        await client.send("POST", CHAT, json_body=STREAMED, headers={"authorization": f"Bearer {key}"})
        await trio.sleep(2)
        await act(one, "DELETE", "/team")
        await trio.sleep(HEARD_S)
        assert await status(other, key) == 401
        assert (await client.read()).body.endswith(b"data: [DONE]\n\n")
        await trio.sleep(1.1)
        assert [(row["key"], row["calls"]) for row in await spend(one, "?group_by=key")] == [("team", 1)]


async def test_a_rotated_key_goes_on_for_its_grace(autojump_clock: MockClock) -> None:
    async with two(FakeServer(), ASKING) as (one, other):
        first = await make(one)
        assert await status(other, first) == 200
        second = (await act(one, "POST", "/team/rotate", {"grace_s": 60})).json["key"]
        await trio.sleep(HEARD_S)
        assert [await status(other, key) for key in (first, second)] == [200, 200]
        await trio.sleep(60)
        assert [await status(other, key) for key in (first, second)] == [401, 200]
        third = (await act(one, "POST", "/team/rotate", {"grace_s": 0})).json["key"]
        await trio.sleep(HEARD_S)
        assert [await status(other, key) for key in (first, second, third)] == [401, 401, 200]


async def test_new_terms_hold_within_two_seconds(autojump_clock: MockClock) -> None:
    """What the body does not name stays as it was."""
    async with two(FakeServer(), ASKING) as (one, other):
        key = await make(one, models=["gpt-4o"], requests_per_minute=1)
        assert [await status(other, key) for _ in range(2)] == [200, 429]
        assert (await act(one, "PATCH", "/team", {"requests_per_minute": 100})).json["models"] == ["gpt-4o"]
        told = one.logged("operator's order")[-1]["what"]
        assert told == {"order": "key_change", "label": "team", "terms": {"requests_per_minute": 100}}
        await trio.sleep(HEARD_S)
        assert [await status(other, key) for _ in range(2)] == [200, 200]
        assert await status(other, key, "deepseek-chat") == 403
        for wrong, param in (({"models": "gpt-4o"}, "models"), ({"modles": []}, "modles")):
            refusal = await act(one, "PATCH", "/team", wrong)
            assert (refusal.status, refusal.json["error"]["param"]) == (400, param)


async def test_a_stored_key_has_no_more_calls_at_a_time_than_it_may(autojump_clock: MockClock) -> None:
    """The next one is refused at once, with nobody asked, and let in when one has ended."""
    async with running(ASKING, environ=SHARED, open_redis=FakeServer().open) as it:
        key = await make(it, max_concurrent=2)
        it.openai.plays(answers(after_s=1.0))
        began = trio.current_time()
        statuses: list[int] = []

        async def ask_now() -> None:
            statuses.append(await status(it, key))

        async with trio.open_nursery() as nursery:
            for _ in range(2):
                nursery.start_soon(ask_now)
            await trio.sleep(0.5)
            refusal = await ask(it, key)
            assert trio.current_time() == began + 0.5
            assert (refusal.status, refusal.json["error"]["code"]) == (429, "rate_limit_exceeded")
            assert "2 calls at a time" in refusal.json["error"]["message"]
        assert statuses == [200, 200]
        assert await status(it, key) == 200
        assert len(it.openai.asked) == 3


async def test_the_other_terms_hold_for_stored_keys_too(autojump_clock: MockClock) -> None:
    """The story begins at 22:13:20."""
    async with running(ASKING, environ=SHARED, open_redis=FakeServer().open) as it:
        soon_over = await make(it, "soon-over", expires="2023-11-14T22:13:30Z")
        elsewhere = await make(it, "elsewhere", providers=["deepseek"])
        few_words = await make(it, "few-words", tokens_per_minute=50)
        assert await status(it, soon_over) == 200
        assert [await status(it, elsewhere, model) for model in ("gpt-4o", "deepseek-chat")] == [403, 200]
        wordy = {**QUESTION, "max_tokens": 30}  # some 50 tokens, the prompt among them
        replies = [await it.ask(wordy, headers={"authorization": f"Bearer {few_words}"}) for _ in range(2)]
        assert [reply.status for reply in replies] == [200, 429]
        assert replies[1].header("x-ratelimit-limit-tokens") == "50"
        await trio.sleep_until(10)
        assert await status(it, soon_over) == 401


async def test_while_the_store_is_away_known_keys_go_on_and_nobody_can_say_of_others(
    autojump_clock: MockClock,
) -> None:
    """A key that may be right is no 401: its client is to come back."""
    server = FakeServer()
    async with running(ASKING, environ=SHARED, open_redis=server.open) as it:
        known, unknown = await make(it, "known"), await make(it, "unknown")
        assert await status(it, known) == 200
        server.fault = "no connection"
        await trio.sleep(1)
        assert await status(it, known) == 200
        refusal = await ask(it, unknown)
        assert (refusal.status, refusal.json["error"]["code"]) == (503, "store_unavailable")
        assert refusal.header("retry-after") == "1"
        assert await status(it, "sk-proj-of-somebody-else") == 401
        server.fault = ""
        await trio.sleep(6)
        assert await status(it, unknown) == 200


async def test_what_was_revoked_while_a_worker_was_deaf_is_refused_once_it_hears(autojump_clock: MockClock) -> None:
    one_server, deaf_server = FakeServer(), FakeServer()
    deaf_server.values = one_server.values
    async with (
        running(ASKING, environ=SHARED, open_redis=one_server.open, seed=1) as one,
        running(ASKING, environ=SHARED, open_redis=deaf_server.open, seed=2) as deaf,
    ):
        key = await make(one)
        assert await status(deaf, key) == 200
        deaf_server.fault = "no connection"
        await trio.sleep(3)
        await act(one, "DELETE", "/team")
        await trio.sleep(60)
        assert await status(deaf, key) == 200
        deaf_server.fault = ""
        await trio.sleep(7)
        assert await status(deaf, key) == 401


async def test_guesses_cost_the_store_nothing_unless_they_look_like_its_own(autojump_clock: MockClock) -> None:
    server = FakeServer()
    async with running(ASKING, environ=SHARED, open_redis=server.open) as it:
        for guess in ("sk-proj-1", "sk-gw-guess", "sk-gw-guess", "Bearer", "sk-GW-guess"):
            assert await status(it, guess) == 401
        assert sum(words[1] == FIND for words in server.written("EVAL")) == 1, "the same guess twice is one question"


async def test_guesses_make_nobody_forget_a_key(autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many: who was known goes on, also while the store that could be asked again is away."""
    monkeypatch.setattr(key_book, "MOST", 2)
    monkeypatch.setattr(key_book, "MOST_UNKNOWN", 2)
    server = FakeServer()
    async with running(ASKING, environ=SHARED, open_redis=server.open) as it:
        key = await make(it)
        assert await status(it, key) == 200
        for number in range(5):
            assert await status(it, f"sk-gw-guess-{number}") == 401
        server.hangs = True
        await trio.sleep(HEARD_S)
        assert await status(it, key) == 200
        assert await status(it, "sk-gw-guess-0") == 503, "of whom nobody can say"


async def test_without_a_store_nothing_is_made_that_would_be_lost(autojump_clock: MockClock) -> None:
    async with running(ASKING + '[[auth.keys]]\nlabel = "ann"\nenv = "ANN"', environ={"ANN": "sk-ann"}) as it:
        refusal = await act(it, "POST", "", {"label": "team"})
        assert refusal.status == 409
        assert "REDIS_URL" in refusal.json["error"]["message"]
        assert (await act(it, "GET")).json["data"] == [{"label": "ann", "state": "active", "source": "config"}]
        assert await status(it, "sk-gw-made-up") == 401
        assert await status(it, "sk-ann") == 200


async def test_nothing_is_made_in_a_store_that_ends_with_the_gateway(autojump_clock: MockClock) -> None:
    """Workers share one of the gateway's own where nobody runs another."""
    network, server = MemoryNetwork(), FakeServer()
    config = configured("edge", ASKING, {"REDIS_URL": "unix:///private/store.sock"})
    place = Place(
        others=[],
        connect=network.connect,
        listen=lambda: network.listen("0", 1),
        own_store="/private/store.sock",
    )
    it = Running(config, network, ADDRESS, seed=0, open_redis=server.open, place=place)
    async with trio.open_nursery() as nursery:
        await it.start(nursery)
        refusal = await act(it, "POST", "", {"label": "team"})
        assert (refusal.status, "outlives" in refusal.json["error"]["message"]) == (409, True)
        assert server.written("HGET") == []
        assert [line["because"] for line in it.logged("store moved")] == [OWN], "no operator said so"
        nursery.cancel_scope.cancel()
