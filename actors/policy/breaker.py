"""A circuit breaker: after enough failures it refuses for a while, then lets one probe find out.

Opens after `failures` consecutive failures, or when at least `window_ratio` of at least `window_min_calls` calls
within `window_s` failed. It stays open for `open_s`, twice as long after each probe that fails, up to `open_max_s`;
`jitter` shortens each of these by up to that share, so that many breakers do not probe in step.

A call may be judged twice: it has succeeded at its first content, and fails when it breaks later. Such a success is
taken back: the call counts as one failure, and the streak of failures that it had ended goes on, unless another call
has succeeded since. (A probe's success has closed the breaker, which starts afresh: its later break is failure one.)
A cancelled call says nothing about the provider.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from random import Random
from typing import Final, NamedTuple

import msgspec

from actors.policy.failure_window import FailureWindow


class Phase(enum.Enum):
    """What a breaker does with a caller."""

    CLOSED = "closed"
    """Lets everybody through."""
    OPEN = "open"
    """Refuses everybody."""
    PROBING = "half_open"
    """Has let one through and waits for what becomes of it."""


# Members of enums by a name of their own: each look-up in the class costs 0.2 µs, and these come with every request.
_CLOSED: Final = Phase.CLOSED
_PROBING: Final = Phase.PROBING


class Signal(enum.Enum):
    """What can move a breaker."""

    TRIPPED = "tripped"
    COOLED = "cooled"
    PROBE_OK = "probe_ok"
    PROBE_BAD = "probe_bad"
    PROBE_LOST = "probe_lost"
    HINTED = "hinted"


MOVES = {  # every legal move; only an operator's `force` goes past it
    (Phase.CLOSED, Signal.TRIPPED): Phase.OPEN,
    (Phase.CLOSED, Signal.HINTED): Phase.OPEN,  # another worker's has opened; nothing that others say closes one
    (Phase.OPEN, Signal.COOLED): Phase.PROBING,
    (Phase.PROBING, Signal.PROBE_OK): Phase.CLOSED,
    (Phase.PROBING, Signal.PROBE_BAD): Phase.OPEN,
    (Phase.PROBING, Signal.PROBE_LOST): Phase.OPEN,  # cancelled: the next caller probes
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerSettings:
    """When a breaker opens, and for how long."""

    failures: int = 5
    window_s: float = 30.0
    window_min_calls: int = 20
    window_ratio: float = 0.5
    open_s: float = 5.0
    open_max_s: float = 15.0
    jitter: float = 0.1


class Move(NamedTuple):
    """A change of phase, for whoever reports it."""

    before: Phase
    after: Phase


class Permit(msgspec.Struct, eq=False, gc=False):
    """One admitted call. Its era ends with the next change of phase: what it reports after that moves nothing."""

    era: int
    succeeded_at: float | None = None
    streak: int = 0
    """How many consecutive failures this call's success ended."""


SPENT = -1
"""The era of a permit whose call has been judged for good."""


