"""How long a client gives its request."""

from __future__ import annotations

import math

import msgspec

from gateway.errors import InvalidRequest
from gateway.exchange import Request

TIMEOUT_HEADER = b"x-gateway-timeout"
READ_TIMEOUT_HEADER = b"x-stainless-read-timeout"


def own_limit_s(request: Request) -> float:
    """Seconds from the request's arrival to its deadline as its client says, infinity where it does not.

    Raises InvalidRequest for an X-Gateway-Timeout that is no duration.
    """
    own = request.fields.get(TIMEOUT_HEADER)
    if own is None:
        return math.inf
    seconds = _seconds(own)
    if seconds is None:
        raise InvalidRequest("Invalid 'X-Gateway-Timeout': expected seconds above 0.", param="X-Gateway-Timeout")
    return seconds


class Patience(msgspec.Struct, frozen=True, gc=False):
    """How long a client waits, in seconds."""

    own_limit_s: float
    read_gap_s: float | None

    def allowed_s(self, total_s: float, *, stream: bool) -> float:
        """From the request's arrival to its deadline: `total_s`, or less where the client says so.

        The OpenAI SDK's read timeout is a gap between two reads. A unary answer comes in one read, so it bounds the
        whole; of a stream it bounds each gap.
        """
        if self.own_limit_s < total_s:
            total_s = self.own_limit_s
        if self.read_gap_s is not None and not stream and self.read_gap_s < total_s:
            return self.read_gap_s
        return total_s


def patience_of(request: Request) -> Patience:
    """Raises InvalidRequest for an X-Gateway-Timeout that is no duration."""
    return Patience(own_limit_s(request), read_gap_s(request))


def read_gap_s(request: Request) -> float | None:
    """Seconds that the client waits between two reads, where it says so as OpenAI's SDK does."""
    gap = request.fields.get(READ_TIMEOUT_HEADER)
    return None if gap is None else _seconds(gap)


def _seconds(value: bytes) -> float | None:
    try:
        seconds = float(value) if b"_" not in value else math.nan  # Python's own spelling of numbers
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds > 0 else None
