"""What it costs to say how full a context window is, at ten times the figures: a busy machine fails no test."""

from __future__ import annotations

import pytest

from bench.windows import LARGE_BYTES, LIMITS_US, SMALL_BYTES, conversation, cost_us
from tests.figures import Figures


@pytest.mark.parametrize("size_bytes", [SMALL_BYTES, LARGE_BYTES])
def test_it_costs_15_microseconds_for_2_kilobytes_and_a_millisecond_for_a_megabyte(
    size_bytes: int, measured: Figures
) -> None:
    assert len(conversation(size_bytes)) == pytest.approx(size_bytes, rel=0.15)
    cost, limit = cost_us(size_bytes, rounds=3), LIMITS_US[size_bytes]
    what = f"how full a context window is, {size_bytes // 1024} KiB of short messages"
    measured(20, what, f"{cost:.0f} µs", promised=f"{limit:g} µs")
    assert cost <= 10 * limit
