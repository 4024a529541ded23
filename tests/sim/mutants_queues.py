"""Bugs in who is next and with what: queues, keys' pauses, breakers' counts, epochs, restarts (see `mutants.py`)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any, Final

from actors import key_ring, supervisor
from actors.admission import Admission
from actors.attempt import Attempt
from actors.errors import Failure
from actors.key_ring import KeyRing
from actors.mailbox import Mailbox
from actors.policy.breaker import Breaker
from actors.provider import ProviderActor
from actors.relay import Relay
from actors.router import RouterActor
from actors.timers import Timers
from actors.waiters import Waiters
from tests.sim.mutants import Mutant, mutant, nothing


def _last_come_first(_: Any) -> Any:
    def backwards(waiters: Waiters) -> Iterator[Attempt]:
        return chain.from_iterable(map(reversed, waiters._lines.values()))

    return backwards


def _lowest_first(_: Any) -> Any:
    def backwards(waiters: Waiters) -> Iterator[Attempt]:
        return chain.from_iterable(reversed(waiters._lines.values()))

    return backwards


def _served_before_it_is_back(conclude: Any) -> Any:
    def early(actor: ProviderActor, attempt: Attempt, value: Any, failure: Failure | None, left: bool) -> None:
        if actor.waiters.count and not actor.buried:
            actor._queue.serve()
        queue, actor._queue = actor._queue, _Deaf()  # type: ignore[assignment]
        try:
            conclude(actor, attempt, value, failure, left)
        finally:
            actor._queue = queue

    return early


class _Deaf:
    """A queue that nobody looks at."""

    def serve(self) -> None:
        """Not now."""


def _one_letter_too_many(post: Any) -> Any:
    def generous(mailbox: Mailbox[Any], letter: Any, size_bytes: int = 0) -> None:
        mailbox._capacity += 1
        try:
            post(mailbox, letter, size_bytes)
        finally:
            mailbox._capacity -= 1

    return generous


def _keeps_no_pause(cool_down: Any) -> Any:
    def forget(keys: KeyRing, *facts: Any) -> float:
        before = dict(keys._cooldowns)
        seconds: float = cool_down(keys, *facts)
        keys._cooldowns = before
        return seconds

    return forget


def _at_the_sixth(_: Any) -> Any:
    return lambda breaker: breaker.failures > breaker._settings.failures


def _at_the_fourth(_: Any) -> Any:
    return lambda breaker: breaker.failures >= breaker._settings.failures - 1


def _refused_by_none(_: Any) -> Any:
    return lambda attempt: set()


def _forgets_no_timer(_: Any) -> Any:
    def forget(router: RouterActor, call: Any) -> None:
        plan = router._calls.pop(call, None)
        if plan is not None and plan.account is not None:
            plan.account.settle(call.tokens, call.spent_tokens, router._clock())

    return forget


def _late_by_a_second(at: Any) -> Any:
    return lambda timers, when, act: at(timers, when + 1.0, act)


QUEUE_MUTANTS: Final[tuple[Mutant, ...]] = (
    mutant("who has come last is served first", Waiters, "__iter__", _last_come_first),
    mutant("the lowest priority is served first", Waiters, "__iter__", _lowest_first),
    mutant("the queue is served before the permit is back", ProviderActor, "_conclude", _served_before_it_is_back),
    mutant("a mailbox takes a letter too many", Mailbox, "post", _one_letter_too_many),
    mutant("a key is not left alone", KeyRing, "cool_down", _keeps_no_pause),
    mutant("a key that has refused a call is tried again", key_ring, "_spent_on", _refused_by_none),
    mutant("what a relay holds is not charged", Admission, "account_relay", nothing),
    mutant("a stream that broke stays the first one's", Relay, "reopen", nothing),
    mutant("a call's timers outlive it", RouterActor, "_forget", _forgets_no_timer),
    mutant("who has crashed is restarted at once", supervisor, "backoff_s", lambda _: lambda streak, random: 0.0),
    mutant("timers are a second late", Timers, "at", _late_by_a_second),
)
BREAKER_MUTANTS: Final[tuple[Mutant, ...]] = (
    mutant("a breaker opens at the sixth failure", Breaker, "_too_many", _at_the_sixth),
    mutant("a breaker opens at the fourth failure", Breaker, "_too_many", _at_the_fourth),
)
"""To be looked for in whole gateways, whose providers fail in spells."""
