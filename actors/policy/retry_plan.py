"""What follows a failed attempt: the same candidate again, the next one, or nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from actors.errors import Failure
from actors.policy.backoff import exponential_s


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrySettings:
    """How often and after how long a candidate is asked again."""

    attempts: int = 3
    """On one candidate, the first included."""
    backoff_base_s: float = 0.5
    backoff_max_s: float = 8.0
    wait_same_s: float = 5.0
    """A candidate that wants a longer pause is left for the next one."""


class Again(NamedTuple):
    """Ask the same candidate after `delay_s`; it costs one of the provider's retry budget."""

    delay_s: float


class Next(NamedTuple):
    """Ask the next candidate now."""


class Stop(NamedTuple):
    """This failure is the call's answer."""


Decision = Again | Next | Stop


def decide(
    *,
    failure: Failure,
    tries: int,
    has_next: bool,
    budget_left: bool,
    now: float,
    deadline: float,
    settings: RetrySettings,
    random: Random,
) -> Decision:
    """Decides from the failure's facts.

    `tries` counts the attempts on this candidate so far, the failed one included; `has_next` says whether another
    candidate could take the call (the caller has left out those whose window is too small, where the failure
    `wants_window`); `budget_left` whether the provider's retry budget pays for one more. Nothing is planned that could
    only begin at the deadline or after it.
    """
    if now >= deadline or not (failure.retryable or failure.wants_window):
        return Stop()
    onward: Decision = Next() if has_next else Stop()
    if failure.elsewhere or failure.wants_window or tries >= settings.attempts or not budget_left:
        return onward
    if failure.throttled and failure.retry_after is None and has_next:
        return onward  # nobody knows for how long it wants to be left alone
    delay_s = _delay_s(failure, tries, settings, random)
    asked_s = failure.retry_after or 0.0
    if now + delay_s >= deadline or (has_next and asked_s > settings.wait_same_s):
        return onward
    return Again(delay_s)


def _delay_s(failure: Failure, tries: int, settings: RetrySettings, random: Random) -> float:
    """How long the same candidate must be left alone; infinity where asking it again makes no sense."""
    asked_s = failure.retry_after
    if failure.throttled and asked_s is not None:
        return math.inf if asked_s > settings.wait_same_s else max(asked_s, 0.0)
    pause_s = exponential_s(tries, base_s=settings.backoff_base_s, max_s=settings.backoff_max_s, random=random)
    return pause_s if asked_s is None else max(pause_s, asked_s)
