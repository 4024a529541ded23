"""Whatever a provider writes into Retry-After and its kin, it is seconds within an hour, or nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime

from hypothesis import example, given
from hypothesis import strategies as st

from gateway.providers.retry_after import MOST_S, retry_after, until_epoch_ms

NOW = 1_700_000_000.0


@given(
    st.sampled_from([b"retry-after", b"retry-after-ms"]), st.binary(max_size=40) | st.from_regex(rb"[-+0-9.eE_]{1,30}")
)
@example(b"retry-after", b"1e400")
@example(b"retry-after", b"nan")
@example(b"retry-after", b"-0")
@example(b"retry-after", b"Fri, 31 Dec 9999 23:59:59 GMT")
@example(b"retry-after", b"Mon, 01 Jan 0001 00:00:00 +2359")
@example(b"retry-after", b"\xff")
@example(b"retry-after-ms", b"-inf")
def test_any_bytes(name: bytes, value: bytes) -> None:
    seconds = retry_after([(name, value)], NOW)
    assert seconds is None or 0.0 <= seconds <= MOST_S


@given(st.integers(0, 3600))
def test_a_date_and_its_seconds_are_the_same(seconds: int) -> None:
    moment = datetime.fromtimestamp(NOW + seconds, UTC)
    date = format_datetime(moment, usegmt=True).encode()
    assert (
        retry_after([(b"retry-after", date)], NOW) == retry_after([(b"retry-after", b"%d" % seconds)], NOW) == seconds
    )


@given(st.one_of(st.text(max_size=30), st.floats(), st.integers(), st.none()))
def test_any_moment(value: object) -> None:
    seconds = until_epoch_ms(value, NOW)
    assert seconds is None or 0.0 <= seconds <= MOST_S
