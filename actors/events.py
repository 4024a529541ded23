"""Facts that actors state as they happen; observers turn them into log lines, counters and span events.

Facts are frozen and carry what happened, to whom, and when on the actors' clock. Nothing waits for an observer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from actors.attempt import Attempt
from actors.errors import Failure
from actors.letters import Call
from actors.policy.breaker import Phase


class AttemptEnded(msgspec.Struct, frozen=True, eq=False):
    """An attempt is over; its outcome, failure and times stand in it."""

    attempt: Attempt


class Retried(NamedTuple):
    """A further attempt of a call has been let in at its provider, and begins."""

    call: Call
    attempt: Attempt
    """The new one; its `operation` is retry, rotate, fallback, hedge or resume."""
    delay_s: float
    because: Failure | None


class BreakerMoved(NamedTuple):
    """A breaker of a provider changed its phase; `model` is "*" for the one of the host."""

    provider: str
    model: str
    before: Phase
    after: Phase
    failures: int
    at: float


class CoolingDown(NamedTuple):
    """A provider asked for less: this key and model are left alone for a while."""

    provider: str
    model: str
    key: str
    seconds: float
    at: float


class KeyMoved(NamedTuple):
    """A provider refuses one of its keys, or accepts it again; `model` is "*" where that holds for all of them."""

    provider: str
    key: str
    """Its label."""
    model: str
    revoked: bool
    at: float


class CallCrash(NamedTuple):
    """A call's own code raised what nobody expected."""

    actor: str
    call: Call
    error: BaseException


class LateSettlement(NamedTuple):
    """An attempt ended after its call had its outcome: counted, not delivered."""

    attempt: Attempt


class Refused(NamedTuple):
    """An actor had no room for a call."""

    actor: str
    call: Call
    failure: Failure


class Drained(NamedTuple):
    """An actor that was to take no more calls has answered the last one it had."""

    actor: str
    at: float


class ActorBuried(NamedTuple):
    """An actor is gone; so many letters and calls in flight were answered in its name."""

    actor: str
    queued: int
    in_flight: int
    at: float
    replaced: bool = False
    """Another one had taken its place before."""


class ErrandEnded(NamedTuple):
    """A service has been asked for something, and has answered or failed; whose asker has gone is not told."""

    service: str
    operation: str
    seconds: float
    failure: Failure | None
    at: float


class ErrandLeft(NamedTuple):
    """Nobody waits for an errand any more, and the work for it has ended; `asker` is whoever said that it asks."""

    asker: Any
    at: float


class ErrandCrashed(NamedTuple):
    """The code of one errand raised what nobody expected."""

    service: str
    operation: str
    error: BaseException


Event = (
    AttemptEnded
    | Retried
    | BreakerMoved
    | CoolingDown
    | KeyMoved
    | CallCrash
    | LateSettlement
    | Refused
    | Drained
    | ActorBuried
    | ErrandEnded
    | ErrandLeft
    | ErrandCrashed
)
Observe = Callable[[object], None]
"""Takes one event; must not raise and must not block. Supervisors state theirs through it too."""


def ignore(event: object) -> None:
    """An observer for those who want none."""
