"""Answers from the cache, and identical requests that are asked once, through a whole gateway."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.lowlevel
import trio.testing
from trio.testing import MockClock

from tests.face.http_client import Client, Reply
from tests.store.fake_redis import FakeServer
from tests.whole.gateways import CHAT, QUESTION, STREAMED, Running, running
from tests.whole.upstream import answers, event, fails, is_cut, stalls, streams

CACHE = "[cache]\nenabled = true\nttl_s = 60\n"
JOINING = CACHE + "join = true\n"
KEYS = """
[auth]
mode = "keys"
[[auth.keys]]
label = "ann"
env = "ANN"
requests_per_minute = 3
[[auth.keys]]
label = "bob"
env = "BOB"
"""
ENVIRON = {"ANN": "sk-ann", "BOB": "sk-bob"}
ANN, BOB = {"authorization": "Bearer sk-ann"}, {"authorization": "Bearer sk-bob"}
ONCE = "[retry]\nattempts = 1\n"


def told(reply: Reply) -> tuple[int, str | None]:
    return reply.status, reply.header("x-gateway-cache")


# What is kept.


async def test_the_same_question_is_answered_again_without_the_provider(autojump_clock: MockClock) -> None:
    """Byte for byte, for nothing, until its time is over; the log and the metrics tell them apart."""
    async with running(CACHE) as it:
        it.openai.plays(answers("One.", after_s=2), answers("Two."))
        first = await it.ask()
        again = await it.ask()
        assert (told(first), told(again), trio.current_time()) == ((200, "miss"), (200, "hit"), 2)
        assert again.body == first.body
        assert again.header("content-type") == first.header("content-type")
        assert (again.header("x-gateway-provider"), again.header("x-gateway-cost-usd")) == ("openai", "0")
        assert again.header("x-request-id") != first.header("x-request-id")
        assert len(it.openai.asked) == 1
        assert [line.get("cache") for line in it.logged("request")] == ["miss", "hit"]
        assert [line["attempts"] for line in it.logged("request")] == [1, 0]
        figures = await it.figures()
        assert [
            figures("gateway_cache_total", endpoint="chat/completions", result=result) for result in ("miss", "hit")
        ] == [1, 1]
        await trio.sleep(60)
        assert told(await it.ask()) == (200, "miss")
        it.assert_at_rest()


async def test_a_stream_is_told_again_as_the_stream_it_was_and_to_nobody_who_wants_no_stream(
    autojump_clock: MockClock,
) -> None:
    async with running(CACHE) as it:
        it.openai.plays(streams("Once ", "upon"), answers("Whole."))
        first = await it.ask(STREAMED)
        began = trio.current_time()
        again = await it.ask(STREAMED)
        assert (told(again), trio.current_time() - began) == ((200, "hit"), 0)
        assert again.body == first.body
        assert again.body.endswith(b"data: [DONE]\n\n")
        assert again.header("content-type") == first.header("content-type")
        assert told(await it.ask()) == (200, "miss")
        assert [line["stream"] for line in it.logged("request")] == [True, True, False]
        it.assert_at_rest()


@pytest.mark.parametrize(
    "other", [{**QUESTION, "temperature": 1}, {**QUESTION, "model": "openai/gpt-4o"}], ids=["setting", "name"]
)
async def test_another_question_is_another_answer(autojump_clock: MockClock, other: Any) -> None:
    async with running(CACHE) as it:
        it.openai.plays(answers("One."), answers("Two."))
        assert [told(await it.ask(QUESTION)), told(await it.ask(other))] == [(200, "miss")] * 2


async def test_another_client_has_another_cache_and_hits_count_as_requests(autojump_clock: MockClock) -> None:
    """Ann's limit is three requests a minute, whoever answers them; Bob learns nothing of what Ann has asked."""
    async with running(CACHE + KEYS, environ=ENVIRON) as it:
        it.openai.plays(answers("For Ann."), answers("For Bob."))
        anns = [await it.ask(headers=ANN) for _ in range(4)]
        assert [told(reply) for reply in anns] == [(200, "miss"), (200, "hit"), (200, "hit"), (429, None)]
        assert [reply.header("x-ratelimit-remaining-requests") for reply in anns] == ["2", "1", "0", "0"]
        assert told(await it.ask(headers=BOB)) == (200, "miss")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("no-cache", ["miss", "hit"]),
        ("No-Store", [None, "miss"]),
        ("max-age=0, no-store", [None, "miss"]),
        ("max-age=5", ["hit", "hit"]),
    ],
)
async def test_a_client_says_what_it_wants_of_the_cache(
    autojump_clock: MockClock, said: str, expected: list[str | None]
) -> None:
    """no-cache asks anew and keeps that; no-store leaves no trace, not even of what was kept before it."""
    async with running(CACHE) as it:
        it.openai.plays(answers("One."), answers("Two."), answers("Three."))
        if said == "max-age=5":
            await it.ask()
        first = await it.ask(headers={"cache-control": said})
        second = await it.ask()
        assert [first.header("x-gateway-cache"), second.header("x-gateway-cache")] == expected
        if expected[1] == "hit":
            assert second.body == first.body


