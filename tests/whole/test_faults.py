"""Providers that misbehave: what the client gets and when, how often they are asked, and what is said of it."""

from __future__ import annotations

import re
import socket
import ssl
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.face.http_client import Reply
from tests.whole.gateways import QUESTION, STREAMED, Running, data_of, running
from tests.whole.upstream import (
    FINISH,
    USAGE,
    Asked,
    Script,
    Upstream,
    answers,
    chunk,
    ends,
    fails,
    is_cut,
    resets,
    sends,
    stalls,
    streams,
    texts_of,
)

BACKED: dict[str, Any] = {**QUESTION, "model": "backed"}
BACKED_STREAM: dict[str, Any] = {**STREAMED, "model": "backed"}
TOKENS = [f" word{number}" for number in range(60)]


# 429.


async def test_a_429_is_waited_out_for_as_long_as_it_says(autojump_clock: MockClock) -> None:
    async with running() as it:
        it.openai.plays(fails(429, b"retry-after: 2"), answers())

        reply = await it.ask()

        assert trio.current_time() == 2
        assert (reply.status, reply.header("x-gateway-attempts")) == (200, "2")
        assert [asked.at for asked in it.openai.asked] == [0, 2]
        await check_said(it, provider="openai", operations=["retry"])


async def test_a_429_that_says_nothing_is_left_alone_for_a_second(autojump_clock: MockClock) -> None:
    async with running() as it:
        it.openai.plays(fails(429), answers())

        reply = await it.ask()

        assert trio.current_time() == 1
        assert reply.status == 200
        assert [asked.at for asked in it.openai.asked] == [0, 1]
        await check_said(it, provider="openai", operations=["retry"])


async def test_a_429_for_ever_is_told_after_three_attempts(autojump_clock: MockClock) -> None:
    """With the provider's own pause; who comes within it hears of the rest, and nobody else is asked."""
    async with running() as it:
        it.openai.plays(fails(429, b"retry-after: 4"))

        reply = await it.ask()

        assert trio.current_time() == 8
        assert (reply.status, reply.header("retry-after")) == (429, "4")
        assert (reply.header("x-should-retry"), reply.header("x-gateway-attempts")) == ("false", "3")
        assert [asked.at for asked in it.openai.asked] == [0, 4, 8]
        await check_said(it, provider="openai", operations=["retry", "retry"], error="upstream_429")


async def test_a_429_for_ever_goes_to_the_fallback_and_so_does_whoever_comes_after(autojump_clock: MockClock) -> None:
    """It does not say for how long: one attempt, then the other answers; for a second nobody asks it again."""
    async with running() as it:
        it.openai.plays(fails(429))

        replies = [await it.ask(BACKED) for _ in range(20)]

        assert trio.current_time() == 0
        assert [reply.header("x-gateway-provider") for reply in replies] == ["deepseek"] * 20
        assert len(it.openai.asked) == 1
        figures = await it.figures()
        assert figures("retry_attempts_total", provider="deepseek", operation="fallback") == 20
        assert figures("circuit_breaker_failures_total") == 0  # it is not ill


async def test_who_comes_during_a_long_pause_hears_of_the_rest_of_it(autojump_clock: MockClock) -> None:
    """Twenty minutes: the provider is not asked again meanwhile, but after five it is, for it may have been wrong."""
    async with running() as it:
        it.openai.plays(fails(429, b"retry-after: 1200"), answers())

        first = await it.ask()
        await trio.sleep(100)
        within = await it.ask()
        await trio.sleep_until(300)
        after = await it.ask()

        assert (first.status, first.header("retry-after")) == (429, "1200")
        assert (within.status, within.error["code"]) == (429, "rate_limit_exceeded")
        assert within.header("retry-after") == "200"
        assert after.status == 200
        assert [asked.at for asked in it.openai.asked] == [0, 300]


