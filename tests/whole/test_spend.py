"""What an answer costs, whoever gave it: in the header, in the log, in the metrics and on /admin/spend."""

from __future__ import annotations

import json
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.whole import gateways
from tests.whole.gateways import QUESTION, STREAMED, Running, running
from tests.whole.test_recovery import BACKED, says
from tests.whole.test_siblings import workers
from tests.whole.upstream import answers, fails, is_cut, resets, sends, stalls, streams

PRICES = """
[models."deepseek/deepseek-chat"]
prices = { input = 0.5, output = 1.0, cached_input = 0.05 }
"""
GPT_4O = {"prompt": 2_500, "completion": 10_000}
"""Nano-USD a token, as the file of models has it: 2.50 and 10.00 USD a million."""
PROMPT = len(json.dumps(BACKED)) // 4
"""What BACKED's prompt is by estimate."""
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


async def test_a_hedge_that_lost_is_charged_for_the_prompt_that_it_had(autojump_clock: MockClock) -> None:
    async with running(PRICES) as it:
        it.openai.plays(streams("Hello.", every_s=11))
        it.deepseek.plays(streams("Hello.", every_s=30))
        await it.ask(BACKED)
        assert await cost_by_provider(it) == {"deepseek": PROMPT * 500 / 1e9, "openai": 0.0000525}


async def test_a_stream_whose_client_leaves_is_billed_for_what_came(autojump_clock: MockClock) -> None:
    """The request's line is written before the bill comes, so that the bill has a line of its own."""
    async with running() as it:
        it.openai.plays(streams("Hello ", "dear ", "world", then=stalls))
        client = await it.connect()
        await client.send("POST", "/v1/chat/completions", json_body=STREAMED)
        await client.read_head()
        await trio.sleep(1.5)
        client.leave()
        await trio.testing.wait_all_tasks_blocked()

        (row,) = await spend(it)
        assert row["completion_tokens"] == 3
        assert row["prompt_tokens"] == len(json.dumps(STREAMED)) // 4
        assert it.logged("request")[0]["cost_usd"] is None
        (line,) = it.logged("abandoned attempt billed")
        assert line["cost_usd"] == row["cost_usd"] == (row["prompt_tokens"] * 2_500 + 3 * 10_000) / 1e9


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
