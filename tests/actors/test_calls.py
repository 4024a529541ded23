"""Stories of single calls through a router and its providers, in virtual time."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from actors.attempt import Attempt, Outcome
from actors.errors import (
    Blame,
    CallCrashed,
    DeadlineExceeded,
    Failure,
    Overloaded,
    RateLimited,
    TimedOut,
    Unavailable,
)
from actors.events import BreakerMoved, CallCrash, LateSettlement, Retried
from actors.letters import Candidate, Priority, Timeouts
from actors.policy.breaker import Phase
from actors.policy.retry_plan import RetrySettings
from actors.router import RouterSettings
from tests.actors.house import House, answers, fails, silent, streams

EXACT = RouterSettings(retry=RetrySettings(backoff_base_s=0.0))
"""Retries without a random pause, so that times can be asserted."""


class ServerError(Failure):
    retryable = True
    blame = Blame.MODEL


class BadRequest(Failure):
    pass


class Throttled(Failure):
    retryable = True
    throttled = True


class TooLong(Failure):
    wants_window = True


async def test_a_plain_call_is_answered_by_the_provider_in_no_virtual_time(autojump_clock: MockClock) -> None:
    """Asker, router, provider and back; afterwards nothing is held."""
    async with House({"a": [answers("hello")]}).running() as house:
        start = trio.current_time()
        assert await house.ask() == "hello"
        assert trio.current_time() == start
        house.assert_at_rest()
        assert house.outcomes() == [("a", "ok")]


async def test_a_failure_that_is_nobodys_to_retry_reaches_the_asker_at_once(autojump_clock: MockClock) -> None:
    """One attempt, no second candidate asked."""
    async with House({"a": [fails(BadRequest("no such field"))], "b": [answers("never")]}).running() as house:
        with pytest.raises(BadRequest, match="no such field"):
            await house.ask()
        house.assert_at_rest()
        assert [name for name, _ in house.played] == ["a"]


async def test_a_retry_comes_after_its_backoff_on_the_same_candidate(autojump_clock: MockClock) -> None:
    """Two server errors, then the answer; the pauses are random but within their bounds, and repeat with the seed."""
    times = []
    for _ in range(2):
        scripts = [fails(ServerError("500")), fails(ServerError("500")), answers("third")]
        async with House({"a": scripts}).running() as house:
            start = trio.current_time()
            assert await house.ask() == "third"
            times.append([at - start for _, at in house.played])
            assert [type(event) for event in house.events].count(Retried) == 2
            house.assert_at_rest()
    assert times[0] == pytest.approx(times[1])
    assert 0 < times[0][1] < 0.5
    assert 0 < times[0][2] - times[0][1] < 1.0


async def test_after_three_attempts_the_next_candidate_is_asked(autojump_clock: MockClock) -> None:
    """Three times a, then b answers; the call knows all four attempts."""
    async with House({"a": [fails(ServerError("500"))], "b": [answers("b")]}, router=EXACT).running() as house:
        call = house.call()
        assert await house.ask(call) == "b"
        assert [attempt.operation for attempt in call.attempts] == ["first", "retry", "retry", "fallback"]
        house.assert_at_rest()


async def test_a_total_outage_is_told_and_does_not_hammer(autojump_clock: MockClock) -> None:
    """Fifty calls into a dead provider: attempts stay within 1.2 of first attempts plus 3, and each gets the truth."""
    async with House({"a": [fails(ServerError("500"))]}, router=EXACT).running() as house:
        for _ in range(50):
            with pytest.raises((ServerError, Unavailable)):
                await house.ask()
        assert len(house.played) <= 1.2 * 50 + 3
        house.assert_at_rest()


async def test_what_a_breaker_refuses_pays_for_no_retries(autojump_clock: MockClock) -> None:
    """Two calls fail five times, three of them as retries; fifty-one more never reach the provider."""
    async with House({"a": [fails(ServerError("500"))]}, router=EXACT).running() as house:
        for calls in (3, 50):
            for _ in range(calls):
                with pytest.raises((ServerError, Unavailable)):
                    await house.ask()
            assert len(house.played) == 5
            assert house.router.view()["retry_budgets"]["a"] == 0.4, "3 + 2 * 0.2 - 3"
        house.assert_at_rest()


async def test_a_429_is_waited_out_for_as_long_as_it_says(autojump_clock: MockClock) -> None:
    """Retry-After of 2 s: the same candidate is asked again at exactly 2 s."""
    throttled = Throttled("slow down", retry_after=2)
    async with House({"a": [fails(throttled), answers("ok")], "b": [answers("b")]}).running() as house:
        start = trio.current_time()
        assert await house.ask() == "ok"
        assert trio.current_time() - start == 2
        house.assert_at_rest()


async def test_a_429_that_asks_for_long_sends_the_call_and_the_next_one_elsewhere(autojump_clock: MockClock) -> None:
    """Retry-After of 60 s: the next candidate answers at once, and until then the key is left alone."""
    throttled = Throttled("slow down", retry_after=60)
    async with House({"a": [fails(throttled), answers("a")], "b": [answers("b")]}).running() as house:
        start = trio.current_time()
        assert await house.ask() == "b"
        assert await house.ask() == "b"
        assert trio.current_time() == start
        assert [name for name, _ in house.played] == ["a", "b", "b"]
        assert house.providers["a"].view()["keys"] == [{"label": "default", "state": "cooling_down", "cooldown_s": 60}]
        await trio.sleep(60)
        assert await house.ask() == "a"
        house.assert_at_rest()


async def test_a_429_that_cannot_be_waited_out_in_time_is_told_at_once(autojump_clock: MockClock) -> None:
    """Without Retry-After the key is left alone for 1 s; a caller with 0.8 s hears of the 429 in time."""
    throttled = Throttled("slow down")
    async with House({"a": [fails(throttled), answers("too late")]}).running() as house:
        start = trio.current_time()
        with pytest.raises(Throttled):
            await house.ask(deadline_s=0.8)
        assert trio.current_time() - start < 0.8
        assert [name for name, _ in house.played] == ["a"]
        house.assert_at_rest()


async def test_a_context_too_long_goes_only_to_a_larger_window(autojump_clock: MockClock) -> None:
    """The second candidate's window is no larger: it is skipped."""
    candidates = [
        Candidate(provider="a", model="m", window=100),
        Candidate(provider="b", model="m", window=100),
        Candidate(provider="c", model="m", window=None),
    ]
    scripts = {"a": [fails(TooLong("too long"))], "b": [answers("b")], "c": [answers("c")]}
    async with House(scripts, candidates=candidates).running() as house:
        assert await house.ask() == "c"
        assert [name for name, _ in house.played] == ["a", "c"]