class Breaker:
    """One breaker; times are monotonic seconds. Each permit is settled by its owner, once or as said above."""

    __slots__ = (
        "_latest_success",
        "_next_open_s",
        "_open_until",
        "_probe",
        "_random",
        "_settings",
        "_window",
        "era",
        "failures",
        "phase",
    )

    def __init__(self, settings: BreakerSettings, random: Random) -> None:
        self._settings = settings
        self._random = random
        self._window = FailureWindow(settings.window_s)
        self.era = 0
        """Who comes while this is closed is given a permit of it."""
        self._open_until = 0.0
        self._next_open_s = settings.open_s
        self._probe: Permit | None = None
        self._latest_success: Permit | None = None
        self.phase = _CLOSED
        self.failures = 0
        """Consecutive ones."""

    def admit(self, now: float) -> Permit | None:
        """A permit to call, or None; once an open time is over, for one caller at a time."""
        if self.phase is _CLOSED:
            return Permit(self.era)
        if self.refuses(now) is not None:
            return None
        if self.phase is Phase.OPEN:
            self._move(Signal.COOLED, now)
        self._probe = Permit(self.era)
        return self._probe

    def refuses(self, now: float) -> float | None:
        """Seconds until asking is worth it, or None when `admit` would admit; takes nothing.

        Nobody knows how long a probe takes: while one is under way the answer is what its failure would cost.
        """
        if self.phase is _CLOSED:
            return None
        if self.phase is Phase.OPEN:
            return self._open_until - now if now < self._open_until else None
        return self._settings.open_s if self._probe is not None else None

    def retry_after(self, now: float) -> float:
        """What a refused caller is told, in seconds; 0 when it would be admitted."""
        return self.refuses(now) or 0.0

    def opens_in_s(self, now: float) -> float:
        """Seconds until an open breaker lets a probe through; 0 in every other phase."""
        return max(0.0, self._open_until - now) if self.phase is Phase.OPEN else 0.0

    def succeeded(self, permit: Permit, now: float) -> Move | None:
        """The provider has begun to answer this call."""
        if permit.era != self.era or permit.succeeded_at is not None:
            return None
        move = None
        if self.phase is _PROBING:
            move = self._move(Signal.PROBE_OK, now)
            permit.era = self.era
        permit.succeeded_at = now
        if self.failures:
            permit.streak, self.failures = self.failures, 0
        self._latest_success = permit
        self._window.success(now)
        return move

    def failed(self, permit: Permit, now: float) -> Move | None:
        """This call failed and the provider is to blame, be it after it had begun to answer."""
        if permit.era != self.era:
            return None
        permit.era = SPENT
        if permit.succeeded_at is not None:
            self._window.take_back(permit.succeeded_at, now)
            if self._latest_success is permit:
                self.failures += permit.streak
        self.failures += 1
        self._window.failure(now)
        if self.phase is _PROBING:
            return self._move(Signal.PROBE_BAD, now)
        return self._move(Signal.TRIPPED, now) if self._too_many() else None

    def abandoned(self, permit: Permit, now: float) -> Move | None:
        """Nobody knows how this call would have ended: it was cancelled, or never sent."""
        if permit.era != self.era:
            return None
        permit.era = SPENT
        return self._move(Signal.PROBE_LOST, now) if self.phase is _PROBING else None

    def hinted(self, for_s: float, now: float) -> Move | None:
        """Another worker's breaker of the same is open for `for_s` more seconds: so is this one, if it was shut."""
        if self.phase is not _CLOSED or for_s <= 0:
            return None
        move = self._move(Signal.HINTED, now)
        self._open_until = now + min(for_s, self._settings.open_max_s)
        return move

    def force(self, phase: Phase, now: float, for_s: float | None = None) -> Move | None:
        """An operator's decision: shut as if nothing had happened, open, or let the next caller probe.

        Open it stays for `for_s` seconds (infinity: until it is forced again), else for its usual time.
        """
        before = self.phase
        self._next_open_s = self._settings.open_s
        self._enter(phase)
        if phase is Phase.OPEN:
            self._stay_open(now)
            if for_s is not None:
                self._open_until = now + for_s
        return Move(before, phase) if before is not phase else None

    def _too_many(self) -> bool:
        if self.failures >= self._settings.failures:
            return True
        failed = self._window.failures
        calls = failed + self._window.successes
        return calls >= self._settings.window_min_calls and failed >= calls * self._settings.window_ratio

    def _move(self, signal: Signal, now: float) -> Move:
        before = self.phase
        self._enter(MOVES[before, signal])
        if signal is Signal.PROBE_LOST:
            self._open_until = now
        elif self.phase is Phase.OPEN:
            self._stay_open(now)
        return Move(before, self.phase)

    def _enter(self, phase: Phase) -> None:
        """Begins a new era: what was admitted before can no longer move this breaker."""
        self.phase = phase
        self.era += 1
        self._probe = None
        self._latest_success = None
        self._window.clear()
        if phase is _CLOSED:
            self._next_open_s = self._settings.open_s
            self.failures = 0

    def _stay_open(self, now: float) -> None:
        self._open_until = now + self._next_open_s * (1.0 - self._settings.jitter * self._random.random())
        self._next_open_s = min(self._next_open_s * 2.0, self._settings.open_max_s)
