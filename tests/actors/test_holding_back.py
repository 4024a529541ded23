"""Who has to wait or is refused: permits, rates, tokens, bytes, full mailboxes, client keys. In virtual time."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from actors.admission import ROOM_LOOK_S
from actors.attempt import Attempt
from actors.buckets import RateLimits
from actors.client_account import ClientLimits
from actors.errors import DeadlineExceeded, NeverFits, Overloaded, RateLimited
from actors.letters import Candidate, Priority, Timeouts
from actors.router import RouterSettings
from tests.actors.failures import BadRequest
from tests.actors.house import House, answers, streams


async def test_waiters_are_served_in_order_of_priority_then_arrival(autojump_clock: MockClock) -> None:
    """One permit, six waiters: high before normal before low, FIFO within each."""
    order: list[str] = []
    async with House({"a": [answers("x", after_s=1)]}, settings={"a": {"max_concurrent": 1}}).running() as house:

        async def ask(name: str, priority: Priority) -> None:
            await house.ask(priority=priority)
            order.append(f"{name} at {trio.current_time() - start:g}")

        start = trio.current_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(house.ask)
            await trio.testing.wait_all_tasks_blocked()
            for name, priority in (
                ("low1", Priority.LOW),
                ("normal1", Priority.NORMAL),
                ("high1", Priority.HIGH),
                ("normal2", Priority.NORMAL),
                ("high2", Priority.HIGH),
            ):
                nursery.start_soon(ask, name, priority)
                await trio.testing.wait_all_tasks_blocked()
        assert order == ["high1 at 2", "high2 at 3", "normal1 at 4", "normal2 at 5", "low1 at 6"]
        house.assert_at_rest()


async def test_a_waiter_is_told_when_its_patience_ends(autojump_clock: MockClock) -> None:
    """Ten seconds in the queue for a permit that never comes free: Overloaded at exactly 10 s."""
    async with House({"a": [answers("x", after_s=100)]}, settings={"a": {"max_concurrent": 1}}).running() as house:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(house.ask)
            await trio.testing.wait_all_tasks_blocked()
            start = trio.current_time()
            with pytest.raises(Overloaded, match="concurrent calls"):
                await house.ask()
            assert trio.current_time() - start == 10
        house.assert_at_rest()


async def test_a_request_waits_for_its_rate_and_starts_at_that_second(autojump_clock: MockClock) -> None:
    """60 a minute with all 60 used: the next one starts exactly 1 s later."""
    async with House({"a": [answers("x")]}, settings={"a": {"limits": limits(requests=60)}}).running() as house:
        start = trio.current_time()
        for _ in range(61):
            await house.ask()
        assert trio.current_time() - start == 1
        house.assert_at_rest()


async def test_tokens_are_reserved_then_settled_and_refunded_when_never_sent(autojump_clock: MockClock) -> None:
    """Sent: what was used is charged. Never sent: all comes back. Sent but unknown: the reservation is charged."""

    async def uses_30(attempt: object) -> str:
        attempt.sent()  # type: ignore[attr-defined]  # the house hands in attempts
        attempt.spent_tokens = 30  # type: ignore[attr-defined]
        return "x"

    async def never_sent(attempt: object) -> str:
        raise BadRequest("refused before it was sent")

    scripts = [uses_30, never_sent, answers("unknown")]
    async with House({"a": scripts}, settings={"a": {"limits": limits(tokens=6000)}}).running() as house:
        await house.ask(tokens=1000)
        assert house.tokens_left("a") == 5970
        with pytest.raises(BadRequest):
            await house.ask(tokens=1000)
        assert house.tokens_left("a") == 5970
        await house.ask(tokens=1000)
        assert house.tokens_left("a") == 4970


async def test_a_waiting_model_does_not_hold_up_another(autojump_clock: MockClock) -> None:
    """Model m is at its own limit; n, which came later, is served at once."""
    model_limits = {"model_limits": {"m": limits(requests=1)}}
    patient = Timeouts(queue_s=90)
    async with House({"a": [answers("x")]}, settings={"a": model_limits}, timeouts=patient).running() as house:
        await house.ask()
        async with trio.open_nursery() as nursery:
            slow = house.call()
            nursery.start_soon(house.ask, slow)
            await trio.testing.wait_all_tasks_blocked()
            house.candidates = [Candidate(provider="a", model="n")]
            start = trio.current_time()
            await house.ask()
            assert trio.current_time() == start
            nursery.cancel_scope.cancel()
        house.assert_at_rest()


async def test_a_full_mailbox_sends_the_call_elsewhere_or_refuses_it(autojump_clock: MockClock) -> None:
    """a does not read its two places: the third call goes to b at once; without b it is Overloaded at once."""
    async with House({"b": [answers("b")]}, mailbox_capacity=2).running() as house:
        house.scripts["a"] = [answers("a")]
        house.make_provider("a")
        house.candidates = [Candidate(provider="a", model="m"), Candidate(provider="b", model="m")]
        async with trio.open_nursery() as nursery:
            for _ in range(2):
                nursery.start_soon(house.ask)
            await trio.testing.wait_all_tasks_blocked()
            start = trio.current_time()
            assert await house.ask() == "b"
            house.candidates = [Candidate(provider="a", model="m")]
            with pytest.raises(Overloaded, match="2 letters"):
                await house.ask()
            assert trio.current_time() == start
            assert house.providers["a"].mailbox.statistics().refused == 2
            nursery.cancel_scope.cancel()


async def test_memory_is_a_limit_to_wait_for_and_a_giant_is_refused(autojump_clock: MockClock) -> None:
    """600 of 1000 bytes are held for 3 s: the next 600 wait exactly that long; 1001 never fit and are told so."""
    async with House({"a": [answers("x", after_s=3)]}, settings={"a": {"memory_bytes": 1000}}).running() as house:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lambda: house.ask(size_bytes=600))
            await trio.testing.wait_all_tasks_blocked()
            start = trio.current_time()
            await house.ask(size_bytes=600)
            assert trio.current_time() - start == 6
        with pytest.raises(NeverFits, match="1001 bytes"):
            await house.ask(size_bytes=1001)
        house.assert_at_rest()


@pytest.mark.parametrize("deadline_s", [600.0, 1.0], ids=["left", "expired"])
async def test_who_goes_from_the_head_of_the_queue_holds_up_nobody_behind(
    autojump_clock: MockClock, deadline_s: float
) -> None:
    """900 of 1000 bytes do not fit beside 600 that take 9 s; after 1 s they go, and the 300 behind begin then."""
    async with House({"a": [answers("x", after_s=9)]}, settings={"a": {"memory_bytes": 1000}}).running() as house:

        async def want_too_much() -> None:
            with trio.move_on_after(1), suppress(DeadlineExceeded):
                await house.ask(size_bytes=900, deadline_s=deadline_s)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(lambda: house.ask(size_bytes=600))
            await trio.testing.wait_all_tasks_blocked()
            start = trio.current_time()
            nursery.start_soon(want_too_much)
            await trio.testing.wait_all_tasks_blocked()
            await house.ask(size_bytes=300)
            assert trio.current_time() - start == 1 + 9
        house.assert_at_rest()


async def test_what_a_streams_reader_frees_lets_the_next_one_in_within_a_tenth_of_a_second(
    autojump_clock: MockClock,
) -> None:
    """500 bytes lie in a relay from 2 s on and are read at 3 s; the stream itself goes on for ever."""
    script, settings = streams(b"x" * 500, b"x" * 500), {"memory_bytes": 1000, "stream_bytes": 0}

    async def for_ever(attempt: Attempt) -> Any:
        await script(attempt)
        await trio.sleep_forever()

    house = House({"a": [for_ever, answers("x")]}, settings={"a": settings})
    async with house.running(), trio.open_nursery() as nursery:
        nursery.start_soon(partial(house.read, pause_s=2.0))
        await trio.sleep(2.5)  # the second piece is there, and the first one's reader pauses
        start = trio.current_time()
        await house.ask(size_bytes=600)
        assert 0.5 <= trio.current_time() - start <= 0.5 + ROOM_LOOK_S
        nursery.cancel_scope.cancel()


async def test_a_client_key_has_limits_of_its_own(autojump_clock: MockClock) -> None:
    """Two at a time for this key: the third is refused at once, another key is not, and a permit comes back."""
    router = RouterSettings(clients={"acme": ClientLimits(max_concurrent=2, tokens_per_minute=100)})
    async with House({"a": [answers("x", after_s=5)]}, router=router).running() as house:
        async with trio.open_nursery() as nursery:
            for _ in range(2):
                nursery.start_soon(lambda: house.ask(client="acme"))
            await trio.testing.wait_all_tasks_blocked()
            with pytest.raises(RateLimited, match="2 calls at a time"):
                await house.ask(client="acme")
            await house.ask(client="other")
        with pytest.raises(RateLimited, match="tokens a minute"):
            await house.ask(client="acme", tokens=99)
        assert await house.ask(client="acme", tokens=50) == "x"
        house.assert_at_rest()


async def test_an_answer_that_is_paid_for_is_charged_past_the_limit_not_thrown_away(autojump_clock: MockClock) -> None:
    """A budget of 1000 bytes, a request of 600 and an answer of 5000: delivered, counted, and given back."""

    async def answers_at_length(attempt: Attempt) -> bytes:
        attempt.sent()
        attempt.hold(5000)
        return b"x" * 5000

    async with House({"a": [answers_at_length]}, settings={"a": {"memory_bytes": 1000}}).running() as house:
        assert len(await house.ask(size_bytes=600)) == 5000
        assert house.providers["a"].admission.memory.peak == 5600
        house.assert_at_rest()


def limits(*, requests: float | None = None, tokens: float | None = None) -> RateLimits:
    return RateLimits(requests_per_minute=requests, tokens_per_minute=tokens)