async def test_the_deadline_ends_a_call_at_its_very_second_wherever_it_is(autojump_clock: MockClock) -> None:
    """At work, among the waiters, or in a backoff: DeadlineExceeded at exactly 7 s, and nothing stays held."""
    for scripts, settings in (
        ([silent()], {}),
        ([answers("x", after_s=100)], {"max_concurrent": 1}),
    ):
        async with House({"a": scripts}, settings={"a": settings}).running() as house:
            async with trio.open_nursery() as nursery:
                if settings:
                    nursery.start_soon(house.ask)
                    await trio.testing.wait_all_tasks_blocked()
                start = trio.current_time()
                with pytest.raises(DeadlineExceeded):
                    await house.ask(deadline_s=7)
                assert trio.current_time() - start == 7
            house.assert_at_rest()


async def test_a_retry_that_cannot_fit_the_deadline_is_not_started(autojump_clock: MockClock) -> None:
    """Retry-After of 3 s with 2 s left: the asker learns of it at once."""
    async with House({"a": [fails(Throttled("slow down", retry_after=3))]}).running() as house:
        start = trio.current_time()
        with pytest.raises(Throttled):
            await house.ask(deadline_s=2)
        assert trio.current_time() == start
        assert len(house.played) == 1


async def test_a_silent_provider_is_not_asked_again(autojump_clock: MockClock) -> None:
    """Nothing for 60 s: the next candidate is asked, at exactly 60 s."""
    async with House({"a": [silent()], "b": [answers("b")]}).running() as house:
        start = trio.current_time()
        assert await house.ask() == "b"
        assert [(name, at - start) for name, at in house.played] == [("a", 0), ("b", 60)]
        failure = house.calls[0].attempts[0].failure
        assert isinstance(failure, TimedOut)


