"""What a provider's work does with one attempt, where there are only actors: drawn anew for each, by its name."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import trio

from actors.attempt import Attempt
from actors.errors import Blame, Failure, KeyFault, Stage

PIECES = 8


class MadeUp(Failure):
    """A failure of the work's own."""

    def __init__(self, chance: Random) -> None:
        super().__init__("made up")
        kind = chance.choice(["model", "model", "model", "host", "throttled", "wrong", "key", "late key"])
        self.retryable = kind not in ("wrong", "late key")
        self.blame = {"model": Blame.MODEL, "host": Blame.HOST}.get(kind, Blame.NOBODY)
        self.throttled = kind == "throttled"
        if kind == "throttled" and chance.random() < 0.6:
            self.retry_after = chance.choice([0.3, 2.0, 8.0])
        if kind == "key":
            # Drawn at last, so that everything else stays what the seed has made of it.
            self.key_fault, self.elsewhere = chance.choice([KeyFault.REFUSED, KeyFault.UNFIT]), True


class Stumbled(Exception):
    """A bug in a call's own code."""


Silence = Callable[[float], None]
"""Told that from now on so many seconds may pass without a sign."""


async def work(attempt: Attempt, chance: Random, health: float, silence: Silence) -> Any:
    """Well, or in one of many ways not."""
    well = chance.random() < health
    await trio.sleep(chance.choice([0.0, 0.0, 0.2]))
    if not well and chance.random() < 0.1:
        raise MadeUp(chance)  # before anything was sent
    attempt.sent()
    attempt.spent_tokens = 5
    if attempt.call.relay is None:
        return await _unary(attempt, chance, well=well)
    await _stream(attempt, chance, silence, well=well)
    return None


async def _unary(attempt: Attempt, chance: Random, *, well: bool) -> str:
    attempt.accepted()
    attempt.enter(Stage.AWAITING, None)
    await trio.sleep(chance.choice([0.0, 0.5, 2.0]))
    if not well:
        match chance.choice(["fail", "fail", "hang", "stumble"]):
            case "fail":
                raise MadeUp(chance)
            case "hang":
                await trio.sleep_forever()
            case _:
                raise Stumbled
    attempt.hold(5000)
    attempt.spent_tokens = chance.randint(1, 400)
    return "answer"


async def _stream(attempt: Attempt, chance: Random, silence: Silence, *, well: bool) -> None:
    """Pieces "0 ", "1 ", ...; one who goes on begins with what was not delivered."""
    if well or chance.random() < 0.7:
        attempt.accepted()
    begun = attempt.progress or 0
    breaks_at = PIECES if well else chance.randint(0, PIECES - 1)
    every_s = chance.choice([0.0, 0.1, 0.6])
    silence(attempt.candidate.timeouts.first_token_s)
    attempt.enter(Stage.AWAITING, attempt.candidate.timeouts.first_token_s)
    await trio.sleep(chance.choice([0.0, 0.3, 1.8]))
    for number in range(begun, max(begun, breaks_at)):
        await trio.sleep(every_s)
        if attempt.content_at is None:
            attempt.commit("head")
        await attempt.write(b"%d " % number)
        attempt.delivered = number + 1
        attempt.spent_tokens = 5 + number
        silence(attempt.candidate.timeouts.idle_s)
        attempt.enter(Stage.STREAMING, attempt.candidate.timeouts.idle_s)
    if well:
        if attempt.content_at is None:
            attempt.commit("head")
        return
    match chance.choice(["fail", "fail", "hang", "stumble"]):
        case "fail":
            raise MadeUp(chance)
        case "hang":
            await trio.sleep_forever()
        case _:
            raise Stumbled
