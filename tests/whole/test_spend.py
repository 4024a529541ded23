"""What an answer costs, whoever gave it: in the header, in the log, in the metrics and on /admin/spend."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import pytest
import trio
from trio.testing import MockClock

from actors import breakers
from gateway.keys import ledger
from tests.whole import gateways
from tests.whole.gateways import CHAT, QUESTION, Running, running
from tests.whole.test_crashes import crash_at
from tests.whole.test_recovery import BACKED, says
from tests.whole.test_siblings import workers
from tests.whole.upstream import Script, answers, fails, is_cut, resets, sends, stalls, streams

PRICES = """
[models."deepseek/deepseek-chat"]
prices = { input = 0.5, output = 1.0, cached_input = 0.05 }
"""
GPT_4O = {"prompt": 2_500, "completion": 10_000}
"""Nano-USD a token, as the file of models has it: 2.50 and 10.00 USD a million."""
PROMPT = len(json.dumps(BACKED)) // 4
"""What BACKED's prompt is by estimate."""
WHOLE_PROMPT = len(json.dumps({**BACKED, "stream": False})) // 4
COST = "x-gateway-cost-usd"


async def spend(it: Running, query: str = "") -> list[dict[str, Any]]:
    reply = await it.request("GET", f"/admin/spend{query}")
    assert reply.status == 200, reply.body
    return list(reply.json["data"])


async def cost_by_provider(it: Running) -> dict[str, float]:
    return {row["provider"]: row["cost_usd"] for row in await spend(it, "?group_by=provider")}


async def test_a_plain_answer_says_what_it_cost(autojump_clock: MockClock) -> None:
    """9 tokens in and 3 out: 52,500 nano-USD, to the last digit and everywhere the same."""
    async with running() as it:
        reply = await it.ask()

        assert reply.header(COST) == "0.0000525"
        assert it.logged("request")[0]["cost_usd"] == 0.0000525
        assert (await it.figures())("llm_cost_usd_total", provider="openai", model="gpt-4o") == 0.0000525
        (row,) = await spend(it)
        assert row == {
            "key": "",
            "provider": "openai",
            "model": "gpt-4o",
            "day": "2023-11-14",
            "cost_usd": 0.0000525,
            "calls": 1,
            "unpriced_calls": 0,
            "prompt_tokens": 9,
            "completion_tokens": 3,
            "cached_tokens": 0,
            "cache_write_tokens": 0,
            "reasoning_tokens": 0,
        }


async def test_what_came_from_a_cache_and_what_was_thought_is_priced_as_what_it_is(autojump_clock: MockClock) -> None:
    """Of 1000 tokens in, 800 at the cache's price; thoughts are tokens of the answer."""
    usage = {
        "prompt_tokens": 1000,
        "completion_tokens": 100,
        "total_tokens": 1100,
        "prompt_tokens_details": {"cached_tokens": 800},
        "completion_tokens_details": {"reasoning_tokens": 60},
    }
    choice = {"index": 0, "message": {"role": "assistant", "content": "Hi."}, "finish_reason": "stop"}
    async with running(PRICES) as it:
        it.deepseek.plays(sends({"id": "1", "object": "chat.completion", "choices": [choice], "usage": usage}))

        reply = await it.ask({**QUESTION, "model": "deepseek-chat"})

        assert reply.header(COST) == "0.00024", "200 * 0.5 + 800 * 0.05 + 100 * 1.0 micro-USD"
        (row,) = await spend(it)
        assert (row["cached_tokens"], row["reasoning_tokens"]) == (800, 60)


CLAUDE = """
[providers.claude]
kind = "anthropic"
base_url = "http://openai.test"
api_key_env = "OPENAI_API_KEY"
[models."claude/one"]
prices = { input = 1.0, output = 5.0, cached_input = 0.1, cache_write = 1.25, cache_write_1h = 2.0 }
"""


