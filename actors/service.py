"""A neighbour service as an actor: one breaker, so many calls at a time, a bounded line, a health check of its own.

Whoever wants something of the service sends an errand and waits for its reply; its work runs in a task of the actor's.
An asker that leaves ends the work at once. What the work raises is the asker's; a failure that blames the service
counts for the breaker. A deadline of the asker's own blames nobody, and neither does time that went by in the line.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final, NamedTuple, TypeVar

import trio

from actors.actor import Actor, Told
from actors.errand import Errand
from actors.errors import CallCrashed, DeadlineExceeded, Failure, Overloaded, Unavailable
from actors.events import BreakerMoved, ErrandCrashed, ErrandEnded, ErrandLeft, Observe
from actors.letters import Clock
from actors.mailbox import Mailbox
from actors.policy.breaker import Breaker, BreakerSettings, Move, Permit, Phase
from actors.standing import UNKNOWN, Standing

T = TypeVar("T")

CHECK: Final = "health"
"""The operation of the actor's own errands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSettings:
    """One service; times in seconds."""

    name: str
    title: str = ""
    """What people call it; its name where that is empty."""
    timeout_s: float = 5.0
    """For one errand, once it has its turn; who waits less long says so."""
    max_concurrent: int = 16
    max_waiting: int = 256
    check_every_s: float | None = None
    """Between two health checks; None: nobody looks but those who have errands."""
    breaker: BreakerSettings = BreakerSettings()


class _Told(NamedTuple):
    """What an errand told of the service."""

    is_up: bool
    at: float
    latency_s: float


