"""Who was not let in to /admin: each time counted, and told in the log and to those who watch, but not in a flood."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from actors.errors import Failure
from actors.letters import Clock
from gateway.exchange import Request
from gateway.telemetry.kinds import kind_of

EVERY_S: Final = 10.0
"""At most one line in so long: it says how many there were."""

Tell = Callable[[Mapping[str, Any]], None]


class Refusals:
    """What the door is told with; takes whatever was refused, and never raises."""

    def __init__(self, clock: Clock, *, count: Callable[[], None], tell: Tell) -> None:
        self._clock = clock
        self._count = count
        self._tell = tell
        self._untold = 0
        self._told_at = float("-inf")

    def __call__(self, request: Request, refusal: Failure) -> None:
        self._count()
        self._untold += 1
        if self._clock() - self._told_at < EVERY_S:
            return
        times, self._untold, self._told_at = self._untold, 0, self._clock()
        self._tell(
            {
                "peer": request.peer[0],
                "method": request.method,
                "path": _part_of_api(request.path),
                "because": kind_of(refusal),
                "times": times,
            }
        )


def _part_of_api(path: str) -> str:
    """`/admin/providers` of `/admin/providers/name/drain`: the rest is a stranger's words."""
    return "/".join(path.split("/")[:3])
