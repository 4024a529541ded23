"""Those who wait for a provider's permits, tokens or bytes: bounded by count and bytes, FIFO within priority.

A lower priority is served when no higher one waits; it may starve, but not for longer than it may wait (`queue_s`).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from actors.attempt import Attempt
from actors.letters import Priority
from actors.policy.pace import Pace
from actors.timers import Timer


class Waiters:
    """An attempt stands here at most once; leaving costs the same wherever it stands.

    Each lacks something of a `scope`: of the whole provider or of one model. Those of one priority and scope wait for
    the same thing, so that their pace tells how long. The last `kept_for_high` of the places and bytes are for high
    priority.
    """

    def __init__(self, *, max_count: int, max_bytes: int, kept_for_high: float = 0.0) -> None:
        self._max_count = max_count
        self._max_bytes = max_bytes
        self._ordinary = 1.0 - kept_for_high
        self._lines: dict[Priority, dict[Attempt, _Place]] = {
            priority: {} for priority in sorted(Priority, reverse=True)
        }
        self._queues: dict[tuple[Priority, str], _Queue] = {}
        self.count = 0
        self.bytes = 0

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Attempt]:
        """Highest priority first, oldest first within one; nobody may join or leave meanwhile."""
        return chain.from_iterable(self._lines.values())

    def __contains__(self, attempt: Attempt) -> bool:
        return attempt in self._lines[attempt.call.priority]

    def first(self) -> Attempt:
        """Who is served next; there is somebody."""
        return next(iter(self))

    def has_room(self, attempt: Attempt) -> bool:
        """Whether there is a place for `attempt`, by count and by bytes; whatever its size where nobody waits."""
        share = 1.0 if attempt.call.priority is Priority.HIGH else self._ordinary
        if self.count >= self._max_count * share:
            return False
        return not self.count or self.bytes + attempt.call.size_bytes <= self._max_bytes * share

    def join(self, attempt: Attempt, scope: str, expiry: Timer, now: float) -> None:
        """Puts `attempt` at the end of its priority's line; `expiry` is cancelled when it leaves."""
        self._lines[attempt.call.priority][attempt] = _Place(expiry, self._enter(attempt, scope, now))
        self.count += 1
        self.bytes += attempt.call.size_bytes

    def lacks(self, attempt: Attempt, scope: str, now: float) -> None:
        """What `attempt` waits for turns out to be of this scope."""
        place = self._lines[attempt.call.priority][attempt]
        if place.queue.key[1] != scope:
            self._exit(place.queue)
            place.queue = self._enter(attempt, scope, now)

    def forecast_s(self, attempt: Attempt, now: float) -> float:
        """How long `attempt`, who has just joined, will wait, as far as the pace of those before it tells."""
        queue = self._lines[attempt.call.priority][attempt].queue
        return queue.pace.wait_s(queue.count - 1, now)

    def serve(self, attempt: Attempt, now: float) -> None:
        """Takes `attempt` out because its turn has come."""
        self._lines[attempt.call.priority][attempt].queue.pace.moved(now)
        self.leave(attempt)

    def leave(self, attempt: Attempt) -> bool:
        """Takes `attempt` out; False where it does not stand here."""
        place = self._lines[attempt.call.priority].pop(attempt, None)
        if place is None:
            return False
        place.expiry.cancel()
        self._exit(place.queue)
        self.count -= 1
        self.bytes -= attempt.call.size_bytes
        return True

    def clear(self) -> list[Attempt]:
        """Takes everybody out, in order."""
        everybody = list(self)
        for attempt in everybody:
            self.leave(attempt)
        return everybody

    def _enter(self, attempt: Attempt, scope: str, now: float) -> _Queue:
        key = (attempt.call.priority, scope)
        queue = self._queues.get(key)
        if queue is None:
            queue = self._queues[key] = _Queue(key, now)
        queue.count += 1
        return queue

    def _exit(self, queue: _Queue) -> None:
        queue.count -= 1
        if not queue.count:
            del self._queues[queue.key]


class _Queue:
    """Those of one priority who lack something of one scope; there is one while there are any."""

    __slots__ = ("count", "key", "pace")

    def __init__(self, key: tuple[Priority, str], now: float) -> None:
        self.key = key
        self.count = 0
        self.pace = Pace(now)


class _Place:
    """Where an attempt stands."""

    __slots__ = ("expiry", "queue")

    def __init__(self, expiry: Timer, queue: _Queue) -> None:
        self.expiry = expiry
        self.queue = queue
