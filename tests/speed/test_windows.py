"""What it costs to say how full a context window is, at ten times the figures: a busy machine fails no test."""

from __future__ import annotations

import pytest

from bench.windows import LARGE_BYTES, LIMITS_US, SMALL_BYTES, conversation, cost_us


@pytest.mark.parametrize("size_bytes", [SMALL_BYTES, LARGE_BYTES])
def test_it_costs_15_microseconds_for_2_kilobytes_and_a_millisecond_for_a_megabyte(size_bytes: int) -> None:
    assert len(conversation(size_bytes)) == pytest.approx(size_bytes, rel=0.15)
    assert cost_us(size_bytes, rounds=3) <= 10 * LIMITS_US[size_bytes]
