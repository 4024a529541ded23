"""Several keys of one provider: who is asked next when one is refused, and for how long that one is left alone."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from actors.attempt import Attempt
from actors.buckets import RateLimits
from actors.errors import Failure, KeyFault
from actors.events import KeyMoved, Retried
from tests.actors.house import House, Script, answers, fails, streams

KEYS = ("a", "b", "c")


class Throttled(Failure):
    """A 429."""

    retryable = True
    throttled = True


class Unfit(Failure):
    """A 403."""

    key_fault = KeyFault.UNFIT


class KeyRefused(Failure):
    """A 401."""

    retryable = True
    elsewhere = True
    key_fault = KeyFault.REFUSED


REFUSED = KeyRefused("p does not know this key")


def by_key(**scripts: Script) -> Script:
    """What becomes of an attempt is its key's doing; whoever is not named answers with the name of its key."""

    async def work(attempt: Attempt) -> Any:
        return await scripts.get(attempt.key, answers(attempt.key))(attempt)

    return work


def house(script: Script, *, keys: tuple[str, ...] = KEYS) -> House:
    return House({"p": [script]}, settings={"p": {"keys": keys}})


def state_of(house: House, label: str) -> dict[str, Any]:
    (view,) = (view for view in house.providers["p"].view()["keys"] if view["label"] == label)
    return dict(view)


def keys_asked(house: House) -> list[str]:
    return [attempt.key for call in house.calls for attempt in call.attempts]


def moves(house: House) -> list[tuple[str, str, bool, float]]:
    return [(event.key, event.model, event.revoked, event.at) for event in house.events if isinstance(event, KeyMoved)]


async def test_a_key_that_is_refused_makes_way_for_the_next_in_the_same_moment(autojump_clock: MockClock) -> None:
    """At 0 s the answer is there; the key is set aside for every model, and nobody else meets it."""
    async with house(by_key(a=fails(REFUSED))).running() as it:
        start = trio.current_time()
        assert [await it.ask(), await it.ask()] == ["b", "b"]
        assert trio.current_time() == start
        assert keys_asked(it) == ["a", "b", "b"]
        assert moves(it) == [("a", "*", True, start)]
        assert state_of(it, "a") == {"label": "a", "state": "revoked", "cooldown_s": 5, "revoked_for": ["*"]}
        assert state_of(it, "b") == {"label": "b", "state": "ready", "cooldown_s": 0}
        it.assert_at_rest()


async def test_a_stream_moves_to_the_next_key_as_well(autojump_clock: MockClock) -> None:
    async with house(by_key(a=fails(REFUSED), b=streams(b"one ", b"two"))).running() as it:
        assert await it.read() == b"one two"
        assert keys_asked(it) == ["a", "b"]
        it.assert_at_rest()


async def test_a_throttled_key_cools_down_while_the_next_one_answers(autojump_clock: MockClock) -> None:
    """A Retry-After of 60 s is one key's: the call is answered at 0 s, and the key is back at 60 s."""
    async with house(by_key(a=fails(Throttled("slow down", retry_after=60))), keys=("a", "b")).running() as it:
        start = trio.current_time()
        assert await it.ask() == "b"
        assert trio.current_time() == start
        assert state_of(it, "a") == {"label": "a", "state": "cooling_down", "cooldown_s": 60}
        await trio.sleep(60)
        assert state_of(it, "a")["state"] == "ready"
        it.assert_at_rest()


async def test_a_shorter_pause_that_is_asked_for_later_ends_no_longer_one(autojump_clock: MockClock) -> None:
    """Two calls were at the provider when it began to throttle: at 0 it says 60 s, at 20 a second; it is 60 s."""
    said = iter(((0, 60), (20, 1)))

    async def throttles(attempt: Attempt) -> Any:
        after_s, pause_s = next(said)
        await trio.sleep(after_s)
        raise Throttled("slow down", retry_after=pause_s)

    async with house(by_key(a=throttles), keys=("a", "b")).running() as it:
        async with trio.open_nursery() as nursery:
            for _ in range(2):
                nursery.start_soon(it.ask)
        assert (state_of(it, "a")["state"], state_of(it, "a")["cooldown_s"]) == ("cooling_down", 40)
        it.assert_at_rest()