FORMS: dict[str, tuple[bytes, float]] = {
    "seconds": (b"retry-after: 3", 3),
    "a date": (b"retry-after: Tue, 14 Nov 2023 22:13:24 GMT", 4),
    "milliseconds": (b"retry-after-ms: 1500", 1.5),
    "milliseconds before seconds": (b"retry-after-ms: 2500\r\nretry-after: 9", 2.5),
    "a date that is over, as where clocks differ": (b"retry-after: Tue, 14 Nov 2023 22:00:00 GMT", 1),
    "less than nothing": (b"retry-after: -3", 1),
}


@pytest.mark.parametrize("form", FORMS)
async def test_a_429_says_how_long_in_any_form(autojump_clock: MockClock, form: str) -> None:
    header, pause_s = FORMS[form]
    async with running() as it:
        it.openai.plays(fails(429, header), answers())

        reply = await it.ask()

        assert trio.current_time() == pause_s
        assert (reply.status, len(it.openai.asked)) == (200, 2)


async def test_geminis_429_says_it_in_its_own_words(autojump_clock: MockClock) -> None:
    delay = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "3s"}
    quota = {"error": {"code": 429, "message": "slow", "status": "RESOURCE_EXHAUSTED", "details": [delay]}}
    answer = {"candidates": [{"content": {"parts": [{"text": "Hello."}]}, "finishReason": "STOP"}]}
    environ = {"GEMINI_API_KEY": "sk-google", "GEMINI_BASE_URL": "http://google.test"}
    async with running(environ=environ) as it:
        google = Upstream(it.network, "google.test")
        google.plays(sends(quota, status=429), sends(answer))
        await it.nursery.start(google.run)

        reply = await it.ask({**QUESTION, "model": "gemini-2.0-flash"})

        assert trio.current_time() == 3
        assert (reply.status, len(google.asked)) == (200, 2)


# Errors and connections that end.


async def test_a_500_is_tried_again(autojump_clock: MockClock) -> None:
    async with running() as it:
        it.openai.plays(fails(500), answers())

        reply = await it.ask()

        (pause_s,) = delays(it)
        assert 0 < pause_s < 0.5
        assert trio.current_time() == pytest.approx(pause_s, abs=1e-6)
        assert (reply.status, reply.header("x-gateway-attempts")) == (200, "2")
        assert len(it.openai.asked) == 2
        await check_said(it, provider="openai", operations=["retry"])


@pytest.mark.parametrize(
    ("script", "status", "error"),
    [(fails(503), 503, "upstream_503"), (resets(), 502, "upstream_reset")],
    ids=["503", "reset before headers"],
)
async def test_one_that_fails_for_ever_is_asked_three_times(
    autojump_clock: MockClock, script: Script, status: int, error: str
) -> None:
    async with running() as it:
        it.openai.plays(script)

        reply = await it.ask()

        assert trio.current_time() == pytest.approx(sum(delays(it)), abs=1e-5)
        assert sum(delays(it)) < 0.5 + 1.0
        assert (reply.status, reply.header("x-should-retry")) == (status, "false")
        assert len(it.openai.asked) == 3
        await check_said(it, provider="openai", operations=["retry", "retry"], error=error)


async def test_a_reset_before_headers_is_tried_again(autojump_clock: MockClock) -> None:
    async with running() as it:
        it.openai.plays(resets(), answers())

        reply = await it.ask()

        assert (reply.status, reply.header("x-gateway-attempts")) == (200, "2")
        assert len(it.openai.asked) == 2
        await check_said(it, provider="openai", operations=["retry"])


async def test_after_three_attempts_the_fallback_answers_and_is_billed(autojump_clock: MockClock) -> None:
    """The client and the log name who answered; what failed cost nothing."""
    async with running() as it:
        it.openai.plays(fails(503))

        reply = await it.ask(BACKED)

        assert (reply.status, reply.header("x-gateway-attempts")) == (200, "4")
        assert (reply.header("x-gateway-provider"), reply.header("x-gateway-model")) == ("deepseek", "deepseek-chat")
        assert (len(it.openai.asked), len(it.deepseek.asked)) == (3, 1)
        await check_said(it, provider="deepseek", operations=["retry", "retry", "fallback"])
        figures = await it.figures()
        assert figures("llm_tokens_total", provider="deepseek", type="prompt") == 9
        assert figures("llm_tokens_total", provider="openai") == 0
        assert figures("llm_request_total", provider="deepseek", model="deepseek-chat") == 1


