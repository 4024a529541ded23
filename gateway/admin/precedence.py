"""Of two orders about the same thing the later one holds, at whichever workers they were given and arrive first.

Two operators may act in the same moment, each at another worker; without this, each worker would end with whatever it
heard last. All workers of a gateway go by the clock of one machine.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Final

import msgspec

from gateway.admin.orders import AnyOrder, Breaker, Given, Limits, LogLevels, SetIntake, Stamp

MOST: Final = 1024
"""Things that are remembered; the one that nobody has ordered anything about for longest goes first."""
_STEP_S: Final = 1e-6


class Precedence:
    """One worker's memory of what was ordered last."""

    def __init__(self, worker: str, wall_clock: Callable[[], float]) -> None:
        self._worker = worker
        self._wall_clock = wall_clock
        self._at = 0.0
        self._latest: OrderedDict[Hashable, Stamp] = OrderedDict()

    def stamp(self) -> Stamp:
        """For an order that is given here: later than all that have been heard of."""
        self._at = max(self._wall_clock(), self._at + _STEP_S)
        return Stamp(self._at, self._worker)

    def take(self, given: Given) -> bool:
        """Whether it is to be carried out; then it is the latest of its kind."""
        self._at = max(self._at, given.stamp.at)
        subject = _subject_of(given.order)
        if subject is None:
            return True
        latest = self._latest.get(subject)
        if latest is not None and given.stamp < latest:
            return False
        self._latest[subject] = given.stamp
        self._latest.move_to_end(subject)
        if len(self._latest) > MOST:
            self._latest.popitem(last=False)
        return True


def _subject_of(order: AnyOrder) -> Hashable | None:
    """What it is about; None for what comes to the same in any order."""
    match order:
        case SetIntake(provider=provider):
            return "intake", provider
        case Breaker(provider=provider, model=model):
            return "breaker", provider, model
        case Limits(provider=provider, model=model):
            return (
                "limits",
                provider,
                model,
                _given(order, "requests_per_minute", "tokens_per_minute", "max_concurrent"),
            )
        case LogLevels(levels=levels):
            return "levels", _given(order, "level"), frozenset(levels)
    return None


def _given(order: AnyOrder, *names: str) -> tuple[str, ...]:
    return tuple(name for name in names if getattr(order, name) is not msgspec.UNSET)
