"""What a provider can have too little of, and what those are told who need it."""

from __future__ import annotations

from typing import Final, NamedTuple

from actors.errors import Overloaded, RateLimited
from actors.policy.standing import Standings

HOST: Final = "*"
"""The scope of the whole provider, and the name under which the breaker of its host goes."""

PERMITS: Final = "concurrent calls"
REQUESTS: Final = "requests a minute"
TOKENS: Final = "tokens a minute"
MEMORY: Final = "memory"
COOLDOWN: Final = "the end of a cooldown"

MIN_RETRY_AFTER_S: Final = 1.0
MAX_RETRY_AFTER_S: Final = 60.0
"""All limits are of a minute; what a slow line would come to beyond that is a guess."""


class Wait(NamedTuple):
    """No room now: worth asking again at `until` (inf: when something is given back) and not before.

    `what` there is too little of, and `scope`: for the whole provider ("*"), or for one model only.
    """

    until: float
    scope: str
    what: str


def refusal(owner: str, what: str, why: str, *, retry_after: float, standings: Standings) -> Overloaded:
    """There is too little of `what`: 429 where that is a rate, whose `standings` are told, else 503."""
    message = f"{owner} is at its limits ({what}): {why}"
    retry_after = min(max(retry_after, MIN_RETRY_AFTER_S), MAX_RETRY_AFTER_S)
    if what in (REQUESTS, TOKENS):
        return RateLimited(message, retry_after=retry_after, standings=standings)
    return (RateLimited if what == COOLDOWN else Overloaded)(message, retry_after=retry_after)
