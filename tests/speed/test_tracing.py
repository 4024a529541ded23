"""What tracing costs a request, at ten times the figures: a busy machine fails no test."""

from __future__ import annotations

import pytest

from bench.tracing import OFF_MOST_US, UNSAMPLED_MOST_US, measure
from tests.figures import Figures

pytestmark = pytest.mark.real_time


def test_a_request_that_is_not_sampled_pays_next_to_nothing(spared_collector: None, measured: Figures) -> None:
    costs = measure(requests=500, rounds=3)
    assert costs.off <= 10 * OFF_MOST_US
    assert costs.unsampled <= 10 * UNSAMPLED_MOST_US
    assert costs.off < costs.unsampled < costs.sampled / 2, "what is measured is really made"
    measured(20, "tracing a request, off", f"{costs.off:.2f} µs", promised=f"nothing: {OFF_MOST_US:g} µs")
    measured(20, "tracing a request, not sampled", f"{costs.unsampled:.1f} µs", promised=f"{UNSAMPLED_MOST_US:g} µs")