async def test_every_key_is_asked_once_and_then_the_usual_rules_hold(autojump_clock: MockClock) -> None:
    """A 429 of 2 s by all three: one round of them, 2 s of patience, and the answer at exactly 2 s."""
    throttled = fails(Throttled("slow down", retry_after=2))
    served: list[str] = []

    async def work(attempt: Attempt) -> Any:
        served.append(attempt.key)
        return await (throttled if len(served) <= 3 else answers("at last"))(attempt)

    async with house(work).running() as it:
        start = trio.current_time()
        assert await it.ask() == "at last"
        assert trio.current_time() - start == 2
        assert served == ["a", "b", "c", "a"]
        assert [event.attempt.operation for event in it.events if isinstance(event, Retried)] == [
            "rotate",
            "rotate",
            "retry",
        ]
        it.assert_at_rest()


async def test_a_provider_that_throttles_without_end_is_asked_by_each_key_once_and_by_its_attempts(
    autojump_clock: MockClock,
) -> None:
    """A Retry-After of nothing makes every key ready at once: yet there are 2 rotations and 3 attempts, no more."""
    async with house(fails(Throttled("slow down", retry_after=0))).running() as it:
        with pytest.raises(Throttled):
            await it.ask()
        assert len(it.played) == 2 + 3
        it.assert_at_rest()


async def test_rotation_takes_nothing_from_the_retry_budget(autojump_clock: MockClock) -> None:
    """And adds nothing: one first attempt, one deposit."""
    async with house(by_key(a=fails(REFUSED), b=fails(REFUSED))).running() as it:
        assert await it.ask() == "c"
        assert it.router.view()["retry_budgets"] == {"p": 3.2}


async def test_a_refused_key_is_tried_by_one_call_after_pauses_that_double(autojump_clock: MockClock) -> None:
    """Set aside at 0 s; tried at 5 s and again 10 s, 20 s later, and every ten minutes in the end. Whoever tries it is
    answered by another key.
    """
    async with house(by_key(a=fails(REFUSED)), keys=("a", "b")).running() as it:
        start = trio.current_time()
        for second in (*range(36), 74, 75, 154, 155, 314, 315, 634, 635, 1234, 1235, 1834, 1835):
            await trio.sleep_until(start + second)
            assert await it.ask() == "b"
        tried = [attempt.began_at - start for call in it.calls for attempt in call.attempts if attempt.key == "a"]
        assert tried == [0, 5, 15, 35, 75, 155, 315, 635, 1235, 1835]
        assert len(moves(it)) == 1, "told once"


async def test_a_refused_key_that_is_accepted_again_is_back_for_all(autojump_clock: MockClock) -> None:
    scripts = [fails(REFUSED), answers("a again")]

    async def work(attempt: Attempt) -> Any:
        script = scripts.pop(0) if attempt.key == "a" and len(scripts) > 1 else scripts[0]
        return await (script if attempt.key == "a" else answers("b"))(attempt)

    async with house(work, keys=("a", "b")).running() as it:
        start = trio.current_time()
        assert await it.ask() == "b"
        await trio.sleep(5)
        assert await it.ask() == "a again"
        assert moves(it) == [("a", "*", True, start), ("a", "*", False, start + 5)]
        assert state_of(it, "a")["state"] == "ready"


async def test_while_one_call_tries_a_refused_key_the_others_do_not(autojump_clock: MockClock) -> None:
    async with house(by_key(a=fails(REFUSED, after_s=3)), keys=("a", "b")).running() as it:
        await it.ask()
        await trio.sleep(5)
        async with trio.open_nursery() as nursery:
            for _ in range(10):
                nursery.start_soon(it.ask)
        assert keys_asked(it).count("a") == 2
        it.assert_at_rest()


async def test_a_call_that_leaves_while_it_tries_a_key_lets_the_next_one_try(autojump_clock: MockClock) -> None:
    async with house(by_key(a=fails(REFUSED, after_s=3)), keys=("a", "b")).running() as it:
        await it.ask()
        await trio.sleep(5)
        with trio.move_on_after(1):
            await it.ask()
        await trio.testing.wait_all_tasks_blocked()  # the call that left has given the key's trial back
        assert await it.ask() == "b"
        assert keys_asked(it) == ["a", "b", "a", "a", "b"]
        it.assert_at_rest()


