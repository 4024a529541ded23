"""Time limits over the whole path, to the virtual second."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from tests.whole.gateways import CHAT, ENGINES, QUESTION, STREAMED, Running, data_of, running
from tests.whole.upstream import answers, fails, is_cut, stalls, streams, texts_of

on_every_engine = pytest.mark.parametrize("engine", ENGINES)
BACKED = {**QUESTION, "model": "backed"}


@on_every_engine
@pytest.mark.parametrize("question", [QUESTION, STREAMED], ids=["plain", "streamed"])
async def test_a_clients_own_timeout_ends_the_call_to_the_second(
    autojump_clock: MockClock, engine: str, question: object
) -> None:
    async with running(engine=engine) as it:
        it.openai.plays(stalls)

        reply = await it.ask(question, headers={"x-gateway-timeout": "7"})

        assert trio.current_time() == 7
        assert (reply.status, reply.error["code"]) == (504, "upstream_timeout")
        assert reply.error["message"] == (
            "The 7 s for this request were over before openai began to answer. "
            "A longer X-Gateway-Timeout, or timeout of the client, allows more, up to the configured total_s."
        )
        assert reply.header("x-should-retry") == "false"
        await check_closed(it, at=7)


@on_every_engine
@pytest.mark.parametrize("framing", ["content-length: 1000", "content-length: 1000000", "transfer-encoding: chunked"])
async def test_a_clients_own_timeout_runs_while_its_request_comes(
    autojump_clock: MockClock, engine: str, framing: str
) -> None:
    """A body that trickles in, be it small, large or of unknown length: nobody waits for its end."""
    async with running(engine=engine) as it, trio.open_nursery() as nursery:
        client = await it.connect()
        await client.send_raw(f"POST {CHAT} HTTP/1.1\r\nhost: a\r\n{framing}\r\nx-gateway-timeout: 7\r\n\r\n".encode())

        async def trickle() -> None:
            while True:
                await trio.sleep(2)
                await client.send_raw(b"1\r\n{\r\n" if "chunked" in framing else b"{")

        nursery.start_soon(trickle)
        head = await client.read_raw_head()
        nursery.cancel_scope.cancel()

        assert trio.current_time() == 7
        assert head.startswith(b"HTTP/1.1 504 ")
        assert it.openai.asked == []
        assert it.logged("request")[0]["error"] == "deadline_exceeded"


@on_every_engine
async def test_all_attempts_share_the_deadline(autojump_clock: MockClock, engine: str) -> None:
    """The first one fails after 4 s; the second would too, but 7 s is all there is."""
    async with running(engine=engine) as it:
        it.openai.plays(fails(500, after_s=4))

        reply = await it.ask(headers={"x-gateway-timeout": "7"})

        assert trio.current_time() == 7
        assert (reply.status, reply.header("x-gateway-attempts")) == (504, "2")
        assert len(it.openai.asked) == 2
        await check_closed(it, at=7)


@on_every_engine
async def test_a_stream_that_never_begins_is_ended_by_the_first_token_timeout(
    autojump_clock: MockClock, engine: str
) -> None:
    """60 s by default; a silent provider is not asked again."""
    async with running(engine=engine) as it:
        it.openai.plays(streams(then=stalls))

        reply = await it.ask(STREAMED)

        assert trio.current_time() == 60
        assert (reply.status, reply.error["code"]) == (504, "upstream_timeout")
        assert len(it.openai.asked) == 1
        await check_closed(it, at=60)


@on_every_engine
async def test_a_silent_provider_is_replaced_by_the_fallback(autojump_clock: MockClock, engine: str) -> None:
    """Nothing for 5 s from one, then the other: the client never learns."""
    async with running("[timeouts]\nfirst_token_s = 5.0\nhedge_after_s = 100.0", engine=engine) as it:
        it.openai.plays(stalls)
        it.deepseek.plays(streams("Hel", "lo."))

        reply = await it.ask({**BACKED, "stream": True})

        assert trio.current_time() == 7
        assert texts_of(list(data_of(reply.body))[:-1]) == "Hello."
        assert (reply.header("x-gateway-provider"), reply.header("x-gateway-attempts")) == ("deepseek", "2")
        await check_closed(it, at=5)


@on_every_engine
async def test_a_slow_beginning_is_hedged(autojump_clock: MockClock, engine: str) -> None:
    """Accepted at 0 and silent for 10 s: the fallback is started beside it, is faster, and the loser is closed."""
    async with running(engine=engine) as it:
        it.openai.plays(streams("too late", every_s=50))
        it.deepseek.plays(streams("Hello."))

        reply = await it.ask({**BACKED, "stream": True})

        assert trio.current_time() == 11
        assert texts_of(list(data_of(reply.body))[:-1]) == "Hello."
        assert it.deepseek.asked[0].at == 10
        await check_closed(it, at=11)
        figures = await it.figures()
        assert figures("retry_attempts_total", provider="deepseek", operation="hedge") == 1


@on_every_engine
async def test_a_stream_that_falls_silent_ends_with_an_error_event(autojump_clock: MockClock, engine: str) -> None:
    """Content at 1 s and 2 s, then nothing for the 30 s that a stream may be idle."""
    async with running(engine=engine) as it:
        it.openai.plays(streams("Hel", "lo", then=stalls))

        reply = await it.ask(STREAMED)

        assert trio.current_time() == 32
        check_broken(reply.body, "Hello", "upstream_timeout")
        await check_closed(it, at=32)


@on_every_engine
async def test_a_stream_that_is_cut_ends_with_an_error_event(autojump_clock: MockClock, engine: str) -> None:
    """A truncated answer is never presented as a finished one."""
    async with running(engine=engine) as it:
        it.openai.plays(streams("Hel", "lo", then=is_cut))

        reply = await it.ask(STREAMED)

        assert trio.current_time() == 2
        check_broken(reply.body, "Hello", "upstream_error")
        await trio.testing.wait_all_tasks_blocked()
        (line,) = it.logged("request")
        assert (line["status"], line["outcome"]) == (200, "error")
        figures = await it.figures()
        assert figures("circuit_breaker_failures_total", provider="openai", model="gpt-4o") == 1
        it.assert_at_rest()


@on_every_engine
async def test_a_stream_ends_at_its_deadline_with_an_error_event(autojump_clock: MockClock, engine: str) -> None:
    async with running(engine=engine) as it:
        it.openai.plays(streams(*"abcdefgh", every_s=2))

        reply = await it.ask(STREAMED, headers={"x-gateway-timeout": "7"})

        assert trio.current_time() == 7
        check_broken(reply.body, "abc", "upstream_timeout")
        await check_closed(it, at=7)


async def test_waiting_for_a_permit_counts(autojump_clock: MockClock) -> None:
    """One at a time: the second has waited its 10 s in the queue when the first is still at it."""
    async with running("[providers.openai]\nmax_concurrent = 1") as it, trio.open_nursery() as clients:
        it.openai.plays(answers(after_s=15))
        clients.start_soon(it.ask)
        await trio.sleep(1)

        refused = await it.ask()

        assert trio.current_time() == 11
        assert (refused.status, refused.error["code"]) == (503, "overloaded")
        assert refused.header("retry-after") == "1"
        hurried = await it.ask(headers={"x-gateway-timeout": "2"})
        assert trio.current_time() == 13
        assert hurried.status == 504
        patient = await it.ask()
        assert trio.current_time() == 30
        assert patient.status == 200


def check_broken(body: bytes, text: str, code: str) -> None:
    """The client has `text`, and an error for its end."""
    *events, last = data_of(body)
    assert texts_of(events) == text
    assert last["error"]["code"] == code
    assert b"[DONE]" not in body


async def check_closed(it: Running, *, at: float) -> None:
    """The last connection to openai was broken off then, and nothing is left of the call."""
    await trio.testing.wait_all_tasks_blocked()
    assert it.openai.asked[-1].closed_at == at
    assert all(asked.closed_at in (None, at) for asked in it.openai.asked)
    it.assert_at_rest()
