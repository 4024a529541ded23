"""Bugs to be put into the code in memory, one at a time: a simulation that lets one live proves nothing against it.

Each takes the place of one function of the actors' or the gateway's for as long as a run lasts; shipped code knows
nothing of them. Those of the actors' are looked for by the actors' own simulation, which is ten times as fast.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

import trio

import actors.router as router_module
from actors.actor import Told
from actors.admission import Admission, Hold
from actors.attempt import Attempt, Outcome
from actors.buckets import Buckets
from actors.client_account import ClientAccount
from actors.errors import Failure, Left
from actors.events import AttemptEnded, BreakerMoved
from actors.letters import Answered, Call
from actors.overdue import Overdue
from actors.policy.breaker import Breaker, Permit, Phase
from actors.policy.concurrency import ConcurrencyLimit
from actors.policy.memory_budget import MemoryBudget
from actors.policy.retry_budget import RetryBudget
from actors.provider import ProviderActor
from actors.queue import Queue
from actors.relay import Relay
from actors.router import RouterActor
from actors.waiters import Waiters

Patch = tuple[Any, str, Any]


class Mutant(NamedTuple):
    """A bug: what it does, and how it is put in."""

    words: str
    patches: tuple[Patch, ...]

    @contextmanager
    def at_work(self) -> Iterator[None]:
        before = [(owner, name, owner.__dict__[name]) for owner, name, _ in self.patches]
        for owner, name, new in self.patches:
            setattr(owner, name, new)
        try:
            yield
        finally:
            for owner, name, old in before:
                setattr(owner, name, old)


def mutant(words: str, owner: Any, name: str, make: Callable[[Any], Any]) -> Mutant:
    """`make` is given the function and returns what takes its place."""
    return Mutant(words, ((owner, name, make(owner.__dict__[name])),))


def nothing(_: Any) -> Callable[..., None]:
    return lambda *arguments, **named: None


# Leaving and ending.


def _abandon_without_cancel(_: Any) -> Any:
    def abandon(call: Call) -> None:
        call.left = True
        if call.relay is not None:
            call.relay.close()

    return abandon


def _commit_without_cancel(_: Any) -> Any:
    def commit(attempt: Attempt, head: Any) -> None:
        relay = attempt.call.relay
        assert relay is not None
        if attempt.dismissed or attempt.outcome is not None or not relay.claim(attempt.epoch):
            raise Left
        attempt.content_at = attempt.clock()
        if attempt.keeper is not None:
            attempt.keeper.content_came(attempt)
        attempt.call.reply.settle(Answered(head, attempt))

    return commit


def _cancel_only_at_work(_: Any) -> Any:
    def cancel(attempt: Attempt) -> None:
        if attempt.outcome is None:
            attempt.dismissed = True
            attempt._stop()

    return cancel


def _finish_twice(finish: Any) -> Any:
    def twice(actor: ProviderActor, attempt: Attempt, outcome: Outcome, failure: Failure | None = None) -> None:
        finish(actor, attempt, outcome, failure)
        actor._observe(AttemptEnded(attempt))

    return twice


# Death.


def _tell_only_the_queued(_: Any) -> Any:
    def tell_all(actor: ProviderActor, letters: Any) -> Told:
        for attempt in (*letters, *actor.waiters.clear()):
            actor._fail(attempt, actor._death())
        return Told(len(letters), 0)

    return tell_all


def _clear_forgets(clear: Any) -> Any:
    def forget(waiters: Waiters) -> list[Attempt]:
        clear(waiters)
        return []

    return forget


def _dead_routers_are_silent(_: Any) -> Any:
    return lambda router, letters: Told(len(letters), len(router._calls))


def _breakers_of_the_dead(_: Any) -> Any:
    def moved(actor: ProviderActor, model: str, move: Any, failures: int) -> None:
        actor._observe(BreakerMoved(actor.name, model, move.before, move.after, failures, actor._clock()))

    return moved


# Permits, tokens, bytes.


def _admit_then_wait(handle: Any) -> Any:
    """An await between the check and what rests on it."""

    def check_and_wait(actor: ProviderActor, attempt: Attempt) -> None:
        concurrency = actor.admission.concurrency
        if concurrency.used >= concurrency._places or actor.waiters.count or not actor._accepting:
            handle(actor, attempt)
            return

        async def later() -> None:
            await trio.lowlevel.checkpoint()
            places, concurrency._places = concurrency._places, 1_000_000
            try:
                handle(actor, attempt)
            finally:
                concurrency._places = places

        assert actor._nursery is not None
        actor._nursery.start_soon(later)

    return check_and_wait


def _one_too_many(acquire: Any) -> Any:
    def generous(limit: ConcurrencyLimit) -> bool:
        limit._places += 1
        try:
            return bool(acquire(limit))
        finally:
            limit._places -= 1

    return generous


def _settle_without(release: str) -> Callable[[Any], Any]:
    def make(settle: Any) -> Any:
        def forgetful(admission: Admission, hold: Hold, attempt: Attempt, blame: Any, now: float) -> None:
            if blame is None:
                settle(admission, hold, attempt, blame, now)
                return
            if release == "permits":
                admission.concurrency.used += 1
            else:
                admission.memory.force(hold.bytes)
            settle(admission, hold, attempt, blame, now)

        return forgetful

    return make


def _twice(function: Any) -> Any:
    def twice(*arguments: Any) -> None:
        function(*arguments)
        function(*arguments)

    return twice


def _close_keeps_bytes(_: Any) -> Any:
    def close(relay: Relay) -> None:
        relay._closed = True
        relay._sink = None
        relay._wake_writer()

    return close


# Deadlines.


def _enter_keeps_first(enter: Any) -> Any:
    """The stall timer is not reset by what comes."""

    def keep(attempt: Attempt, stage: Any, allowed_s: float | None = None) -> None:
        before = attempt.due
        enter(attempt, stage, allowed_s)
        attempt.due = min(before, attempt.due)

    return keep


def _plan_beyond_deadline(decide: Any) -> Any:
    return lambda **facts: decide(**{**facts, "deadline": math.inf})


# Retries, hedges, recovery.


def _free_retries(_: Any) -> Any:
    return lambda budget: True


def _always_rich(_: Any) -> Any:
    return property(lambda budget: 100.0)


def _hedge_after_content(_: Any) -> Any:
    def consider(router: RouterActor, plan: Any, attempt: Attempt) -> None:
        following = plan.following(None)
        if attempt.outcome is None and not plan.call.left and following is not None:
            plan.hedged = True
            plan.move_to(following)
            router._launch(plan, "hedge")

    return consider


def _broken_is_tried_again(_: Any) -> Any:
    def broken(router: RouterActor, plan: Any, attempt: Attempt, failure: Failure) -> None:
        assert plan.call.relay is not None
        plan.call.relay.reopen()
        router._failed(plan, attempt, failure)

    return broken


def _broken_looks_whole(_: Any) -> Any:
    def fail(relay: Relay, failure: Failure) -> None:
        if not relay._ended and relay._failure is None:
            relay._ended = True
            relay._wake_writer()
            relay._wake_reader()

    return fail


def _resumed_one_back(advance: Any) -> Any:
    def advance_one_back(plan: Any, broken: Any, delivered: Any) -> bool:
        return bool(advance(plan, broken, max(0, delivered - 1)))

    return advance_one_back


# Breakers.


def _probe_never_settles(abandoned: Any) -> Any:
    def keep(breaker: Breaker, permit: Permit, now: float) -> Any:
        return None if breaker.phase is Phase.PROBING else abandoned(breaker, permit, now)

    return keep


def _many_probes(refuses: Any) -> Any:
    def lenient(breaker: Breaker, now: float) -> float | None:
        return None if breaker.phase is Phase.PROBING else refuses(breaker, now)

    return lenient


def _open_lets_in(_: Any) -> Any:
    return lambda breaker, now: None


BARE_MUTANTS: Final[tuple[Mutant, ...]] = (
    mutant("who leaves does not stop the work", Call, "abandon", _abandon_without_cancel),
    mutant("the loser of a hedge runs on", Attempt, "commit", _commit_without_cancel),
    mutant("who leaves the queue stays in it", Attempt, "cancel", _cancel_only_at_work),
    mutant("an attempt ends twice", ProviderActor, "_finish", _finish_twice),
    mutant("calls in flight are not told of their actor's death", ProviderActor, "_tell_all", _tell_only_the_queued),
    mutant("those who wait are dropped when their actor dies", Waiters, "clear", _clear_forgets),
    mutant("a dead router tells nobody", RouterActor, "_tell_all", _dead_routers_are_silent),
    mutant("the breakers of a dead actor are heard of", ProviderActor, "_breaker_moved", _breakers_of_the_dead),
    mutant("an await between check and reservation", ProviderActor, "_handle", _admit_then_wait),
    mutant("one call too many at a time", ConcurrencyLimit, "acquire", _one_too_many),
    mutant("a failure keeps its permit", Admission, "settle", _settle_without("permits")),
    mutant("a failure keeps its bytes", Admission, "settle", _settle_without("bytes")),
    mutant("what was not used is given back twice", Buckets, "settle", _twice),
    mutant("what was never sent is given back twice", Buckets, "give_back", _twice),
    mutant("what was never sent is charged", Buckets, "give_back", nothing),
    mutant("a relay that is left keeps its bytes", Relay, "close", _close_keeps_bytes),
    mutant("the permit of a client key is not given back", ClientAccount, "settle", nothing),
    mutant("the clock of a silence is not set back by what comes", Attempt, "enter", _enter_keeps_first),
    mutant("nobody looks who is overdue", Overdue, "_stop_them", nothing),
    mutant("a retry is planned beyond the deadline", router_module, "decide", _plan_beyond_deadline),
    mutant("who waits does so for ever", Queue, "_expire", nothing),
    Mutant(
        "retries cost nothing",
        (
            (RetryBudget, "spend", _free_retries(None)),
            (RetryBudget, "balance", _always_rich(None)),
        ),
    ),
    mutant("a hedge starts though content has come", RouterActor, "_consider_hedge", _hedge_after_content),
    mutant("a stream that broke is asked for anew", RouterActor, "_broken", _broken_is_tried_again),
    mutant("a stream that broke ends like a whole one", Relay, "fail", _broken_looks_whole),
    mutant(
        "who goes on with a stream says its last piece again",
        router_module.Plan,
        "advance_to_resume",
        _resumed_one_back,
    ),
    mutant("a probe that is lost is never settled", Breaker, "abandoned", _probe_never_settles),
    mutant("a half open breaker lets everybody in", Breaker, "refuses", _many_probes),
    mutant("an open breaker lets everybody in", Breaker, "refuses", _open_lets_in),
    mutant("a memory budget gives back too much", MemoryBudget, "release", _twice),
)
