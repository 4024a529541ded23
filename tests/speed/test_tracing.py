"""What tracing costs a request, at ten times the figures: a busy machine fails no test."""

from __future__ import annotations

from bench.tracing import UNSAMPLED_MOST_US, measure


def test_a_request_that_is_not_sampled_pays_next_to_nothing(spared_collector: None) -> None:
    costs = measure(requests=500, rounds=3)
    assert costs.unsampled <= 10 * UNSAMPLED_MOST_US
    assert costs.sampled > 2 * costs.unsampled, "what is measured is really made"
