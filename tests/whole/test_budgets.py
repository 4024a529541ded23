"""Budgets of client keys: what is refused before anybody is asked, what is only told, and who may not know."""

from __future__ import annotations

import json
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from gateway.dialects.one_model import of_one_model
from tests.face.http_client import Reply
from tests.store.budget_model import BUDGETS
from tests.store.fake_redis import FakeServer
from tests.whole import gateways
from tests.whole.gateways import QUESTION, Running, running
from tests.whole.test_shared_store import SHARED, two
from tests.whole.test_spend import cost_by_provider, spend
from tests.whole.upstream import answers, fails, stalls, streams

KEY = {"TEAM_KEY": "sk-team", "OTHER_KEY": "sk-other"}
TEAM = {"authorization": "Bearer sk-team"}
LIMITED: dict[str, Any] = {**QUESTION, "max_tokens": 100}
PROMPT = len(of_one_model(json.dumps(LIMITED).encode())) // 4
MOST = (PROMPT * 2_500 + 100 * 10_000) / 1e9
"""What the question may cost at most, by estimate; it costs 0.0000525."""
COSTS = 0.0000525
BOUNDED = """
[models.short]
target = "openai/gpt-4o"
parameters = { max_tokens = 100 }
"""
REMAINING, WARNING = "x-gateway-budget-remaining-usd", "x-gateway-budget-warning"


def budget(per_day: float, edge: str = "hard", *, more: str = "") -> str:
    return f"""
[auth]
mode = "keys"
{more}
[[auth.keys]]
label = "team"
env = "TEAM_KEY"
budget_usd_per_day = {per_day}
budget_edge = "{edge}"
[[auth.keys]]
label = "other"
env = "OTHER_KEY"
"""


async def ask(it: Running, question: Any = LIMITED, key: str = "sk-team") -> Reply:
    return await it.ask(question, headers={"authorization": f"Bearer {key}"})


