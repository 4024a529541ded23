"""What it costs to say how full a context window is, at ten times the figures: a busy machine fails no test."""

from __future__ import annotations

from statistics import median

import pytest

from bench.windows import LARGE_BYTES, LIMITS_US, SHAPES, SMALL_BYTES, conversation, dearest_us
from tests.figures import Figures

pytestmark = pytest.mark.real_time


@pytest.mark.parametrize("size_bytes", [SMALL_BYTES, LARGE_BYTES])
def test_it_costs_15_microseconds_for_2_kilobytes_and_a_millisecond_for_a_megabyte(
    size_bytes: int, measured: Figures
) -> None:
    """Of whatever a conversation consists, and in every dialect."""
    limit, costs = LIMITS_US[size_bytes], {}
    for name, shape in SHAPES.items():
        assert len(conversation(shape, size_bytes)) == pytest.approx(size_bytes, rel=0.25)
        costs[name] = dearest_us(shape, size_bytes, rounds=5)
    dearest = max(costs, key=costs.__getitem__)
    what = f"how full a context window is, {size_bytes // 1024} KiB, the dearest of all shapes"
    figure = f"{costs[dearest]:.0f} µs ({dearest}), usually {median(costs.values()):.0f} µs"
    measured(20, what, figure, promised=f"{limit:g} µs")
    assert costs[dearest] <= 10 * limit