class ServiceActor(Actor[Errand[Any]]):
    """Runs errands; a fresh object after every restart."""

    def __init__(
        self,
        settings: ServiceSettings,
        *,
        clock: Clock,
        random: Random,
        observe: Observe,
        check: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        """`check` asks the service how it is, and raises Failure where it is not well."""
        mailbox: Mailbox[Errand[Any]] = Mailbox(settings.name, clock=clock, capacity=settings.max_waiting)
        super().__init__(settings.name, mailbox, clock=clock, observe=observe)
        self.settings = settings
        self._title = settings.title or settings.name
        self._breaker = Breaker(settings.breaker, random)
        self._line: deque[Errand[Any]] = deque()
        self._under_way: set[Errand[Any]] = set()
        self._check = check
        self._told: _Told | None = None
        self._timers.at(clock(), self._look)

    async def ask(
        self,
        operation: str,
        work: Callable[[], Awaitable[T]],
        deadline: float,
        wait_s: float | None = None,
        asker: object = None,
    ) -> T:
        """Has `work` done by `deadline`; `wait_s` bounds the whole wait, in the line too. Runs in the asker's task.
        ErrandLeft names `asker`.

        Raises Overloaded, Unavailable, TimedOut, DeadlineExceeded, ActorDied, CallCrashed, and what the work raises of
        Failure.
        """
        timeout_s, gives_up_at = self.settings.timeout_s, math.inf
        if wait_s is not None:
            timeout_s, gives_up_at = min(wait_s, timeout_s), self._clock() + wait_s
        errand = Errand(operation, work, timeout_s, deadline=deadline, gives_up_at=gives_up_at, asker=asker)
        self.mailbox.post(errand)
        try:
            with errand.patience:
                return await errand.reply.wait()
            if errand.patience.deadline < deadline:
                raise errand.no_turn(self._title)
            raise DeadlineExceeded(f"The deadline passed before {self._title} had answered.")
        finally:
            self._leave_errand(errand)

    def standing(self) -> Standing:
        """How the service is, as far as anybody knows."""
        told = self._told
        if told is None:
            return UNKNOWN
        state = "up" if told.is_up and self._breaker.phase is Phase.CLOSED else "down"
        return Standing(state, self._clock() - told.at, told.latency_s)

    def stop(self) -> None:
        """It answers all that it has been sent, then `run` returns."""
        self._leave()

    def view(self) -> dict[str, Any]:
        """This actor's detail in /admin/actors."""
        now, standing = self._clock(), self.standing()
        return {
            "state": standing.state,
            "last_check_s": standing.checked_s,
            "latency_s": standing.latency_s,
            "breaker": {
                "state": self._breaker.phase.value,
                "failures": self._breaker.failures,
                "opens_in_s": self._breaker.opens_in_s(now),
            },
            "in_flight": len(self._under_way),
            "waiting": len(self._line),
        }

    # Letters.

    def _handle(self, letter: Errand[Any]) -> None:
        if not letter.left:
            self._take_in(letter)
        if self._leaving:
            self._end_if_idle()

    def _take_in(self, letter: Errand[Any]) -> None:
        if not self._accepting:
            letter.reply.fail(Unavailable(f"{self._title} is draining."))
        elif len(self._under_way) < self.settings.max_concurrent:
            letter.has_turn_at_once()
            self._begin(letter)
        elif len(self._line) < self.settings.max_waiting:
            self._line.append(letter)
        else:
            letter.reply.fail(Overloaded(f"Too many wait for {self._title} already."))

    def _begin(self, errand: Errand[Any]) -> None:
        now = self._clock()
        permit = self._breaker.admit(now)
        if permit is None:
            after_s = self._breaker.retry_after(now)
            errand.reply.fail(Unavailable(f"{self._title} does not answer at the moment.", retry_after=after_s))
            return
        assert self._nursery is not None, "letters are read while the actor runs"
        self._under_way.add(errand)
        self._nursery.start_soon(self._serve, errand, permit, name=f"{self.name}/{errand.operation}")

    def _take_turn(self, errand: Errand[Any], now: float) -> None:
        if errand.is_given_up(now):
            errand.reply.fail(errand.no_turn(self._title))
        else:
            self._begin(errand)

    async def _serve(self, errand: Errand[Any], permit: Permit) -> None:
        """One errand: does the work, answers the asker, gives back what it held."""
        began, value = self._clock(), None
        failure: Failure | None = errand.too_late(self._title, began)
        try:
            with trio.CancelScope(deadline=errand.begin(began)) as errand.scope:
                if errand.left:
                    errand.scope.cancel()
                value, failure = await errand.work(), None
        except Failure as known:
            failure = known
        except Exception as bug:  # an errand's crash is its own: the actor and its siblings live on
            failure = CallCrashed("The gateway failed to handle this request.")
            failure.__cause__ = bug
            self._observe(ErrandCrashed(self.name, errand.operation, bug))
        except BaseException:
            self._bury()  # the actor is being cancelled
            raise
        finally:
            self._conclude(errand, permit, value, failure, began)

    def _conclude(self, errand: Errand[Any], permit: Permit, value: Any, failure: Failure | None, began: float) -> None:
        """The permit, the breaker, the reply, the next in line; no await in here."""
        now = self._clock()
        self._under_way.discard(errand)
        if not self.buried:
            self._judge(errand, permit, failure, now, now - began)
        if failure is None:
            errand.reply.settle(value)
        else:
            errand.reply.fail(failure)
        while self._line and not self.buried and len(self._under_way) < self.settings.max_concurrent:
            self._take_turn(self._line.popleft(), now)
        if self._draining:
            self._tell_drained()
        if self._leaving:
            self._end_if_idle()

    def _judge(
        self, errand: Errand[Any], permit: Permit, failure: Failure | None, now: float, latency_s: float
    ) -> None:
        if errand.left or isinstance(failure, CallCrashed | DeadlineExceeded):
            move = self._breaker.abandoned(permit, now)
            if errand.left:
                self._observe(ErrandLeft(errand.asker, now))
            elif isinstance(failure, DeadlineExceeded):
                self._observe(ErrandEnded(self.name, errand.operation, latency_s, failure, now))
        elif failure is not None and failure.blames_provider:
            self._told = _Told(False, now, latency_s)
            failures = self._breaker.failures + 1
            move = self._breaker.failed(permit, now)
            self._moved(move, failures, now)
            self._observe(ErrandEnded(self.name, errand.operation, latency_s, failure, now))
            return
        else:
            self._told = _Told(True, now, latency_s)
            move = self._breaker.succeeded(permit, now)
            self._observe(ErrandEnded(self.name, errand.operation, latency_s, failure, now))
        self._moved(move, 0, now)

    def _moved(self, move: Move | None, failures: int, now: float) -> None:
        if move is not None:
            self._observe(BreakerMoved(self.name, "*", move.before, move.after, failures, now))

    def _leave_errand(self, errand: Errand[Any]) -> None:
        """The asker has its reply, or has gone."""
        if errand.reply.settled:
            return
        errand.left = True
        if errand.scope is not None:
            errand.scope.cancel()
        elif errand in self._line:
            self._line.remove(errand)
            if self._leaving:
                self._end_if_idle()

    def _look(self) -> None:
        """The health check: an errand of nobody's, which also is an open breaker's probe."""
        check, every_s = self._check, self.settings.check_every_s
        if check is None or every_s is None:
            return
        if not self._leaving and len(self._under_way) < self.settings.max_concurrent:
            self._begin(Errand(CHECK, check, self.settings.timeout_s))
        self._timers.at(self._clock() + every_s, self._look)

    # The end.

    def _is_empty(self) -> bool:
        return not self._under_way and not self._line

    def _tell_all(self, letters: Sequence[Errand[Any]]) -> Told:
        queued, under_way = [*letters, *self._line], list(self._under_way)
        self._line.clear()
        for errand in (*queued, *under_way):
            errand.reply.fail(self._death())
        return Told(len(queued), len(under_way))
