"""Hedges: a second candidate beside one that has accepted and is silent. In virtual time."""

from __future__ import annotations

import trio
from trio.testing import MockClock

from actors.attempt import Attempt, Outcome
from tests.actors.failures import EXACT, ServerError
from tests.actors.house import House, answers, fails, silent, streams


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


async def test_a_whole_answer_that_does_not_come_is_hedged_once_a_stream_would_be_lost(
    autojump_clock: MockClock,
) -> None:
    """Silent for 60 s, though it may take the call's 600: at exactly 60 s b is asked too, and answers; what takes long
    and answers by then is not hedged.
    """
    async with House(
        {"a": [silent(allowed_s=600), answers("a", after_s=59)], "b": [answers("b", after_s=2)]}
    ).running() as house:
        start = trio.current_time()
        call = house.call(deadline_s=600)
        assert await house.ask(call) == "b"
        assert [(name, at - start) for name, at in house.played] == [("a", 0), ("b", 60)]
        assert trio.current_time() - start == 62
        assert [attempt.operation for attempt in call.attempts] == ["first", "hedge"]
        await trio.testing.wait_all_tasks_blocked()
        assert house.outcomes() == [("b", "ok"), ("a", "superseded")]
        assert await house.ask(deadline_s=600) == "a"
        assert len(house.played) == 3
        house.assert_at_rest()
