"""What follows a failed attempt: a retry, a pause, the next candidate, a breaker that opens. In virtual time."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from actors.errors import Overloaded, TimedOut, Unavailable
from actors.events import BreakerMoved, Retried
from actors.letters import Candidate
from actors.policy.breaker import Phase
from actors.policy.retry_plan import RetrySettings
from actors.router import RouterSettings
from tests.actors.failures import EXACT, ServerError, Throttled, TooLong
from tests.actors.house import House, answers, fails, silent


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


async def test_a_retry_that_a_breaker_refuses_costs_nothing_and_is_none(autojump_clock: MockClock) -> None:
    """The second of two failing calls opens the breaker with its retry; its next one is stopped there."""
    scripts = [answers("well")] * 10 + [fails(ServerError("500"))] * 5
    async with House({"a": scripts}, router=EXACT).running() as house:
        for _ in range(10):
            await house.ask()
        for _ in range(2):
            with pytest.raises((ServerError, Unavailable)):
                await house.ask()
        assert [attempt.operation for attempt in house.calls[-1].attempts] == ["first", "retry", "retry"]
        assert len(house.played) == 15
        assert [type(event) for event in house.events].count(Retried) == 3
        assert house.router.view()["retry_budgets"]["a"] == 2.4, "3 + 12 * 0.2 - 3"
        house.assert_at_rest()


async def test_a_retry_that_waits_in_vain_costs_nothing_and_is_none(autojump_clock: MockClock) -> None:
    """While it pauses somebody takes the only permit for 60 s; after 10 s in the queue nobody has been asked again."""
    scripts = [fails(ServerError("500")), answers("slow", after_s=60)]
    settings = {"a": {"max_concurrent": 1}}
    async with House({"a": scripts}, settings=settings).running() as house:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask_soon, house)
            with pytest.raises((ServerError, Overloaded)):
                await house.ask()
            assert trio.current_time() < 11
        assert [attempt.operation for attempt in house.calls[0].attempts][:2] == ["first", "retry"]
        assert [type(event) for event in house.events].count(Retried) == 0
        assert len(house.played) == 2
        assert house.router.view()["retry_budgets"]["a"] == 3.4, "3 + 2 * 0.2"
        house.assert_at_rest()


async def test_who_leaves_the_queue_has_paid_for_no_retries(autojump_clock: MockClock) -> None:
    """Of one at work and one that waits and goes only the first has been sent."""
    async with House({"a": [answers("slow", after_s=5)]}, settings={"a": {"max_concurrent": 1}}).running() as house:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(house.ask)
            await trio.testing.wait_all_tasks_blocked()
            with trio.move_on_after(1):
                await house.ask()
        assert trio.current_time() == 5
        assert house.router.view()["retry_budgets"]["a"] == 3.2, "3 + 0.2"
        house.assert_at_rest()


async def ask_soon(house: House) -> None:
    await trio.testing.wait_all_tasks_blocked()
    assert await house.ask() == "slow"


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