@pytest.mark.parametrize(("question", "at"), [(QUESTION, 600), (STREAMED, 60)], ids=["plain", "streamed"])
async def test_no_response_at_all_is_not_asked_for_twice(
    autojump_clock: MockClock, question: dict[str, Any], at: int
) -> None:
    """A whole answer may take as long as the call; a stream has to begin within a minute."""
    async with running() as it:
        it.openai.plays(stalls)

        reply = await it.ask(question)

        assert trio.current_time() == at
        assert (reply.status, reply.error["code"]) == (504, "upstream_timeout")
        assert len(it.openai.asked) == 1
        assert it.openai.asked[0].closed_at == at


async def test_a_first_token_after_20_s_is_waited_for(autojump_clock: MockClock) -> None:
    """Where there is nobody else; where there is, the other one is asked after 10 s."""
    async with running() as it:
        it.openai.plays(streams("Hello.", every_s=20))
        it.deepseek.plays(streams("Hello."))

        alone = await it.ask(STREAMED)
        assert trio.current_time() == 20
        backed = await it.ask(BACKED_STREAM)

        assert trio.current_time() == 31
        assert (texts(alone), alone.header("x-gateway-provider")) == ("Hello.", "openai")
        assert (texts(backed), backed.header("x-gateway-provider")) == ("Hello.", "deepseek")
        await trio.testing.wait_all_tasks_blocked()
        assert it.openai.asked[1].closed_at == 31


# Streams.


@pytest.mark.parametrize(("then", "told_at"), [(is_cut, 40), (stalls, 70)], ids=["cut", "silent"])
async def test_a_stream_that_ends_amid_its_answer_is_never_whole(
    autojump_clock: MockClock, then: Script, told_at: int
) -> None:
    """40 of 60 tokens, one a second. Alone: an error event. Backed: the other one says the last 20."""
    async with running() as it:
        it.openai.plays(streams(*TOKENS[:40], then=then))
        it.deepseek.plays(rest_of(TOKENS))

        alone = await it.ask(STREAMED)
        assert trio.current_time() == told_at
        backed = await it.ask(BACKED_STREAM)

        assert trio.current_time() == 2 * told_at + 20 + 1  # the word before is said once more
        *events, last = data_of(alone.body)
        assert texts_of(events) == "".join(TOKENS[:40])
        assert last["error"]["message"]
        assert b"[DONE]" not in alone.body
        assert texts(backed) == "".join(TOKENS)
        assert (len(it.openai.asked), len(it.deepseek.asked)) == (2, 1)
        figures = await it.figures()
        assert figures("retry_attempts_total", operation="resume") == 1
        assert figures("retry_attempts_total") == 1


async def test_a_stream_that_falls_silent_after_20_tokens_goes_on_elsewhere(autojump_clock: MockClock) -> None:
    async with running() as it:
        it.openai.plays(streams(*TOKENS[:20], then=stalls))
        it.deepseek.plays(rest_of(TOKENS))

        reply = await it.ask(BACKED_STREAM)

        assert trio.current_time() == 20 + 30 + 41
        assert texts(reply) == "".join(TOKENS)
        assert it.openai.asked[0].closed_at == 50
        await check_said(it, provider="deepseek", operations=["resume"])


async def test_a_malformed_event_is_left_out_and_the_rest_kept(autojump_clock: MockClock) -> None:
    """It is no piece of the answer: the client gets all of that, and the operator hears of it."""
    async with running() as it:

        async def stutters(asked: Asked) -> None:
            await asked.send_chunk(b"data: {oops\n\n")
            await asked.send_chunk(chunk("lo."))
            await ends(asked)

        it.openai.plays(streams("Hel", then=stutters))

        reply = await it.ask(STREAMED)

        assert trio.current_time() == 1
        assert texts(reply) == "Hello."
        assert b"oops" not in reply.body
        assert len(it.openai.asked) == 1
        assert (await it.figures())("llm_errors_total", provider="openai", type="malformed_event") == 1
        await check_said(it, provider="openai", operations=[])


