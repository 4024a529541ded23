"""Money is whole nano-USD within the gateway; here it becomes what people and programs read."""

from __future__ import annotations

from typing import Final

NANO: Final = 1_000_000_000


def decimal_usd(nano_usd: int) -> bytes:
    """Exact, without an exponent: b"0.0000125"; a JSON number as well as a header's value."""
    if 0 < nano_usd < NANO:  # as most answers cost
        return (b"0.%09d" % nano_usd).rstrip(b"0")
    sign = b"-" if nano_usd < 0 else b""
    whole, rest = divmod(abs(nano_usd), NANO)
    if not rest:
        return b"%b%d" % (sign, whole)
    return (b"%b%d.%09d" % (sign, whole, rest)).rstrip(b"0")


def nano_of(usd: float) -> int:
    """As somebody wrote it, to the nearest nano-USD."""
    return round(usd * NANO)
