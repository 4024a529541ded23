"""How many restarts a supervisor makes before it gives up, and how long it pauses before each."""

from __future__ import annotations

from collections import deque
from random import Random

from actors.policy.backoff import exponential_s

BASE_S = 0.1
MAX_S = 5.0
LEAST = 0.5
"""Of the whole pause: a crash loop is slowed down in any case, and siblings do not come back in step."""


class RestartWindow:
    """Erlang's restart intensity: `intensity` restarts within any `period_s` are made, one more is not.

    A restart exactly `period_s` ago still counts, as in OTP's supervisor.erl.
    """

    __slots__ = ("_restarts", "intensity", "period_s")

    def __init__(self, intensity: int, period_s: float) -> None:
        self.intensity = intensity
        self.period_s = period_s
        self._restarts: deque[float] = deque(maxlen=intensity + 1)

    def record(self, now: float) -> bool:
        """Notes a restart that is due; False where the intensity is passed and the supervisor must give up."""
        self._restarts.append(now)
        return self.recent(now) <= self.intensity

    def recent(self, now: float) -> int:
        """How many of the noted restarts lie within the period."""
        while self._restarts and self._restarts[0] < now - self.period_s:
            self._restarts.popleft()
        return len(self._restarts)


def backoff_s(streak: int, random: Random) -> float:
    """Seconds before the restart that is number `streak` (from 1) without a longer run between."""
    return exponential_s(streak, base_s=BASE_S, max_s=MAX_S, random=random, least=LEAST)
