"""A provider's keys as they stand: ready, cooling down for a model, or set aside because the provider refused them.

Pure: the clock is an argument. A key that the provider does not know (401) is set aside at once, for every model. One
that may not do what was asked (402, 403) is set aside for that model, and only once another key got in with the very
same call: a refusal that every key meets speaks of the call, and no client can take a provider's keys from the others.
What is set aside is tried again by one call at a time, after pauses that double. Where nothing else is left it is
tried all the same: a provider that changes its mind is not locked out by us.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from actors.attempt import Attempt
from actors.errors import Failure, KeyFault, RateLimited

ANY_MODEL = "*"

Place = tuple[str, str]
"""A key's label and a model, or ANY_MODEL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPauses:
    """For how long keys are left alone, in seconds."""

    cooldown_s: float = 1.0
    """After a 429 that does not say for how long."""
    wait_for_cooldown_s: float = 5.0
    """A shorter cooldown is waited out, a longer one sends the call elsewhere."""
    cooldown_max_s: float = 300.0
    """However long a 429 says: then it is asked again, for it may have been wrong. Envoy's bound for the same."""
    refused_s: float = 5.0
    """After the first refusal; it doubles with each further one."""
    refused_max_s: float = 600.0


class KeyMove(NamedTuple):
    """A key was set aside for `model` ("*": for all of them), or came back."""

    key: str
    model: str
    revoked: bool


class _Aside:
    """When a key that was refused is tried again."""

    __slots__ = ("is_tried", "pause_s", "until")

    def __init__(self, pause_s: float, now: float) -> None:
        self.pause_s = pause_s
        self.until = now + pause_s
        self.is_tried = False
        """One call is at it right now."""


