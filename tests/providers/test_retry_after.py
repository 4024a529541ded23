"""When to ask again, in every form that providers say it."""

from __future__ import annotations

import pytest

from gateway.providers.retry_after import MOST_S, retry_after, until_epoch_ms

NOW = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ([], None),
        ([(b"retry-after", b"3")], 3.0),
        ([(b"retry-after", b"0.5")], 0.5),
        ([(b"retry-after", b"-3")], 0.0),
        ([(b"retry-after", b"Tue, 14 Nov 2023 22:13:50 GMT")], 30.0),
        ([(b"retry-after", b"Tue, 14 Nov 2023 22:13:00 GMT")], 0.0),
        ([(b"retry-after", b"Tue, 99 Nov 2023")], None),
        ([(b"retry-after", b"soon")], None),
        ([(b"retry-after", b"\xff")], None),
        ([(b"retry-after", b"nan")], None),
        ([(b"retry-after", b"inf")], None),
        ([(b"retry-after", b"1e300")], MOST_S),
        ([(b"retry-after-ms", b"1500")], 1.5),
        ([(b"retry-after", b"2"), (b"retry-after-ms", b"1500")], 1.5),
        ([(b"retry-after", b"1"), (b"retry-after-ms", b"0")], 1.0),
        ([(b"retry-after", b"2"), (b"retry-after-ms", b"x")], 2.0),
    ],
)
def test_headers(headers: list[tuple[bytes, bytes]], seconds: float | None) -> None:
    assert retry_after(headers, NOW) == seconds


@pytest.mark.parametrize(
    ("moment", "seconds"),
    [("1700000005000", 5.0), (1_700_000_005_000, 5.0), ("1600000000000", 0.0), (None, None), ({}, None)],
)
def test_a_moment_in_milliseconds(moment: object, seconds: float | None) -> None:
    assert until_epoch_ms(moment, NOW) == seconds