async def test_a_piece_of_the_answer_that_nobody_can_read_is_said_by_another(autojump_clock: MockClock) -> None:
    """Left out, the answer would not be whole."""
    async with running() as it:

        async def garbles(asked: Asked) -> None:
            await trio.sleep(1)
            await asked.send_chunk(b'data: {"choices":[{"index":0,"delta":{"content":" wor\n\n')
            await asked.send_chunk(chunk("ld."))
            await ends(asked)

        it.openai.plays(streams("Hello", then=garbles))
        it.deepseek.plays(rest_of(["Hello", " world."]))

        reply = await it.ask(BACKED_STREAM)

        assert texts(reply) == "Hello world."
        await check_said(it, provider="deepseek", operations=["resume"])


@pytest.mark.parametrize(
    ("then", "at"),
    [("closes", 2), ("stays open", 7)],
)
async def test_a_stream_without_done_ends_promptly_with_its_usage(
    autojump_clock: MockClock, then: str, at: int
) -> None:
    """With the connection, or a few seconds after the last word where that stays open."""
    async with running() as it:

        async def forgets(asked: Asked) -> None:
            await asked.send_chunk(FINISH + USAGE)
            if then == "closes":
                await asked.send(b"0\r\n\r\n")
            else:
                await trio.sleep_forever()

        it.openai.plays(streams("Hel", "lo.", then=forgets))

        reply = await it.ask({**STREAMED, "stream_options": {"include_usage": True}})

        assert trio.current_time() == at
        assert texts(reply) == "Hello."
        assert list(data_of(reply.body))[-2]["usage"]["total_tokens"] == 12
        await check_said(it, provider="openai", operations=[])
        assert it.logged("request")[0]["completion_tokens"] == 3


async def test_after_its_first_content_an_answer_is_neither_hedged_nor_tried_again(autojump_clock: MockClock) -> None:
    """A word every 20 s: slower than a hedge waits, faster than the idle limit."""
    async with running() as it:
        it.openai.plays(streams("Hel", "lo", ".", every_s=9), streams("Hel", every_s=9, then=slowly))

        await it.ask(BACKED_STREAM)
        await it.ask(BACKED_STREAM)

        assert trio.current_time() == 27 + 9 + 20
        assert (len(it.openai.asked), len(it.deepseek.asked)) == (2, 0)
        assert (await it.figures())("retry_attempts_total") == 0


# What a model will not take.


@pytest.mark.parametrize("window", [200_000, 1_000], ids=["larger", "smaller"])
async def test_what_exceeds_a_window_goes_to_a_larger_one_only(autojump_clock: MockClock, window: int) -> None:
    """Never to the same model again."""
    too_long = f"""
[models.long]
target = "openai/gpt-4o"
context_window = 128_000
fallbacks = ["other"]
[models.other]
target = "deepseek/deepseek-chat"
context_window = {window}
"""
    async with running(too_long) as it:
        it.openai.plays(exceeds)

        reply = await it.ask({**QUESTION, "model": "long"})

        assert trio.current_time() == 0
        assert len(it.openai.asked) == 1
        if window > 128_000:
            assert (reply.status, reply.header("x-gateway-provider")) == (200, "deepseek")
            await check_said(it, provider="deepseek", operations=["fallback"])
        else:
            assert (reply.status, reply.error["code"]) == (400, "context_length_exceeded")
            assert it.deepseek.asked == []
            await check_said(it, provider="openai", operations=[], error="upstream_400")


# Over time.


OUTAGES: dict[str, OSError | None] = {
    "503": None,
    "no name": socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"),
    "wrong certificate": ssl.SSLCertVerificationError(1, "certificate verify failed"),
}