async def test_a_hard_budget_refuses_before_anybody_is_asked_and_begins_anew_at_midnight(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Room for two answers and for what a third may cost at most, but not for a fourth."""
    monkeypatch.setattr(gateways, "MONDAY", gateways.MONDAY + 6_300)
    async with running(budget(2 * COSTS + MOST), environ=KEY) as it:
        replies = [await ask(it) for _ in range(4)]

        assert [reply.status for reply in replies] == [200, 200, 200, 429]
        left = [2 * COSTS + MOST - COSTS * number for number in (1, 2, 3)]
        assert [float(reply.header(REMAINING) or 0) for reply in replies[:3]] == [round(usd, 9) for usd in left]
        assert len(it.openai.asked) == 3
        error = replies[3].json["error"]
        assert (error["type"], error["code"]) == ("insufficient_quota", "insufficient_quota")
        assert "0.0001575 are spent" in error["message"]
        assert (replies[3].header("x-should-retry"), replies[3].header("retry-after")) == ("false", None)
        assert (await ask(it, key="sk-other")).status == 200

        await trio.sleep(100)
        assert (await ask(it)).status == 200


@pytest.mark.parametrize(("period", "environ"), [("month", {}), ("month", SHARED), ("day", SHARED)])
async def test_a_month_and_a_day_end_for_those_who_have_been_there_all_the_time(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch, period: str, environ: dict[str, str]
) -> None:
    """The story begins 100 s before December; a call that is under way then counts where it ends."""
    monkeypatch.setattr(gateways, "MONDAY", 1_701_388_700.0)
    settings = budget(0.0).replace("per_day = 0.0", f"per_{period} = {COSTS + MOST}")
    async with running(settings, environ={**KEY, **environ}, open_redis=FakeServer().open) as it:
        it.openai.plays(answers(), answers(after_s=5), answers())
        assert (await ask(it)).status == 200
        await trio.sleep(97)
        late = await ask(it)
        assert (late.status, trio.current_time()) == (200, 102)
        assert float(late.header(REMAINING) or 0) == pytest.approx(MOST, abs=1e-12), "of December's"
        await trio.sleep(1.1)
        assert [(await ask(it)).status for _ in range(3)] == [200, 429, 429]
        days = [(row["day"], row["calls"]) for row in await spend(it, "?group_by=day&from=2023-11-01&to=2023-12-01")]
        assert days == [("2023-11-30", 1), ("2023-12-01", 2)]


async def test_a_clock_that_is_set_right_begins_the_day_that_it_is_and_moves_no_deadline(
    autojump_clock: MockClock,
) -> None:
    """A year ahead, as machines are before they have asked what time it is; then right, amid a call of 5 s."""
    async with running(budget(2 * COSTS + MOST), environ=KEY) as it:
        it.wall_clock_jumps_s = 366 * 86_400
        assert [(await ask(it)).status for _ in range(4)] == [200, 200, 200, 429]
        it.openai.plays(stalls)
        replies: list[Reply] = []

        async def ask_for_5_s() -> None:
            replies.append(await it.ask(headers={"authorization": "Bearer sk-other", "x-gateway-timeout": "5"}))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask_for_5_s)
            await trio.sleep(2)
            it.wall_clock_jumps_s = 0
        assert ([reply.status for reply in replies], trio.current_time()) == ([504], 5)
        it.openai.plays(answers())
        assert [(await ask(it)).status for _ in range(4)] == [200, 200, 200, 429]


async def test_a_call_that_is_too_large_is_not_the_end_of_a_budget_and_the_end_is_told(
    autojump_clock: MockClock,
) -> None:
    """One line each, however many calls come; one more where half of what was left is gone."""
    large, small = {**LIMITED, "max_tokens": 100_000}, {**LIMITED, "max_tokens": 1}
    async with running(budget(0.008), environ=KEY) as it:
        for _ in range(3):
            assert (await ask(it, large)).status == 429
        (line,) = it.logged("call too large for its budget")
        assert (line["level"], line["client"], line["period"], line["left_usd"]) == ("warning", "team", "day", 0.008)
        assert line["call_usd"] > 1.0
        assert it.logged("budget used up") == []

        calls = 0
        while (await ask(it, small)).status == 200:
            calls += 1
            if calls == 100:
                assert [(await ask(it, large)).status for _ in range(2)] == [429, 429]
        left = pytest.approx(0.008 - 100 * COSTS)
        assert [line["left_usd"] for line in it.logged("call too large for its budget")] == [0.008, left]
        await ask(it, small)
        (line,) = it.logged("budget used up")
        assert (line["level"], line["client"], line["period"], line["edge"]) == ("warning", "team", "day", "hard")
        seen = [one.what for one in it.gateway.console.feed.own_since(0) if one.kind == "budget"]
        assert [what.get("call_usd") is None for what in seen] == [False, False, True]
        assert seen[-1] == {"client": "team", "period": "day", "edge": "hard", "day": "2023-11-14"}


async def test_a_soft_budget_is_passed_with_a_warning(autojump_clock: MockClock) -> None:
    async with running(budget(1.5 * COSTS, "soft"), environ=KEY) as it:
        replies = [await ask(it) for _ in range(4)]

        assert [reply.status for reply in replies] == [200] * 4
        warning = "the budget of this day is used up"
        assert [reply.header(WARNING) for reply in replies] == [None, warning, warning, warning]
        assert replies[1].header(REMAINING) == "-0.00002625"
        assert len(it.logged("budget used up")) == 1


async def test_calls_at_once_cannot_pass_a_hard_budget_together(autojump_clock: MockClock) -> None:
    """Two may be under way; the others hear to come back, and find room once those two have cost less than feared."""
    async with running(budget(2.5 * MOST), environ=KEY) as it:
        it.openai.plays(answers(after_s=5))
        replies: list[Reply] = []

        async def one() -> None:
            replies.append(await ask(it))

        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(one)
        assert sorted(reply.status for reply in replies) == [200, 200, 429, 429, 429]
        busy = next(reply for reply in replies if reply.status == 429)
        assert (busy.json["error"]["code"], busy.header("retry-after")) == ("rate_limit_exceeded", "1")
        assert (await ask(it)).status == 200


UNBOUNDED: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": ("/v1/chat/completions", QUESTION),
    "nothing is no bound": ("/v1/chat/completions", {**QUESTION, "max_tokens": -1}),
    "responses": ("/v1/responses", {"model": "gpt-4o", "input": "Hi.", "store": False}),
}


@pytest.mark.parametrize("name", UNBOUNDED)
async def test_an_answer_that_nobody_bounds_may_be_as_long_as_its_model_can_make_it(
    autojump_clock: MockClock, name: str
) -> None:
    """16,384 tokens of gpt-4o: there is room for one such call at a time, and for many that are bounded."""
    path, unbounded = UNBOUNDED[name]
    async with running(budget(0.3) + BOUNDED, environ=KEY) as it:
        it.openai.plays(stalls)
        client = await it.connect()
        await client.send("POST", path, json_body=unbounded, headers=TEAM)
        await trio.sleep(1)
        it.openai.plays(answers())
        refused = await it.request("POST", path, json_body=unbounded, headers=TEAM)
        assert (refused.status, refused.header("retry-after")) == (429, "1")
        assert "this call may cost 0.16" in refused.error["message"]
        assert "A limit of tokens for its answer would make that less." in refused.error["message"]
        assert [(await ask(it)).status for _ in range(3)] == [200] * 3
        assert (await ask(it, {**QUESTION, "model": "short"})).status == 200, "the operator bounds this one"
        client.leave()


async def test_what_was_held_comes_back_however_a_call_ends(autojump_clock: MockClock) -> None:
    """There is room for one at a time: a failure, a client that leaves and a stream that ends must all make it."""
    async with running(budget(1.9 * MOST), environ=KEY) as it:
        it.openai.plays(fails(400), stalls, streams("Hello."), answers())
        assert (await ask(it)).status == 400
        client = await it.connect()
        await client.send("POST", "/v1/chat/completions", json_body=LIMITED, headers=TEAM)
        await trio.sleep(1)
        assert (await ask(it)).status == 429
        client.leave()
        await trio.testing.wait_all_tasks_blocked()
        stream = await ask(it, {**LIMITED, "stream": True})
        assert (stream.status, stream.body.count(b"[DONE]")) == (200, 1)
        assert (await ask(it)).status == 200
        left_one = PROMPT * 2_500 / 1e9
        assert await cost_by_provider(it) == {"openai": pytest.approx(2 * COSTS + left_one, abs=1e-12)}


@pytest.mark.parametrize(("policy", "status"), [("refuse", 403), ("allow", 200)])
async def test_a_model_without_a_price_is_refused_unless_the_operator_allows_it(
    autojump_clock: MockClock, policy: str, status: int
) -> None:
    settings = budget(1.0, more=f'unpriced_models = "{policy}"')
    async with running(settings, environ=KEY) as it:
        reply = await ask(it, {**LIMITED, "model": "openai/in-house"})
        assert reply.status == status
        assert (await ask(it, {**LIMITED, "model": "sandbox/echo"})).status == 200
        assert (await ask(it, {**LIMITED, "model": "openai/in-house"}, "sk-other")).status == 200
        if status == 403:
            assert reply.json["error"]["code"] == "model_not_found"
            assert "price" in reply.json["error"]["message"]


async def test_two_workers_and_one_budget_of_a_month(autojump_clock: MockClock) -> None:
    """Both hold in the store what they may spend; each knows the other's spending, and so does the page."""
    server = FakeServer()
    server.latency_s = 0.001
    settings = budget(0.0).replace("per_day = 0.0", f"per_month = {5 * MOST}")
    async with two(server, settings, {**SHARED, **KEY}) as gateways:
        statuses: list[int] = []

        async def one(it: Running) -> None:
            statuses.append((await ask(it)).status)

        for it in gateways:
            it.openai.plays(answers(after_s=2))
        async with trio.open_nursery() as nursery:
            for number in range(8):
                nursery.start_soon(one, gateways[number % 2])
        assert sorted(statuses) == [200] * 5 + [429] * 3
        await trio.sleep(1.1)
        for it in gateways:
            (row,) = await spend(it, "?group_by=key")
            assert (row["key"], row["calls"], row["cost_usd"]) == ("team", 5, 0.0002625)
        reply = await ask(gateways[1])
        assert float(reply.header(REMAINING) or 0) == pytest.approx(5 * MOST - 6 * COSTS, abs=1e-12)


async def test_without_the_store_a_hard_budget_lets_nobody_in_and_all_is_told_when_it_is_back(
    autojump_clock: MockClock,
) -> None:
    """Whoever has none goes on; what was spent meanwhile is counted, and counted once though replies were lost."""
    server = FakeServer()
    async with running(budget(1.0), environ={**SHARED, **KEY}, open_redis=server.open) as it:
        assert (await ask(it)).status == 200
        server.loses_replies = True
        await trio.sleep(2)
        refused = await ask(it)
        assert (refused.status, refused.json["error"]["code"]) == (503, "store_unavailable")
        assert "hard budget" in refused.json["error"]["message"]
        assert refused.header("retry-after") == "1"
        assert len(it.openai.asked) == 1
        for _ in range(3):
            assert (await ask(it, key="sk-other")).status == 200
            await trio.sleep(10)
        assert (await it.request("GET", "/admin/spend")).status == 503
        server.loses_replies = False
        await trio.sleep(7)
        assert [(row["key"], row["calls"]) for row in await spend(it, "?group_by=key")] == [("other", 3), ("team", 1)]
        assert (await ask(it)).status == 200
        assert it.gateway.accounting.spend.view()["unconfirmed"] == 0


async def test_a_script_that_the_store_refuses_is_told_as_that_and_logged_once(autojump_clock: MockClock) -> None:
    """The store is there all the while, and lets in whoever has no budget."""
    server, (reserve, tell) = FakeServer(), BUDGETS
    async with running(budget(1.0), environ={**SHARED, **KEY}, open_redis=server.open, troubled=True) as it:
        server.refuses = {reserve: "value is not an integer or out of range", tell: "out of range"}
        for _ in range(3):
            refused = await ask(it)
            assert (refused.status, refused.json["error"]["code"]) == (503, "store_unavailable")
            assert "answered with an error" in refused.json["error"]["message"]
            assert (await ask(it, key="sk-other")).status == 200
            await trio.sleep(2)
        lines = it.logged("store refused")
        assert [(line["level"], line["operation"], line["command"], line["because"]) for line in lines] == [
            ("error", "budget", "reserve.lua", "value is not an integer or out of range"),
            ("error", "spend_post", "spend.lua", "out of range"),
        ]
        server.refuses = {}
        assert (await ask(it)).status == 200
        await trio.sleep(2)
        assert [(row["key"], row["calls"]) for row in await spend(it, "?group_by=key")] == [("other", 3), ("team", 1)]


async def test_what_a_dead_worker_held_lapses_with_its_call(autojump_clock: MockClock) -> None:
    server, settings = FakeServer(), budget(1.5 * MOST)
    environ = {**SHARED, **KEY}
    async with running(settings, environ=environ, open_redis=server.open, seed=1) as other:
        async with running(settings, environ=environ, open_redis=server.open, seed=2) as one:
            one.openai.plays(stalls)
            headers = {**TEAM, "x-gateway-timeout": "30"}
            client = await one.connect()
            await client.send("POST", "/v1/chat/completions", json_body=LIMITED, headers=headers)
            await trio.sleep(1)
            server.fault = "no connection"  # it dies without a last word
        server.fault = ""
        await trio.sleep(60)
        assert (await ask(other)).status == 429
        await trio.sleep(30)
        assert (await ask(other)).status == 200


async def test_what_was_spent_in_the_last_moment_is_told_before_the_end(autojump_clock: MockClock) -> None:
    server = FakeServer()
    environ = {**SHARED, **KEY}
    async with running(budget(1.0), environ=environ, open_redis=server.open, seed=1) as one:
        await ask(one, key="sk-other")
        one.gateway.drain()
        await trio.sleep(0.9)
        assert one.ended_at is not None, "before its second was over"
    async with running(budget(1.0), environ=environ, open_redis=server.open, seed=2) as other:
        assert [(row["key"], row["calls"]) for row in await spend(other)] == [("other", 1)]


async def test_who_has_no_budget_asks_the_store_for_nothing(autojump_clock: MockClock) -> None:
    server = FakeServer()
    async with running(budget(1.0), environ={**SHARED, **KEY}, open_redis=server.open) as it:
        reply = await ask(it, key="sk-other")
        assert (reply.status, reply.header(REMAINING)) == (200, None)
        reserve = next(iter(BUDGETS))
        assert all(words[1] != reserve for words in server.written("EVAL"))
        await ask(it)
        assert sum(words[1] == reserve for words in server.written("EVAL")) == 1
