"""How a provider's waiters are taken in, served and sent away; who stands where is `waiters`' concern.

Nobody is let in who would wait in vain: neither for a request unit that comes too late, nor behind more others than
have been served lately within the time that one may wait.
"""

from __future__ import annotations

import math
from typing import Final, Protocol

from actors.admission import Admission, Hold
from actors.attempt import Attempt, Keeper
from actors.errors import Failure, Overloaded, Stage
from actors.letters import Clock
from actors.shortage import HOST, MIN_RETRY_AFTER_S, REQUESTS, TOKENS, Wait, refusal
from actors.timers import Timer, Timers
from actors.waiters import Waiters

DOUBT: Final = 1.2
"""A forecast is taken for so many times as long: calls differ, and the last one let in would often miss its turn."""


class Owner(Keeper, Protocol):
    """The provider actor."""

    name: str

    @property
    def in_flight(self) -> int: ...

    def start(self, attempt: Attempt, hold: Hold) -> None: ...

    def refuse(self, attempt: Attempt, failure: Failure) -> None: ...


class Queue:
    """Belongs to one provider actor and runs in its tasks; nothing in here awaits."""

    def __init__(self, owner: Owner, waiters: Waiters, admission: Admission, timers: Timers, clock: Clock) -> None:
        self._owner = owner
        self._waiters = waiters
        self._admission = admission
        self._timers = timers
        self._clock = clock
        self._next_try: Timer | None = None

    def begin(self, attempt: Attempt, wait: Wait) -> None:
        """`attempt` is the first to wait. Raises Overloaded, RateLimited where that is in vain."""
        self._refuse_the_vain(attempt, wait)
        self._line_up(attempt, wait.scope, wait.what)
        self._try_again_at(wait.until)

    def join(self, attempt: Attempt) -> None:
        """Nobody overtakes those of the same or a higher priority who already wait. Raises Overloaded, RateLimited."""
        self._line_up(attempt, HOST, self._waiters.first().waiting_for)
        self.serve()
        self._dismiss_the_vain(attempt)

    def _line_up(self, attempt: Attempt, scope: str, what: str) -> None:
        if not self._waiters.has_room(attempt):
            raise self._refusal(attempt, what, f"its queue is full ({self._waiters.count} waiting)", MIN_RETRY_AFTER_S)
        attempt.stage = Stage.WAITING
        attempt.waiting_for = what
        attempt.keeper = self._owner
        expiry = self._timers.at(self._patient_until(attempt), lambda: self._expire(attempt))
        self._waiters.join(attempt, scope, expiry, self._clock())

    def _patient_until(self, attempt: Attempt) -> float:
        return min(attempt.call.deadline, self._clock() + attempt.candidate.timeouts.queue_s)

    def _refuse_the_vain(self, attempt: Attempt, wait: Wait) -> None:
        """Nobody waits for what is certain to come too late.

        Requests a minute are: only those at work give tokens back that they turn out not to need.
        """
        is_certain = wait.what == REQUESTS or (wait.what == TOKENS and not self._owner.in_flight)
        if is_certain and wait.until > self._patient_until(attempt):
            raise self._refusal(attempt, wait.what, "it would take too long", wait.until - self._clock())

    def _dismiss_the_vain(self, attempt: Attempt) -> None:
        """Who has just joined the waiters does not stay there where their pace tells that it would wait too long."""
        if attempt not in self._waiters:
            return
        now = self._clock()
        forecast_s = self._waiters.forecast_s(attempt, now) * DOUBT
        too_long_s = now + forecast_s - self._patient_until(attempt)
        if too_long_s >= 0:
            self._waiters.leave(attempt)
            why = "too many wait already"
            self._owner.refuse(attempt, self._refusal(attempt, attempt.waiting_for, why, too_long_s))

    def serve(self) -> None:
        """Admits whoever can be, in order; one that lacks something of its model only does not hold up the others.

        Called whenever something has been given back while anybody waits.
        """
        decided: list[tuple[Attempt, Hold | Failure]] = []
        earliest = self._decide(decided)
        now = self._clock()
        for attempt, verdict in decided:
            if isinstance(verdict, Hold):
                self._waiters.serve(attempt, now)
                self._owner.start(attempt, verdict)
            else:
                self._waiters.leave(attempt)
                self._owner.refuse(attempt, verdict)
        self._try_again_at(earliest)

    def left(self) -> None:
        """Somebody has gone who may have held up those behind: they are looked at, once for all who go just now."""
        if self._waiters.count:
            self._try_again_at(self._clock())

    def _decide(self, decided: list[tuple[Attempt, Hold | Failure]]) -> float:
        """Fills `decided` with those whose waiting is over; returns when to ask for the rest."""
        now = self._clock()
        short: dict[str, str] = {}
        earliest = math.inf
        for attempt in self._waiters:
            if (what := short.get(attempt.candidate.model)) is not None:
                self._note_lack(attempt, attempt.candidate.model, what, now)
                continue
            try:
                verdict = self._admission.admit(attempt, now)
            except Failure as failure:
                decided.append((attempt, failure))
                continue
            if isinstance(verdict, Hold):
                decided.append((attempt, verdict))
                continue
            self._note_lack(attempt, verdict.scope, verdict.what, now)
            earliest = min(earliest, verdict.until)
            if verdict.scope == HOST:
                break
            short[verdict.scope] = verdict.what
        return earliest

    def _note_lack(self, attempt: Attempt, scope: str, what: str, now: float) -> None:
        attempt.waiting_for = what
        self._waiters.lacks(attempt, scope, now)

    def _try_again_at(self, when: float) -> None:
        if self._next_try is not None and self._next_try.pending:
            if self._next_try.when <= when:
                return
            self._next_try.cancel()
        if when < math.inf:
            self._next_try = self._timers.at(when, self.serve)

    def _expire(self, attempt: Attempt) -> None:
        self._waiters.leave(attempt)
        self._owner.refuse(attempt, self._why_expired(attempt))
        self.left()

    def _why_expired(self, attempt: Attempt) -> Failure:
        now = self._clock()
        if now >= attempt.call.deadline:
            return attempt.out_of_time(self._owner.name)
        soon = self._next_try
        retry_after = 0.0 if soon is None or not soon.pending else soon.when - now
        waited = f"waited {attempt.candidate.timeouts.queue_s:g} s"
        return self._refusal(attempt, attempt.waiting_for, waited, retry_after)

    def _refusal(self, attempt: Attempt, what: str, why: str, retry_after: float) -> Overloaded:
        standings = self._admission.standings(attempt.candidate.model, self._clock())
        return refusal(self._owner.name, what, why, retry_after=retry_after, standings=standings)
