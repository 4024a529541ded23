"""When a provider says that asking again makes sense: seconds from now, out of headers."""

from __future__ import annotations

import math
from collections.abc import Iterable
from email.utils import parsedate_to_datetime

MOST_S = 3_600.0
"""Nobody is believed beyond an hour: one wrong date must not shut a model out for good."""


def retry_after(headers: Iterable[tuple[bytes, bytes]], now: float) -> float | None:
    """What `retry-after-ms` (OpenAI, Azure) or else `retry-after` say, in seconds; `now` is the wall clock's.

    https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3. A `retry-after-ms` of 0 says nothing: Azure sends one beside
    a `retry-after` that does.
    """
    fields = dict(headers)
    milliseconds = _number(fields.get(b"retry-after-ms", b""))
    if milliseconds:
        return _bounded(milliseconds / 1000)
    value = fields.get(b"retry-after", b"")
    seconds = _number(value)
    return _bounded(seconds) if seconds is not None else _seconds_until_date(value, now)


def until_epoch_ms(text: object, now: float) -> float | None:
    """Seconds until a moment written as milliseconds since the epoch."""
    moment = _number(str(text).encode())
    return None if moment is None else _bounded(moment / 1000 - now)


def _number(value: bytes) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _seconds_until_date(value: bytes, now: float) -> float | None:
    try:
        return _bounded(parsedate_to_datetime(value.decode("ascii")).timestamp() - now)
    except (ValueError, OverflowError):
        return None


def _bounded(seconds: float) -> float:
    return min(max(seconds, 0.0), MOST_S)