FILTERED = event(
    {
        "id": "c",
        "object": "chat.completion.chunk",
        "choices": [{"index": 0, "finish_reason": "content_filter", "delta": {}}],
    }
)


async def is_filtered(asked: Any) -> None:
    await asked.send_chunk(FILTERED)
    await asked.send_chunk(b"data: [DONE]\n\n")
    await asked.send(b"0\r\n\r\n")


@pytest.mark.parametrize(
    ("script", "question"),
    [
        (fails(400), QUESTION),
        (fails(500), QUESTION),
        (streams("a", then=is_cut), STREAMED),
        (streams("a", then=is_filtered), STREAMED),
        (answers("x" * 3000), QUESTION),
        (streams("x" * 3000), STREAMED),
        (answers(), {**QUESTION, "web_search_options": {}}),
        (answers(), {**QUESTION, "tools": [{"type": "web_search"}]}),
    ],
    ids=["refused", "failed", "cut", "filtered", "large", "large stream", "searched", "tool"],
)
async def test_only_whole_answers_that_would_be_the_same_are_kept(
    autojump_clock: MockClock, script: Any, question: Any
) -> None:
    async with running(CACHE + "max_entry_kb = 2\n" + ONCE) as it:
        it.openai.plays(script, answers("Well.") if not question.get("stream") else streams("Well."))
        await it.ask(question)
        assert (await it.ask(question)).header("x-gateway-cache") in ("miss", None)
        assert len(it.openai.asked) == 2
        it.assert_at_rest()


async def test_a_client_that_leaves_its_stream_has_not_made_an_answer(autojump_clock: MockClock) -> None:
    async with running(CACHE) as it:
        it.openai.plays(streams("a", "b", "c"), streams("a"))
        client = await asking(it, STREAMED)
        await trio.sleep(1.5)
        client.leave()
        await trio.sleep(1)
        assert told(await it.ask(STREAMED)) == (200, "miss")


async def test_only_the_models_that_are_named_are_answered_from_it(autojump_clock: MockClock) -> None:
    async with running(CACHE + 'models = ["sandbox/*"]\n') as it:
        it.openai.plays(answers(), answers())
        for expected in (None, None):
            assert (await it.ask()).header("x-gateway-cache") == expected
        for expected in ("miss", "hit"):
            reply = await it.ask({**QUESTION, "model": "sandbox/echo"})
            assert reply.header("x-gateway-cache") == expected


@pytest.mark.parametrize(
    ("path", "body", "kept"),
    [
        ("/v1/messages", {"model": "sandbox/echo", "max_tokens": 9, "messages": QUESTION["messages"]}, True),
        ("/v1/embeddings", {"model": "sandbox/embedding", "input": "hi"}, True),
        ("/v1/responses", {"model": "sandbox/echo", "input": "hi"}, False),
    ],
)
async def test_every_endpoint_but_responses_which_have_a_life_of_their_own(
    autojump_clock: MockClock, path: str, body: Any, kept: bool
) -> None:
    async with running(CACHE) as it:
        replies = [await it.request("POST", path, json_body=body) for _ in range(2)]
        assert [reply.status for reply in replies] == [200, 200]
        assert [reply.header("x-gateway-cache") for reply in replies] == (["miss", "hit"] if kept else [None, None])


async def test_without_it_nobody_hears_of_a_cache(autojump_clock: MockClock) -> None:
    async with running() as it:
        it.openai.plays(answers(), answers())
        assert [told(await it.ask()) for _ in range(2)] == [(200, None)] * 2
        assert "cache" not in it.logged("request")[0]


async def test_what_one_gateway_has_asked_answers_at_the_other_and_without_the_store_the_models_do(
    autojump_clock: MockClock,
) -> None:
    server = FakeServer()
    settings, environ = CACHE + 'store = "shared"\n', {"REDIS_URL": "redis://store.test"}
    async with (
        running(settings, environ=environ, open_redis=server.open, seed=1) as one,
        running(settings, environ=environ, open_redis=server.open, seed=2) as other,
    ):
        one.openai.plays(answers("One."))
        other.openai.plays(answers("Two."))
        first = await one.ask()
        again = await other.ask()
        assert (told(first), told(again), again.body) == ((200, "miss"), (200, "hit"), first.body)
        server.hangs = True
        assert told(await other.ask()) == (200, "miss")


