"""The headers that tell how limits stand, letter by letter as OpenAI writes them."""

from __future__ import annotations

import math

import pytest

from actors.policy.standing import Standing, Standings
from gateway.face.rate_limit_headers import go_duration, rate_limit_headers, told_by_us


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0.0, b"0s"),
        (0.006, b"6ms"),
        (0.0001, b"1ms"),
        (0.120, b"120ms"),
        (0.9995, b"1s"),
        (1.0, b"1s"),
        (8.64, b"8.64s"),
        (19.496, b"19.496s"),
        (60.0, b"1m0s"),
        (90.5, b"1m30.5s"),
        (360.0, b"6m0s"),
        (3600.0, b"1h0m0s"),
        (86_399.25, b"23h59m59.25s"),
        (math.inf, b"8760h0m0s"),
    ],
)
def test_durations_are_written_in_gos_way(seconds: float, written: bytes) -> None:
    """Examples from recorded answers of OpenAI's, and from its documentation."""
    assert go_duration(seconds) == written


def test_three_headers_tell_of_each_limit_that_there_is() -> None:
    assert rate_limit_headers(Standings(Standing(60, 59, 1.0), Standing(1000, 0, 360.0))) == [
        (b"x-ratelimit-limit-requests", b"60"),
        (b"x-ratelimit-remaining-requests", b"59"),
        (b"x-ratelimit-reset-requests", b"1s"),
        (b"x-ratelimit-limit-tokens", b"1000"),
        (b"x-ratelimit-remaining-tokens", b"0"),
        (b"x-ratelimit-reset-tokens", b"6m0s"),
    ]
    assert rate_limit_headers(Standings()) == []


def test_our_limits_take_the_place_of_the_upstreams() -> None:
    """Of both kinds, even where we have only one: half of each would describe nobody's account."""
    upstream = [(b"content-type", b"application/json"), (b"x-ratelimit-limit-tokens", b"30000000")]
    assert told_by_us(upstream, Standings(requests=Standing(60, 59, 1.0)))[:2] == [
        (b"content-type", b"application/json"),
        (b"x-ratelimit-limit-requests", b"60"),
    ]