async def test_what_is_written_to_a_cache_for_minutes_and_for_an_hour_is_told_apart(autojump_clock: MockClock) -> None:
    """In micro-USD: 100 as they are, 20 * 1.25 for minutes, 30 * 2 for an hour, 200 * 0.1 read again, 10 * 5 said."""
    usage = {
        "input_tokens": 100,
        "cache_creation_input_tokens": 50,
        "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 30},
        "cache_read_input_tokens": 200,
        "output_tokens": 10,
    }
    said = {"type": "message", "role": "assistant", "content": [{"type": "text", "text": "Hi."}], "model": "one"}
    async with running(CLAUDE) as it:
        it.openai.plays(sends({"id": "msg_1", **said, "stop_reason": "end_turn", "usage": usage}))
        question = {"model": "claude/one", "max_tokens": 9, "messages": QUESTION["messages"]}
        for path in ("/v1/messages", "/v1/chat/completions"):
            assert (await it.request("POST", path, json_body=question)).header(COST) == "0.000255", path
        (row,) = await spend(it)
        assert (row["prompt_tokens"], row["cached_tokens"], row["cache_write_tokens"]) == (700, 400, 100)


async def test_embeddings_cost_their_input(autojump_clock: MockClock) -> None:
    vector = {"object": "embedding", "index": 0, "embedding": [0.5]}
    async with running() as it:
        used = {"prompt_tokens": 1000, "total_tokens": 1000}
        it.openai.plays(sends({"object": "list", "data": [vector], "model": "m", "usage": used}))
        asked = {"model": "text-embedding-3-small", "input": "Hello."}
        reply = await it.request("POST", "/v1/embeddings", json_body=asked)
        assert (reply.status, reply.header(COST)) == (200, "0.00002")
        (row,) = await spend(it)
        assert (row["prompt_tokens"], row["completion_tokens"], row["cost_usd"]) == (1000, 0, 0.00002)


async def test_after_a_failover_who_answered_is_named_and_whoever_worked_is_billed(autojump_clock: MockClock) -> None:
    """Refusals cost nothing; a first answer that was cut costs what was delivered, and the log says all of it."""
    async with running(PRICES) as it:
        it.openai.plays(fails(503), resets(), fails(503))
        it.deepseek.plays(answers("Hello."))
        reply = await it.ask({**QUESTION, "model": "backed"})
        assert reply.header("x-gateway-provider") == "deepseek"
        assert reply.header(COST) == "0.0000075"
        assert await cost_by_provider(it) == {"deepseek": 0.0000075}

        it.openai.plays(streams("Hello ", "dear ", then=is_cut))
        it.deepseek.plays(says("Hello dear world."))
        await it.ask(BACKED)
        broken = (PROMPT * GPT_4O["prompt"] + 3 * GPT_4O["completion"]) / 1e9
        assert await cost_by_provider(it) == {"deepseek": 0.000015, "openai": broken}
        lines = it.logged("request")
        assert [line["provider"] for line in lines] == ["deepseek", "deepseek"]
        assert lines[1]["cost_usd"] == broken + 0.0000075


class Course(NamedTuple):
    """What becomes of one streamed request, and what each provider is owed for it: tokens in, tokens out."""

    openai: Script
    deepseek: Script
    owed: dict[str, tuple[int, int]]
    leaves_at: float | None = None
    disturbed: Callable[[Running, float], Awaitable[None]] | None = None
    """What happens to it after 5 s."""
    timeout_s: str = "100"
    stream: bool = True


async def cancel_at(it: Running, when: float) -> None:
    """An operator ends the one request that there is."""
    await trio.sleep_until(when)
    (request,) = (await it.request("GET", "/admin/requests")).json["requests"]
    ended = await it.request("DELETE", f"/admin/requests/{request['id']}", headers={"x-gateway-admin": "1"})
    assert ended.status == 200


