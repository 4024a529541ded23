"""What a call's work is told of the candidates behind its own, and who of them goes on with what it left."""

from __future__ import annotations

from typing import Any

import pytest
from trio.testing import MockClock

from actors.attempt import Attempt
from actors.errors import Blame, Failure
from actors.letters import Candidate
from actors.policy.retry_plan import RetrySettings
from actors.router import RouterSettings
from tests.actors.house import House, Script, answers, silent, streams


class ServerError(Failure):
    retryable = True
    blame = Blame.MODEL


class TooLong(Failure):
    wants_window = True


def notes(seen: list[tuple[bool, bool]], then: Script) -> Script:
    """Work that remembers what it was told."""

    async def work(attempt: Attempt) -> Any:
        seen.append((attempt.backed, attempt.recoverable))
        return await then(attempt)

    return work


def fails(failure: Failure) -> Script:
    async def work(attempt: Attempt) -> Any:
        attempt.sent()
        raise failure

    return work


@pytest.mark.parametrize(
    ("stream", "resume", "told"),
    [
        (True, True, [(True, True), (True, False), (False, False)]),
        (True, False, [(True, False), (True, False), (False, False)]),
        (False, True, [(True, False), (True, False), (False, False)]),
    ],
    ids=["a stream", "a stream without recovery", "a whole answer"],
)
async def test_the_work_knows_who_stands_by(
    autojump_clock: MockClock, stream: bool, resume: bool, told: list[tuple[bool, bool]]
) -> None:
    """The second could go on with the first one's answer, the third with nobody's."""
    seen: list[tuple[bool, bool]] = []
    house = House(
        {
            "a": [notes(seen, fails(ServerError("500")))],
            "b": [notes(seen, fails(ServerError("500")))],
            "c": [notes(seen, answers(b"c"))],
        },
        candidates=[
            Candidate(provider="a", model="m"),
            Candidate(provider="b", model="m", resumes=True),
            Candidate(provider="c", model="m"),
        ],
        router=RouterSettings(retry=RetrySettings(attempts=1), resume=resume),
    )
    async with house.running():
        assert await (house.read() if stream else house.ask()) == b"c"
    assert seen == told


async def test_one_with_too_small_a_window_stands_by_all_the_same_until_that_is_what_counts(
    autojump_clock: MockClock,
) -> None:
    seen: list[tuple[bool, bool]] = []
    house = House(
        {"a": [notes(seen, fails(TooLong("long")))], "b": [answers(b"never")]},
        candidates=[Candidate(provider="a", model="m", window=1000), Candidate(provider="b", model="m", window=500)],
    )
    async with house.running():
        with pytest.raises(TooLong):
            await house.ask()
    assert seen == [(True, False)]


async def test_a_hedge_that_lost_goes_on_with_what_the_winner_left(autojump_clock: MockClock) -> None:
    """a is slow, b is asked beside it and slower; a breaks, and b, which never failed, goes on."""
    scripts = {
        "a": [streams(b"1", b"2", every_s=11, then=ServerError("cut"), resumable=True)],
        "b": [silent(accepted=True), streams(b"1", b"2", b"3")],
    }
    async with House(scripts).running() as house:
        call = house.call(stream=True)
        assert await house.read(call) == b"123"
        assert [attempt.operation for attempt in call.attempts] == ["first", "hedge", "resume"]
        assert house.outcomes() == [("b", "superseded"), ("a", "broken"), ("b", "ok")]
        house.assert_at_rest()