@pytest.mark.parametrize("outage", OUTAGES)
async def test_a_primary_that_is_down_for_a_minute_is_served_for_and_comes_back(
    autojump_clock: MockClock, outage: str
) -> None:
    """A request a second until it is long back: all are answered, few reach the primary while it is down."""
    async with running() as it:

        async def down_for_a_minute(asked: Asked) -> None:
            await (fails(503) if asked.at < 60 else answers())(asked)

        it.openai.plays(down_for_a_minute)
        it.network.fail("openai.test", 80, OUTAGES[outage])
        served: list[tuple[float, str | None]] = []
        for second in range(85):
            await trio.sleep_until(second)
            if second == 60:
                tried = it.network.connects.count(("openai.test", 80))
                it.network.fail("openai.test", 80, None)
            reply = await it.ask(BACKED)
            assert reply.status == 200
            served.append((second, reply.header("x-gateway-provider")))

        during = [asked for asked in it.openai.asked if asked.at < 60]
        assert len(during) + tried <= 5 + 6  # what opened the breaker, and its probes
        back = min(second for second, provider in served if second >= 60 and provider == "openai")
        assert back <= 75  # a breaker is open for 15 s at most
        assert all(provider == "openai" for second, provider in served if second > back)
        it.assert_at_rest()


async def test_a_total_outage_is_not_fed_by_retries(autojump_clock: MockClock) -> None:
    """A hundred models, so that no breaker helps: each is asked once, and a fifth of them again, and three."""
    async with running() as it:
        it.openai.plays(fails(503))

        for number in range(100):
            assert (await it.ask({**QUESTION, "model": f"gpt-{number}"})).status == 503

        assert len(it.openai.asked) == 1.2 * 100 + 3
        figures = await it.figures()
        assert figures("retry_attempts_total", provider="openai", operation="retry") == 23
        assert figures("retry_attempts_total") == 23


async def test_nor_where_all_providers_are_out(autojump_clock: MockClock) -> None:
    """The first attempt on the fallback counts there as a first one."""
    async with running() as it:
        it.openai.plays(fails(503))
        it.deepseek.plays(fails(503))

        replies = [await it.ask(BACKED) for _ in range(50)]

        assert {reply.status for reply in replies} == {503}
        for upstream in (it.openai, it.deepseek):
            assert len(upstream.asked) <= 1.2 * 50 + 3
            assert len(upstream.asked) == 5  # then its breaker is open
        it.assert_at_rest()


# Scripts and checks.


def rest_of(tokens: list[str]) -> Script:
    """What follows the beginning that it is given, one a second."""

    async def script(asked: Asked) -> None:
        last = asked.json["messages"][-1]
        begun = last["content"] if last["role"] == "assistant" else ""
        await streams(*re.findall(r"\s*\S+", "".join(tokens)[len(begun) :]))(asked)

    return script


async def slowly(asked: Asked) -> None:
    await trio.sleep(20)
    await asked.send_chunk(chunk("lo."))
    await ends(asked)


async def exceeds(asked: Asked) -> None:
    body = b'{"error":{"message":"too long","type":"invalid_request_error","code":"context_length_exceeded"}}'
    await asked.send_head(400, b"content-type: application/json", b"content-length: %d" % len(body))
    await asked.send(body)


def texts(reply: Reply) -> str:
    """What a whole stream says; it must look whole."""
    *events, done = data_of(reply.body)
    assert (reply.status, done) == (200, "[DONE]")
    return texts_of(events)


def delays(it: Running) -> list[float]:
    return [line["delay_s"] for line in it.logged("attempt repeated")]


async def check_said(it: Running, *, provider: str, operations: list[str], error: str | None = None) -> None:
    """One line a request, one line and one count a further attempt; nothing is left."""
    await trio.testing.wait_all_tasks_blocked()
    (line,) = it.logged("request")
    assert (line["provider"], line["error"]) == (provider, error)
    assert (line["attempts"], line["operation"]) == (1 + len(operations), ["first", *operations][-1])
    assert [each["operation"] for each in it.logged("attempt repeated")] == operations
    figures = await it.figures()
    for operation in ("retry", "fallback", "hedge", "resume"):
        assert figures("retry_attempts_total", operation=operation) == operations.count(operation)
    it.assert_at_rest()