async def test_a_crash_in_a_call_is_its_own(autojump_clock: MockClock) -> None:
    """A bug in one call is a 500 for that call; its neighbour in flight is answered, the actor lives on."""

    async def bug(attempt: object) -> None:
        raise ZeroDivisionError("a bug")

    async with House({"a": [answers("slow", after_s=5), bug, answers("after")]}).running() as house:
        neighbour = []

        async def ask() -> None:
            neighbour.append(await house.ask())

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            await trio.testing.wait_all_tasks_blocked()
            with pytest.raises(CallCrashed):
                await house.ask()
        assert neighbour == ["slow"]
        assert await house.ask() == "after"
        assert [str(event.error) for event in house.events if isinstance(event, CallCrash)] == ["a bug"]
        house.assert_at_rest()


async def test_five_failures_open_the_breaker_and_one_probe_closes_it(autojump_clock: MockClock) -> None:
    """While it is open nobody is sent; after its cooldown one probe finds that the model is back."""
    router = RouterSettings(retry=RetrySettings(attempts=1))
    async with House({"a": [fails(ServerError("500"))] * 5 + [answers("back")]}, router=router).running() as house:
        for _ in range(5):
            with pytest.raises(ServerError):
                await house.ask()
        with pytest.raises(Unavailable) as refusal:
            await house.ask()
        assert len(house.played) == 5
        assert refusal.value.retry_after is not None
        await trio.sleep(refusal.value.retry_after)
        assert await house.ask() == "back"
        moves = [(event.model, event.before, event.after) for event in house.events if isinstance(event, BreakerMoved)]
        assert moves == [
            ("m", Phase.CLOSED, Phase.OPEN),
            ("m", Phase.OPEN, Phase.PROBING),
            ("m", Phase.PROBING, Phase.CLOSED),
        ]


async def test_a_sick_model_does_not_close_the_road_to_its_neighbour(autojump_clock: MockClock) -> None:
    """Model m fails until its breaker opens; model n at the same provider is served."""
    async with House({"a": [fails(ServerError("500"))] * 5 + [answers("n is fine")]}, router=EXACT).running() as house:
        for _ in range(3):
            with pytest.raises((ServerError, Unavailable)):
                await house.ask()
        assert house.providers["a"].view()["breakers"]["m"]["state"] == "open"
        house.candidates = [Candidate(provider="a", model="n")]
        assert await house.ask() == "n is fine"


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
        with pytest.raises(Overloaded, match="1001 bytes"):
            await house.ask(size_bytes=1001)
        house.assert_at_rest()


async def test_a_client_key_has_limits_of_its_own(autojump_clock: MockClock) -> None:
    """Two at a time for this key: the third is refused at once, another key is not, and a permit comes back."""
    from actors.plan import ClientLimits

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


async def test_a_hedge_starts_beside_an_accepted_but_silent_candidate(autojump_clock: MockClock) -> None:
    """Accepted at 0, silent: at exactly 10 s b is asked too, wins at 11 s, and a is cancelled at that second."""
    async with House({"a": [silent(accepted=True)], "b": [streams(b"b", b"!")]}).running() as house:
        start = trio.current_time()
        call = house.call(stream=True)
        assert await house.read(call) == b"b!"
        assert [(name, at - start) for name, at in house.played] == [("a", 0), ("b", 10)]
        loser, winner = call.attempts
        assert (loser.outcome, winner.outcome) == (Outcome.SUPERSEDED, Outcome.OK)
        assert loser.ended_at is not None
        assert loser.ended_at - start == 11
        house.assert_at_rest()


async def test_a_hedge_waits_for_acceptance(autojump_clock: MockClock) -> None:
    """Accepted only at 3 s: the hedge starts at exactly 13 s; not accepted at all, there is none."""

    async def accepts_at_3(attempt: object) -> None:
        attempt.sent()  # type: ignore[attr-defined]  # the house hands in attempts
        await trio.sleep(3)
        attempt.accepted()  # type: ignore[attr-defined]
        await trio.sleep_forever()

    async with House({"a": [accepts_at_3], "b": [streams(b"b")]}).running() as house:
        start = trio.current_time()
        assert await house.read() == b"b"
        assert [at - start for _, at in house.played] == [0, 13]
        house.assert_at_rest()
    async with House({"a": [silent(allowed_s=40)], "b": [streams(b"b")]}).running() as house:
        start = trio.current_time()
        assert await house.read() == b"b"
        assert [at - start for _, at in house.played] == [0, 40]