COURSES = {
    "all is well": Course(streams("Hello."), stalls, {"openai": (9, 3)}),
    "its client leaves in the middle": Course(
        streams("Hello ", "dear ", "world", then=stalls), stalls, {"openai": (PROMPT, 4)}, leaves_at=5
    ),
    "its client leaves before a word": Course(
        streams("Hello", every_s=9), stalls, {"openai": (PROMPT, 0)}, leaves_at=5
    ),
    "its client leaves a whole answer": Course(
        stalls, stalls, {"openai": (WHOLE_PROMPT, 0)}, leaves_at=5, stream=False
    ),
    "an operator ends it": Course(
        streams("Hello ", "dear ", "world", then=stalls), stalls, {"openai": (PROMPT, 4)}, disturbed=cancel_at
    ),
    "its deadline passes in the middle": Course(streams(*"abcdef"), stalls, {"openai": (PROMPT, 1)}, timeout_s="3.5"),
    "one refuses and another answers": Course(fails(503), streams("Hello."), {"deepseek": (9, 3)}),
    "a hedge is faster": Course(
        streams("Hello.", every_s=50), streams("Hello."), {"openai": (PROMPT, 0), "deepseek": (9, 3)}
    ),
    "a hedge is slower": Course(
        streams("Hello.", every_s=11), streams("Hello.", every_s=30), {"openai": (9, 3), "deepseek": (PROMPT, 0)}
    ),
    "another one goes on with it": Course(
        streams("Hello ", "dear ", then=is_cut),
        says("Hello dear world."),
        {"openai": (PROMPT, 3), "deepseek": (9, 3)},
    ),
    "its provider's actor dies in the middle": Course(
        streams("Hello ", "dear ", then=stalls),
        says("Hello dear world."),
        {"openai": (PROMPT, 3), "deepseek": (9, 3)},
        disturbed=crash_at,
    ),
}


@pytest.mark.parametrize("course", COURSES.values(), ids=COURSES)
async def test_every_token_is_told_once_and_everywhere_the_same(autojump_clock: MockClock, course: Course) -> None:
    """In the books, in the figures, and in the one line of its request, which waits for the last of its attempts."""
    async with running(PRICES, troubled=course.disturbed is crash_at) as it, trio.open_nursery() as nursery:
        it.openai.plays(course.openai)
        it.deepseek.plays(course.deepseek)
        if course.disturbed is not None:
            nursery.start_soon(course.disturbed, it, 5)
        with trio.move_on_after(course.leaves_at or 100):
            await it.ask({**BACKED, "stream": course.stream}, headers={"x-gateway-timeout": course.timeout_s})
        await trio.testing.wait_all_tasks_blocked()

        rows = {row["provider"]: row for row in await spend(it)}
        owed = {name: (row["prompt_tokens"], row["completion_tokens"]) for name, row in rows.items()}
        assert owed == course.owed
        figures = await it.figures()
        for name, row in rows.items():
            counted = [figures("llm_tokens_total", provider=name, type=kind) for kind in ("prompt", "completion")]
            assert tuple(counted) == owed[name]
            assert figures("llm_cost_usd_total", provider=name) == row["cost_usd"] > 0
        assert figures("llm_tokens_total") == sum(map(sum, owed.values()))
        (line,) = it.logged("request")
        told = line["prompt_tokens"], line["completion_tokens"]
        assert told == tuple(map(sum, zip(*owed.values(), strict=True)))
        assert line["cost_usd"] == pytest.approx(sum(row["cost_usd"] for row in rows.values()), abs=1e-12)
        assert figures("llm_request_total") == 1
        it.assert_at_rest()


async def test_what_runs_in_the_background_is_told_once_too(autojump_clock: MockClock) -> None:
    """One that is cancelled after 5 s: who asked for it and who cancelled it have a line, and it has its own."""
    async with running('[providers.silent]\nkind = "sandbox"\nfail = "stall"\n') as it:
        asked = {"model": "silent/echo", "input": "Hello.", "background": True}
        made = (await it.request("POST", "/v1/responses", json_body=asked)).json
        await trio.sleep(5)
        await it.request("POST", f"/v1/responses/{made['id']}/cancel")
        await trio.testing.wait_all_tasks_blocked()

        (row,) = await spend(it)
        assert [(line["provider"], line["prompt_tokens"], line["total_s"]) for line in it.logged("request")] == [
            (None, None, 0),
            ("silent", row["prompt_tokens"], 5),
            (None, None, 0),
        ]
        assert row["prompt_tokens"] > 0
        it.assert_at_rest()


