"""How a limit stands: what those who are bound by it are told."""

from __future__ import annotations

import math
from typing import NamedTuple

from actors.policy.bucket import Bucket


class Standing(NamedTuple):
    """One limit at one moment."""

    limit: int
    remaining: int
    """Whole units that can be had now; never below 0, whatever is owed."""
    reset_s: float
    """Seconds until all of it is there again, if nobody takes anything meanwhile."""


class Standings(NamedTuple):
    """The limits that bind somebody; None where there is none."""

    requests: Standing | None = None
    tokens: Standing | None = None


def standing(per_minute: float | None, bucket: Bucket | None, now: float) -> Standing | None:
    """How a limit and its bucket stand; None where there is no limit."""
    if per_minute is None or bucket is None:
        return None
    available = bucket.available(now)
    reset_s = max(0.0, (per_minute - available) * 60.0 / per_minute)
    return Standing(int(per_minute), max(0, math.floor(available)), reset_s)


def tightest(one: Standings, other: Standings) -> Standings:
    """Of each kind the limit of which the smaller share is left."""
    return Standings(_tighter(one.requests, other.requests), _tighter(one.tokens, other.tokens))


def _tighter(one: Standing | None, other: Standing | None) -> Standing | None:
    if one is None or other is None:
        return one or other
    return min(one, other, key=lambda each: each.remaining / each.limit)
