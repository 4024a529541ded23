"""The headers with which OpenAI tells clients how their limits stand.

https://platform.openai.com/docs/guides/rate-limits#rate-limits-in-headers
"""

from __future__ import annotations

import math
from typing import Final

from actors.errors import Failure, RateLimited
from actors.letters import Call
from actors.policy.standing import Standing, Standings
from gateway.exchange import Headers

PREFIX: Final = b"x-ratelimit-"
_LONGEST_S: Final = 86_400.0 * 365
"""What is never whole again is so in a year: a client's parser knows no word for never."""


def rate_limit_headers(standings: Standings) -> Headers:
    """Three for each limit that there is."""
    return [*_of(b"requests", standings.requests), *_of(b"tokens", standings.tokens)]


def told_by_us(headers: Headers, standings: Standings) -> Headers:
    """`headers` with our limits in the place of an upstream's: a client acts on one set of them."""
    return [field for field in headers if not field[0].startswith(PREFIX)] + rate_limit_headers(standings)


def binding(failure: Failure, call: Call | None, now: float) -> Standings | None:
    """The limits that a refused client is told of: its key's own where that has any, else those that refused it."""
    if call is not None and call.account is not None:
        return call.account.standings(now)
    return failure.standings if isinstance(failure, RateLimited) else None


def go_duration(seconds: float) -> bytes:
    """Seconds as OpenAI writes them, in Go's way: `20ms`, `1s`, `8.64s`, `6m0s`, `1h0m0s`; rounded up to milliseconds.

    https://pkg.go.dev/time#Duration.String
    """
    milliseconds = math.ceil(min(seconds, _LONGEST_S) * 1000 - 1e-6)
    if milliseconds <= 0:
        return b"0s"
    if milliseconds < 1000:
        return b"%dms" % milliseconds
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    text = f"{rest / 1000:.3f}".rstrip("0").rstrip(".") + "s"
    if hours:
        text = f"{hours}h{minutes}m{text}"
    elif minutes:
        text = f"{minutes}m{text}"
    return text.encode()


def _of(what: bytes, standing: Standing | None) -> Headers:
    if standing is None:
        return []
    return [
        (b"x-ratelimit-limit-" + what, b"%d" % standing.limit),
        (b"x-ratelimit-remaining-" + what, b"%d" % standing.remaining),
        (b"x-ratelimit-reset-" + what, go_duration(standing.reset_s)),
    ]