async def test_a_store_that_is_to_keep_an_answer_holds_nobody_up_beyond_the_deadline(autojump_clock: MockClock) -> None:
    """That it is mute takes 90 ms to find out; the answer is there 50 ms before the time is over."""
    server = FakeServer()
    settings, environ = CACHE + 'store = "shared"\n', {"REDIS_URL": "redis://store.test"}
    async with running(settings, environ=environ, open_redis=server.open) as it, trio.open_nursery() as asks:
        it.openai.plays(answers("Just so.", after_s=2.95))
        replies: list[tuple[int, str | None, float]] = []

        async def ask() -> None:
            replies.append((*told(await it.ask(headers={"x-gateway-timeout": "3"})), trio.current_time()))

        asks.start_soon(ask)
        await trio.sleep(2.94)
        server.hangs = True
        await trio.sleep(1)
        assert replies == [(200, "miss", 3)]


@pytest.mark.parametrize("store", ["memory", "shared"])
@pytest.mark.parametrize(
    ("bound", "text"), [("max_count = 2\n", "x"), ("max_mb = 1\n", "x" * 400_000)], ids=["count", "bytes"]
)
async def test_two_answers_that_fit_are_kept_and_the_oldest_makes_way_for_a_third(
    autojump_clock: MockClock, store: str, bound: str, text: str
) -> None:
    """In the process, or with a shared store for everybody together."""
    environ = {"REDIS_URL": "redis://store.test"} if store == "shared" else {}
    settings = CACHE + f'store = "{store}"\n' + bound
    async with running(settings, environ=environ, open_redis=FakeServer().open) as it:
        it.openai.plays(answers(text))

        async def asked(*numbers: int) -> list[str | None]:
            replies = [await it.ask({**QUESTION, "seed": number}) for number in numbers]
            await trio.sleep(1)
            return [reply.header("x-gateway-cache") for reply in replies]

        assert await asked(1) + await asked(2) == ["miss", "miss"]
        assert await asked(1, 2) == ["hit", "hit"]
        assert await asked(3) == ["miss"]
        assert await asked(2, 3, 1) == ["hit", "hit", "miss"]


# Asked once.


async def asking(it: Running, question: Any, **headers: str) -> Client:
    client = await it.connect()
    await client.send("POST", CHAT, json_body=question, headers=headers)
    return client


@pytest.mark.parametrize("question", [QUESTION, STREAMED], ids=["plain", "streamed"])
async def test_identical_requests_at_the_same_time_are_asked_once(autojump_clock: MockClock, question: Any) -> None:
    """The first one leaves, and the others get all of it, when it comes; one that came late has missed nothing."""
    async with running(JOINING) as it:
        it.openai.plays(streams("a", "b", "c", "d") if question is STREAMED else answers("abcd", after_s=4))
        first = await asking(it, question)
        await trio.sleep(0.5)
        second = await asking(it, question)
        await trio.sleep(2)
        third = await asking(it, question)
        first.leave()
        replies = [await second.read(), await third.read()]
        assert trio.current_time() == 4
        assert [told(reply) for reply in replies] == [(200, "hit")] * 2
        assert replies[0].body == replies[1].body
        assert b"d" in replies[0].body
        assert len(it.openai.asked) == 1
        assert sorted(line["cache"] for line in it.logged("request")) == ["joined", "joined", "miss"]
        assert [line["prompt_tokens"] for line in it.logged("request") if line["cache"] == "miss"] == [9]
        assert told(await it.ask(question)) == (200, "hit")
        it.assert_at_rest()


@pytest.mark.parametrize("question", [QUESTION, STREAMED], ids=["plain", "streamed"])
async def test_each_keeps_its_own_deadline(autojump_clock: MockClock, question: Any) -> None:
    """The first one's is the shortest, and takes nothing from the others."""
    async with running(JOINING) as it:
        it.openai.plays(streams("a", every_s=4) if question is STREAMED else answers("a", after_s=4))
        ended: dict[str, tuple[float, int]] = {}

        async def ask(name: str, timeout: str) -> None:
            reply = await it.ask(question, headers={"x-gateway-timeout": timeout})
            ended[name] = trio.current_time(), reply.status

        async with trio.open_nursery() as nursery:
            for name, timeout in (("first", "1"), ("second", "2"), ("third", "30")):
                nursery.start_soon(ask, name, timeout)
                await trio.lowlevel.checkpoint()
                await trio.testing.wait_all_tasks_blocked()
        assert ended == {"first": (1, 504), "second": (2, 504), "third": (4, 200)}
        assert len(it.openai.asked) == 1
        it.assert_at_rest()