async def test_names_that_a_client_makes_up_fill_nothing(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither figures nor breakers nor books: beyond their bounds all count together, and no call is lost."""
    monkeypatch.setattr(breakers, "MAX_BREAKERS", 5)
    monkeypatch.setattr(ledger, "MOST_ROWS", 3)
    async with running() as it:
        client = await it.connect()
        for number in range(20):
            asked = {**QUESTION, "model": f"openai/made-up-{number}"}
            assert (await client.request("POST", CHAT, json_body=asked)).status == 200
        client.leave()
        assert b"made-up" not in (await it.request("GET", "/metrics")).body
        assert (await it.figures())("llm_request_total", model="other") == 20
        rows = await spend(it)
        assert sorted(row["calls"] for row in rows) == [1, 1, 1, 17]
        assert [row["model"] for row in rows if row["calls"] > 1] == ["other"]
        kept = (await it.actors())["openai"]["detail"]["breakers"]
        assert 0 < len(kept.keys() - {"*"}) <= 5


async def test_a_model_without_a_price_is_counted_and_costs_nobody_knows_what(autojump_clock: MockClock) -> None:
    async with running() as it:
        reply = await it.ask({**QUESTION, "model": "openai/in-house"})
        assert reply.header(COST) is None
        assert it.logged("request")[0]["cost_usd"] is None
        (row,) = await spend(it)
        assert (row["cost_usd"], row["calls"], row["unpriced_calls"]) == (0, 1, 1)
        assert (await it.figures())("llm_unpriced_calls_total", provider="openai") == 1


async def test_the_sandbox_and_questions_for_a_count_cost_nothing(autojump_clock: MockClock) -> None:
    async with running() as it:
        assert (await it.ask({**QUESTION, "model": "sandbox/echo"})).header(COST) == "0"
        it.openai.plays(sends({"object": "response.input_tokens", "input_tokens": 11}))
        counted = await it.request(
            "POST", "/v1/responses/input_tokens", json_body={"model": "gpt-4o", "input": "Say hello."}
        )
        assert counted.json["input_tokens"] == 11
        assert await cost_by_provider(it) == {"sandbox": 0}


async def test_a_day_is_a_day_in_utc_and_a_new_one_is_a_new_page(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The story begins 100 s before midnight."""
    monkeypatch.setattr(gateways, "MONDAY", gateways.MONDAY + 6_300)
    async with running() as it:
        await it.ask()
        await trio.sleep(99.9)
        await it.ask()
        await trio.sleep(0.2)
        await it.ask()
        days = await spend(it, "?group_by=day")
        assert [(row["day"], row["calls"]) for row in days] == [("2023-11-14", 2), ("2023-11-15", 1)]
        assert [row["calls"] for row in await spend(it, "?group_by=day&from=2023-11-15")] == [1]
        total = (await it.request("GET", "/admin/spend?to=2023-11-14&from=2023-10-20")).json["total"]
        assert (total["calls"], total["cost_usd"]) == (2, 0.000105)


async def test_a_question_that_makes_no_sense_is_told_where(autojump_clock: MockClock) -> None:
    async with running() as it:
        for query, param in (
            ("?from=yesterday", "from"),
            ("?from=2023-01-01", "from"),
            ("?from=2023-11-15&to=2023-11-14", "from"),
            ("?group_by=key,colour", "group_by"),
            ("?until=2023-11-14", "until"),
        ):
            reply = await it.request("GET", f"/admin/spend{query}")
            assert (reply.status, reply.json["error"]["param"]) == (400, param), query


async def test_whichever_worker_is_asked_the_sums_are_everybodys(autojump_clock: MockClock) -> None:
    async with workers(PRICES) as (first, second, third):
        question = {**QUESTION, "model": "sandbox/echo"}
        for worker in (first, second, second, third):
            await worker.ask(question)
        for worker in (first, second, third):
            (row,) = await spend(worker)
            assert row["calls"] == 4