async def test_calls_that_were_under_way_with_a_refused_key_say_nothing_new(autojump_clock: MockClock) -> None:
    """Ten of them learn it in the same second: the pause is 5 s, not 5 s doubled nine times."""
    async with house(by_key(a=fails(REFUSED, after_s=1)), keys=("a", "b")).running() as it:
        async with trio.open_nursery() as nursery:
            for _ in range(10):
                nursery.start_soon(it.ask)
        assert keys_asked(it).count("a") == 10
        assert state_of(it, "a")["cooldown_s"] == 5
        assert len(moves(it)) == 1


async def test_where_no_key_is_left_the_asker_hears_it_and_the_provider_is_asked_all_the_same(
    autojump_clock: MockClock,
) -> None:
    """Nobody but the provider can know when it changes its mind: its next answer is the client's."""
    answering = False

    async def work(attempt: Attempt) -> Any:
        return await (answers("back") if answering else fails(REFUSED))(attempt)

    async with house(work, keys=("a", "b")).running() as it:
        with pytest.raises(KeyRefused):
            await it.ask()
        with pytest.raises(KeyRefused):
            await it.ask()
        assert keys_asked(it) == ["a", "b", "a"]
        assert state_of(it, "a")["cooldown_s"] == 5, "what it hears within its pause says nothing new"
        answering = True
        assert await it.ask() == "back"


async def test_a_key_that_is_refused_while_a_call_waits_for_it_is_still_the_better_one(
    autojump_clock: MockClock,
) -> None:
    """For a call that the other one has refused already."""
    script = by_key(a=fails(REFUSED, after_s=1), b=fails(REFUSED, after_s=2))
    settings = {"keys": ("a", "b"), "limits": RateLimits(requests_per_minute=60), "max_concurrent": 2}
    async with House({"p": [script]}, settings={"p": settings}).running() as it:

        async def ask() -> None:
            with pytest.raises(KeyRefused):
                await it.ask()

        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(ask)
        assert [attempt.key for attempt in it.calls[0].attempts] == ["a", "b"]
        it.assert_at_rest()


async def test_a_refused_key_sends_the_call_to_the_fallback(autojump_clock: MockClock) -> None:
    async with House({"p": [fails(REFUSED)], "q": [answers("q")]}).running() as it:
        assert await it.ask() == "q"
        assert it.outcomes() == [("p", "failed"), ("q", "ok")]


async def test_of_a_throttled_key_and_a_refused_one_the_asker_hears_what_passes(autojump_clock: MockClock) -> None:
    async with house(
        by_key(a=fails(Throttled("slow down", retry_after=60)), b=fails(REFUSED)), keys=("a", "b")
    ).running() as it:
        with pytest.raises(Throttled):
            await it.ask()


async def test_a_key_that_is_refused_and_throttled_is_left_alone_for_as_long_as_was_asked_for(
    autojump_clock: MockClock,
) -> None:
    """A 429 of 4 s and a 401 at 1 s: whoever comes after that asks at 5 s and not before."""
    scripts = [fails(Throttled("slow down", retry_after=4), after_s=1), fails(REFUSED, after_s=1), answers("x")]
    async with House({"p": scripts}).running() as it, trio.open_nursery() as nursery:
        nursery.start_soon(it.ask)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(refused, it)
        await trio.sleep(2)
        assert await it.ask() == "x"
        assert [at for _, at in it.played] == [0, 0, 5, 5]


async def refused(it: House) -> None:
    with pytest.raises(KeyRefused):
        await it.ask()


# A 403.


async def test_a_key_that_may_not_do_it_is_set_aside_for_that_model_once_another_could(
    autojump_clock: MockClock,
) -> None:
    async with house(by_key(a=fails(Unfit("no"))), keys=("a", "b")).running() as it:
        assert [await it.ask(), await it.ask()] == ["b", "b"]
        assert keys_asked(it) == ["a", "b", "b"]
        assert state_of(it, "a")["revoked_for"] == ["m"]


async def test_what_every_key_refuses_is_the_calls_own_fault(autojump_clock: MockClock) -> None:
    """A client whose request is forbidden takes no key from anybody."""
    async with house(fails(Unfit("no")), keys=("a", "b")).running() as it:
        with pytest.raises(Unfit):
            await it.ask()
        assert keys_asked(it) == ["a", "b"]
        assert [state_of(it, label)["state"] for label in ("a", "b")] == ["ready", "ready"]
        assert moves(it) == []
        it.assert_at_rest()