async def test_a_failure_is_everybodys_and_nobodys_later(autojump_clock: MockClock) -> None:
    async with running(JOINING + ONCE) as it:
        it.openai.plays(fails(500, after_s=2), answers())
        clients = [await asking(it, QUESTION) for _ in range(3)]
        replies = [await client.read() for client in clients]
        assert [reply.status for reply in replies] == [500] * 3
        assert {(reply.header("x-gateway-provider"), reply.header("x-gateway-attempts")) for reply in replies} == {
            ("openai", "1")
        }
        assert trio.current_time() == 2
        assert told(await it.ask()) == (200, "miss")
        assert len(it.openai.asked) == 2
        it.assert_at_rest()


async def test_who_begins_what_others_may_join_is_told_of_its_own_limits(autojump_clock: MockClock) -> None:
    async with running(JOINING + KEYS, environ=ENVIRON) as it:
        it.openai.plays(answers(), answers(), answers())
        replies = [await it.ask({**QUESTION, "seed": seed}, headers=ANN) for seed in range(4)]
        assert [reply.status for reply in replies] == [200, 200, 200, 429]
        assert [reply.header("x-ratelimit-remaining-requests") for reply in replies] == ["2", "1", "0", "0"]
        it.assert_at_rest()


async def test_the_log_says_what_each_has_been_told_of_an_answer_that_was_asked_once(autojump_clock: MockClock) -> None:
    """One waits alone until its own time is over, for an answer or amid one; of a stream that breaks both hear."""
    async with running(JOINING + ONCE) as it:
        it.openai.plays(stalls)
        assert (await it.ask(headers={"x-gateway-timeout": "2"})).status == 504
        it.openai.plays(streams("a", then=stalls))
        assert b'"error"' in (await it.ask(STREAMED, headers={"x-gateway-timeout": "2"})).body
        it.openai.plays(streams("a", then=is_cut))
        clients = [await asking(it, STREAMED) for _ in range(2)]
        for client in clients:
            assert b'"error"' in (await client.read()).body
        await trio.sleep(1)
        lines = [(line["cache"], line["outcome"], line["status"], line["error"]) for line in it.logged("request")]
        assert sorted(lines) == [
            ("joined", "error", 200, "upstream_broken"),
            ("miss", "error", 200, "deadline_exceeded"),
            ("miss", "error", 200, "upstream_broken"),
            ("miss", "error", 504, "deadline_exceeded"),
        ]
        it.assert_at_rest()


@pytest.mark.parametrize("script", [stalls, streams("a", then=stalls)], ids=["before", "within"])
async def test_when_the_last_one_leaves_the_provider_is_left_too(autojump_clock: MockClock, script: Any) -> None:
    async with running(JOINING) as it:
        it.openai.plays(script)
        clients = [await asking(it, STREAMED) for _ in range(2)]
        await trio.sleep(3)
        clients[0].leave()
        await trio.sleep(1)
        assert it.openai.asked[0].closed_at is None
        clients[1].leave()
        await trio.sleep(1)
        assert it.openai.asked[0].closed_at == 4
        it.assert_at_rest()


async def test_another_client_joins_nothing(autojump_clock: MockClock) -> None:
    async with running(JOINING + KEYS, environ=ENVIRON) as it:
        it.openai.plays(answers("a", after_s=1), answers("b", after_s=1))
        clients = [await asking(it, QUESTION, **headers) for headers in (ANN, BOB)]
        assert [told(await client.read()) for client in clients] == [(200, "miss")] * 2
        assert len(it.openai.asked) == 2


async def test_a_slow_reader_is_waited_for_and_holds_little(autojump_clock: MockClock) -> None:
    """An answer too large to be kept is passed on all the same, and what both have read is forgotten."""
    async with running(JOINING + "max_entry_kb = 64\n") as it:
        it.openai.plays(streams(*["x" * 50_000] * 20, every_s=0.1))
        quick, slow = [await asking(it, STREAMED) for _ in range(2)]
        bodies: list[bytes] = []

        async def read(client: Client, after_s: float) -> None:
            await trio.sleep(after_s)
            bodies.append((await client.read()).body)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(read, quick, 0)
            nursery.start_soon(read, slow, 5)
        assert trio.current_time() >= 5
        assert len(bodies[0]) > 1_000_000
        assert bodies[0] == bodies[1]
        assert len(it.openai.asked) == 1
        it.assert_at_rest()
