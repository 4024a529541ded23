"""Streams through a router and its providers: whole, broken, continued, read slowly. In virtual time."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from actors.errors import CallCrashed
from tests.actors.failures import EXACT, BadRequest, ServerError
from tests.actors.house import House, answers, fails, streams


async def test_a_stream_is_delivered_whole_and_its_permit_comes_back(autojump_clock: MockClock) -> None:
    """Three pieces, a second apart."""
    async with House({"a": [streams(b"1", b"2", b"3")]}).running() as house:
        start = trio.current_time()
        assert await house.read() == b"123"
        assert trio.current_time() - start == 3
        house.assert_at_rest()


async def test_a_stream_that_fails_before_content_is_retried_unseen(autojump_clock: MockClock) -> None:
    """The asker sees one whole answer; the first attempt's failure stands in the report."""
    async with House({"a": [fails(ServerError("500")), streams(b"1", b"2")]}, router=EXACT).running() as house:
        assert await house.read() == b"12"
        assert house.outcomes() == [("a", "failed"), ("a", "ok")]
        house.assert_at_rest()


async def test_a_stream_that_ends_without_any_content_is_a_failure_not_a_hang(autojump_clock: MockClock) -> None:
    """Work that returns without a commit has broken its contract: its asker is told at once."""

    async def empty(attempt: object) -> None:
        return None

    async with House({"a": [empty]}).running() as house:
        with pytest.raises(CallCrashed):
            await house.read()
        house.assert_at_rest()


async def test_a_broken_stream_goes_on_elsewhere_without_losing_or_repeating(autojump_clock: MockClock) -> None:
    """a breaks after two of four pieces; b continues; the asker has each piece once."""
    broken = streams(b"1", b"2", then=ServerError("cut"), resumable=True)
    async with House({"a": [broken], "b": [streams(b"1", b"2", b"3", b"4")]}).running() as house:
        call = house.call(stream=True)
        assert await house.read(call) == b"1234"
        assert [attempt.operation for attempt in call.attempts] == ["first", "resume"]
        assert house.outcomes() == [("a", "broken"), ("b", "ok")]
        house.assert_at_rest()


async def test_a_broken_stream_that_nobody_can_continue_ends_with_the_truth(autojump_clock: MockClock) -> None:
    """What came before the cut is delivered, then the failure; never a clean end."""
    for scripts in (
        {"a": [streams(b"1", b"2", then=ServerError("cut"))], "b": [answers(b"never")]},
        {"a": [streams(b"1", b"2", then=ServerError("cut"), resumable=True)]},
        {"a": [streams(b"1", b"2", then=ServerError("cut"), resumable=True)], "b": [fails(BadRequest("no prefix"))]},
    ):
        async with House(scripts).running() as house:
            call = house.call(stream=True)
            assert call.relay is not None
            await house.router.ask(call)
            assert await call.relay.receive() == b"1"
            assert await call.relay.receive() == b"2"
            with pytest.raises(ServerError, match="cut"):
                await call.relay.receive()
            house.router.leave(call)
            house.assert_at_rest()


async def test_a_slow_reader_holds_the_writer_not_memory(autojump_clock: MockClock) -> None:
    """A reader that takes a second a piece slows a writer of a hundred; nothing is lost, the relay stays bounded."""
    pieces = [bytes([65 + index % 26]) * 1000 for index in range(100)]
    async with House({"a": [streams(*pieces, every_s=0)]}).running() as house:
        call = house.call(stream=True, limit_chunks=4)
        assert await house.read(call, pause_s=1) == b"".join(pieces)
        assert house.providers["a"].admission.memory.peak <= 100 + 40 * 1024 + 5000
        house.assert_at_rest()