async def test_a_hedge_loser_that_ends_later_does_not_hold_up_a_resume(autojump_clock: MockClock) -> None:
    """The winner of a hedge breaks; a third candidate goes on."""
    scripts = {
        "a": [silent(accepted=True)],
        "b": [streams(b"1", b"2", then=ServerError("cut"), resumable=True)],
        "c": [fails(ServerError("500"))],
        "d": [streams(b"1", b"2", b"3")],
    }
    async with House(scripts, router=EXACT).running() as house:
        assert await house.read() == b"123"
        house.assert_at_rest()


async def test_a_hedge_loser_whose_content_is_here_in_that_very_step_stays_one(autojump_clock: MockClock) -> None:
    """The winner breaks at once, so that the answer is free to be taken again: only by who is asked to go on."""
    content = trio.Event()

    async def begins_and_breaks(attempt: Attempt) -> None:
        attempt.accepted()
        await trio.sleep(12)
        content.set()
        attempt.commit("head")
        attempt.write_nowait(b"1")
        attempt.delivered = 1
        raise ServerError("cut")

    async def comes_too_late(attempt: Attempt) -> None:
        await content.wait()
        attempt.commit("head")
        await attempt.write(b"another answer")

    scripts = {"a": [begins_and_breaks], "b": [comes_too_late, streams(b"1", b"2")]}
    async with House(scripts).running() as house:
        with trio.fail_after(60):
            assert await house.read() == b"12"
        assert [name for name, _ in house.played] == ["a", "b", "b"]
        assert house.outcomes() == [("a", "broken"), ("b", "superseded"), ("b", "ok")]
        house.assert_at_rest()


async def test_an_asker_who_leaves_frees_everything_in_that_second(autojump_clock: MockClock) -> None:
    """At work, waiting, in a backoff, hedged, streaming into a full relay: all back at once."""
    stories = {
        "at work": House({"a": [silent()]}),
        "in a backoff": House({"a": [fails(Throttled("slow down", retry_after=4))]}),
        "hedged": House(
            {"a": [silent(accepted=True)], "b": [silent(accepted=True)]}, timeouts=Timeouts(hedge_after_s=1)
        ),
    }
    for name, house in stories.items():
        async with house.running():
            with trio.move_on_after(2):
                await house.read()
            await trio.testing.wait_all_tasks_blocked()
            house.assert_at_rest()
            assert len(house.router._timers) == 0, name


async def test_a_slow_reader_holds_the_writer_not_memory(autojump_clock: MockClock) -> None:
    """A reader that takes a second a piece slows a writer of a hundred; nothing is lost, the relay stays bounded."""
    pieces = [bytes([65 + index % 26]) * 1000 for index in range(100)]
    async with House({"a": [streams(*pieces, every_s=0)]}).running() as house:
        call = house.call(stream=True, limit_chunks=4)
        assert await house.read(call, pause_s=1) == b"".join(pieces)
        assert house.providers["a"].admission.memory.peak <= 100 + 40 * 1024 + 5000
        house.assert_at_rest()


async def test_a_settlement_that_comes_too_late_is_counted_not_delivered(autojump_clock: MockClock) -> None:
    """The asker has gone, yet its work shields itself and fails afterwards: the router only counts it."""

    async def stubborn(attempt: object) -> None:
        with trio.CancelScope(shield=True):
            await trio.sleep(5)
        raise ServerError("late")

    async with House({"a": [stubborn]}).running() as house:
        with trio.move_on_after(1):
            await house.ask()
        await trio.sleep(10)
        assert house.router.late == 1
        assert [type(event) for event in house.events].count(LateSettlement) == 1
        house.assert_at_rest()


def limits(*, requests: float | None = None, tokens: float | None = None) -> object:
    from actors.buckets import RateLimits

    return RateLimits(requests_per_minute=requests, tokens_per_minute=tokens)


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