class KeyRing:
    """The keys of one provider; `labels` in the order in which they are configured."""

    def __init__(self, provider: str, labels: Sequence[str], pauses: KeyPauses) -> None:
        self._provider = provider
        self._labels = tuple(labels)
        self._sole = self._labels[0] if len(self._labels) == 1 else ""
        self._pauses = pauses
        self._cooldowns: dict[Place, float] = {}
        """Until when a key and model are left alone."""
        self._unsaid: set[Place] = set()
        """Those of them whose 429 did not say for how long."""
        self._aside: dict[Place, _Aside] = {}

    def only(self) -> str:
        """The one key that there is, while nothing is held against it: what `choose` would find; else ""."""
        return "" if self._cooldowns or self._aside else self._sole

    def choose(self, attempt: Attempt, now: float, requests_left: Callable[[str], float]) -> str | float:
        """The ready key that has most requests left, or when to ask again.

        One that has refused this call already is taken only where there is no other. Raises RateLimited where waiting
        would take too long.
        """
        model = attempt.candidate.model
        ready = [label for label in self._labels if self._is_ready(label, model, now)]
        if ready:
            spent = _spent_on(attempt)
            return max([label for label in ready if label not in spent] or ready, key=requests_left)
        return self._least_bad(attempt, model, now)

    def begin(self, label: str, model: str) -> tuple[Place, ...]:
        """A call goes out with the key of `label`. What it tries of that which was set aside goes to `settle`."""
        if not self._aside:
            return ()
        tried = tuple(place for place in ((label, ANY_MODEL), (label, model)) if place in self._aside)
        for place in tried:
            self._aside[place].is_tried = True
        return tried

    def has_another(self, attempt: Attempt, now: float) -> bool:
        """Whether a key is ready that this call has not been refused with."""
        spent = {*_spent_on(attempt), attempt.key}
        return any(label not in spent and self._is_ready(label, attempt.candidate.model, now) for label in self._labels)

    def cool_down(self, label: str, model: str, failure: Failure, now: float) -> float:
        """A 429: this key and model are left alone for as long as the provider said. Returns those seconds."""
        unsaid = failure.retry_after is None
        seconds = self._pauses.cooldown_s if failure.retry_after is None else failure.retry_after
        seconds = min(seconds, self._pauses.cooldown_max_s)
        self._cooldowns = {place: until for place, until in self._cooldowns.items() if until > now}
        self._unsaid &= self._cooldowns.keys()
        (self._unsaid.add if unsaid else self._unsaid.discard)((label, model))
        self._cooldowns[label, model] = max(now + seconds, self._cooldowns.get((label, model), now))
        return seconds

    def settle(
        self, attempt: Attempt, tried: tuple[Place, ...], failure: Failure | None, now: float
    ) -> Sequence[KeyMove]:
        """What an attempt's end says about its key, and about those that this call was refused with before."""
        label, model = attempt.key, attempt.candidate.model
        moves: list[KeyMove] = []
        fault = None if failure is None else failure.key_fault
        if fault is KeyFault.REFUSED:
            self._refused((label, ANY_MODEL), tried, now, moves)
        elif fault is KeyFault.UNFIT and (label, model) in tried:
            self._refused((label, model), tried, now, moves)
        elif attempt.accepted_at is not None:
            for place in tried:
                if self._aside.pop(place, None) is not None:
                    moves.append(KeyMove(*place, revoked=False))
            for unfit in _unfit_for(attempt):
                self._refused((unfit, model), (), now, moves)
        for place in tried:
            if place in self._aside:
                self._aside[place].is_tried = False
        return moves

    def view(self, now: float) -> list[dict[str, Any]]:
        """The keys as /admin/actors shows them."""
        return [self._view_of(label, now) for label in self._labels]

    def _view_of(self, label: str, now: float) -> dict[str, Any]:
        revoked_for = [model for key, model in self._aside if key == label]
        waits = [until - now for (key, _), until in self._cooldowns.items() if key == label]
        waits += [aside.until - now for (key, _), aside in self._aside.items() if key == label]
        cooldown_s = max([*waits, 0.0])
        state = "revoked" if revoked_for else "cooling_down" if cooldown_s > 0 else "ready"
        view = {"label": label, "state": state, "cooldown_s": cooldown_s}
        return {**view, "revoked_for": revoked_for} if revoked_for else view

    def _is_ready(self, label: str, model: str, now: float) -> bool:
        return self._cooldowns.get((label, model), now) <= now and not self._is_aside(label, model, now)

    def _is_aside(self, label: str, model: str, now: float) -> bool:
        if not self._aside:
            return False
        places = (self._aside.get((label, ANY_MODEL)), self._aside.get((label, model)))
        return any(aside is not None and (aside.is_tried or aside.until > now) for aside in places)

    def _least_bad(self, attempt: Attempt, model: str, now: float) -> str | float:
        """No key is ready: the end of a cooldown is waited for; where all are set aside, one is tried all the same.

        Where nobody knows how long it will be and a fallback stands by, it is not.
        """
        cooling = [
            self._cooldowns[label, model]
            for label in self._labels
            if (label, model) in self._cooldowns and not self._is_aside(label, model, now)
        ]
        if not cooling:
            tired = [label for label in self._labels if self._cooldowns.get((label, model), now) <= now]
            if tired:
                spent = _spent_on(attempt)
                tired = [label for label in tired if label not in spent] or tired
                return min(tired, key=lambda label: self._aside_until(label, model))
            cooling = [self._cooldowns[label, model] for label in self._labels]
        until = min(cooling)
        in_vain = attempt.backed and not self._unsaid.isdisjoint((label, model) for label in self._labels)
        if in_vain or until - now > self._pauses.wait_for_cooldown_s or until >= attempt.call.deadline:
            raise RateLimited(
                f"{self._provider} asks for less for {model}: it is left alone for now", retry_after=until - now
            )
        return until

    def _aside_until(self, label: str, model: str) -> float:
        return max(aside.until for (key, of), aside in self._aside.items() if key == label and of in (ANY_MODEL, model))

    def _refused(self, place: Place, tried: tuple[Place, ...], now: float, moves: list[KeyMove]) -> None:
        known = self._aside.get(place)
        if known is None:
            self._aside[place] = _Aside(self._pauses.refused_s, now)
            moves.append(KeyMove(*place, revoked=True))
        elif place in tried and known.until <= now:  # else it was refused in a pause, and says nothing new
            self._aside[place] = _Aside(min(2 * known.pause_s, self._pauses.refused_max_s), now)


def _spent_on(attempt: Attempt) -> set[str]:
    """The keys with which this candidate has refused this call before."""
    return {other.key for other in _siblings(attempt) if other.failure is not None and other.failure.concerns_key}


def _unfit_for(attempt: Attempt) -> set[str]:
    """Those that were not let in where `attempt` was."""
    refused = {
        other.key
        for other in _siblings(attempt)
        if other.failure is not None and other.failure.key_fault is KeyFault.UNFIT
    }
    return refused - {attempt.key}


def _siblings(attempt: Attempt) -> list[Attempt]:
    attempts = attempt.call.attempts
    if len(attempts) < 2:
        return []
    place = attempt.candidate.provider, attempt.candidate.model
    return [
        other
        for other in attempts
        if other is not attempt and (other.candidate.provider, other.candidate.model) == place
    ]
