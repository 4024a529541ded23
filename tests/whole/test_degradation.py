"""Memory gets short: the gateway does with less before it refuses anybody but those who can wait."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.whole.gateways import ENGINES, QUESTION, STREAMED, Running, running
from tests.whole.test_memory_pressure import THRESHOLD, holds
from tests.whole.upstream import Asked, fails, sends, streams

LOW = {"x-gateway-priority": "low"}


async def embeds(asked: Asked) -> None:
    """Each text's length as its embedding."""
    data = [
        {"object": "embedding", "index": index, "embedding": [len(text)]}
        for index, text in enumerate(asked.json["input"])
    ]
    usage = {"prompt_tokens": len(data), "total_tokens": len(data)}
    await sends({"object": "list", "data": data, "model": "e", "usage": usage})(asked)


async def ask_for_embeddings(it: Running, count: int) -> Any:
    question = {"model": "text-embedding-3-small", "input": ["x" * number for number in range(1, count + 1)]}
    return await it.request("POST", "/v1/embeddings", json_body=question)


@pytest.mark.parametrize("engine", ENGINES)
async def test_embeddings_go_up_in_smaller_parts_and_come_back_whole(autojump_clock: MockClock, engine: str) -> None:
    """In order, with their usage added up, as one request in every book."""
    async with running(THRESHOLD, engine=engine) as it:
        it.openai.plays(embeds)
        plain = await ask_for_embeddings(it, 70)
        assert len(it.openai.asked) == 1
        await holds(it, 85)

        parted = await ask_for_embeddings(it, 70)

        assert [len(asked.json["input"]) for asked in it.openai.asked[1:]] == [32, 32, 6]
        assert parted.json == plain.json
        assert [each["embedding"] for each in parted.json["data"]] == [[number] for number in range(1, 71)]
        assert parted.json["usage"] == {"prompt_tokens": 70, "total_tokens": 70}
        figures = await it.figures()
        assert figures("llm_tokens_total", provider="openai", type="prompt") == 140
        assert [line["prompt_tokens"] for line in it.logged("request")] == [70, 70]
        it.assert_at_rest()


async def test_a_part_that_fails_fails_the_attempt_and_is_paid_for(autojump_clock: MockClock) -> None:
    """The second part is refused for good: the client hears why, and what was sent is charged."""
    async with running(f"{THRESHOLD}\n[providers.openai]\ntokens_per_minute = 6000") as it:
        it.openai.plays(embeds, fails(400))
        await holds(it, 85)
        refused = await ask_for_embeddings(it, 40)
        assert (refused.status, refused.error["message"]) == (400, "no: 400")
        assert len(it.openai.asked) == 2
        assert 5700 < (await it.actors())["openai"]["detail"]["tokens"] < 6000
        it.assert_at_rest()


async def test_geminis_hundred_is_no_limit_of_ours(autojump_clock: MockClock) -> None:
    """Whatever memory there is: it takes a hundred texts at once, and is asked as often as it takes."""
    async with running("[providers.google]\nbase_url = 'http://openai.test'", environ={"GEMINI_API_KEY": "g"}) as it:

        async def embed(asked: Asked) -> None:
            await sends({"embeddings": [{"values": [1.0]} for _ in asked.json["requests"]]})(asked)

        it.openai.plays(embed)
        question = {"model": "gemini-embedding-001", "input": ["x"] * 250}
        reply = await it.request("POST", "/v1/embeddings", json_body=question)
        assert [len(asked.json["requests"]) for asked in it.openai.asked] == [100, 100, 50]
        assert [each["index"] for each in reply.json["data"]] == list(range(250))


@pytest.mark.parametrize("engine", ENGINES)
async def test_low_priority_is_refused_first(autojump_clock: MockClock, engine: str) -> None:
    async with running(THRESHOLD, engine=engine) as it:
        assert (await it.ask(headers=LOW)).status == 200
        await holds(it, 85)
        refused = await it.ask(headers=LOW)
        assert (refused.status, refused.error["code"]) == (503, "memory_pressure")
        assert refused.header("retry-after") == "1"
        assert (await it.ask()).status == 200
        await holds(it, 70)
        assert (await it.ask(headers=LOW)).status == 200
        assert it.gateway.ingress.used == 0


async def test_slow_readers_hold_a_quarter_of_what_they_may_otherwise(autojump_clock: MockClock) -> None:
    """Each piece is 6 KiB, and they come faster than anybody reads."""
    most = {}
    for percent in (10, 85):
        async with running(THRESHOLD) as it:
            it.openai.plays(streams(*["x" * 6000] * 100, every_s=0.0))
            await holds(it, percent)
            client = await it.connect()
            await client.send("POST", "/v1/chat/completions", json_body=STREAMED)
            await trio.sleep(2)
            memory = it.provider("openai").admission.memory
            most[percent] = memory.used - it.provider("openai").settings.stream_bytes
            client.leave()
    assert 48 * 1024 < most[10] <= 66 * 1024
    assert 4 * 1024 < most[85] <= 17 * 1024


async def test_what_a_body_takes_in_pieces_is_charged(autojump_clock: MockClock) -> None:
    """Two thousand messages of nothing are 60 KB as they come, and six times that while they are looked at."""
    async with running("[providers.openai]\nmax_concurrent = 1") as it:
        it.openai.plays(streams("x", every_s=5.0))
        many = {**QUESTION, "messages": [{"role": "user", "content": ""}] * 2000}
        async with trio.open_nursery() as nursery:
            nursery.start_soon(it.ask, many)
            await trio.sleep(1)
            assert it.provider("openai").admission.memory.used > 2000 * 176 + 60_000
        it.assert_at_rest()
