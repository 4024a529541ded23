"""A gateway's metrics, each counted at least once: what there is to see for those who watch."""

from __future__ import annotations

from gateway.keys.ledger import Rows, Spent
from gateway.telemetry.metrics import Metrics, TakeBills
from gateway.telemetry.scrape import ActorFigures


def told_once(bills: Rows) -> TakeBills:
    """As a ledger tells what has been billed since it was last asked."""
    told = iter([bills])
    return lambda: next(told, {})


def everything() -> Metrics:
    metrics = Metrics(
        lambda model: True,
        lambda: [ActorFigures("openai", 1, 2, 3, 4, 5, 6)],
        take_bills=told_once({("openai", "gpt-4o"): Spent(1, 2, 1, prompt=2, completion=2, cached=2, reasoning=2)}),
    )
    series = metrics.series("openai", "gpt-4o", "chat/completions", 200, False)
    series.requests.value += 1
    series.duration.observe(1)
    series.first_token.observe(1)
    series.overhead.observe(1)
    metrics.count_error("openai", "upstream_500")
    metrics.count_retry("openai", "retry")
    metrics.count_breaker_failure("openai", "gpt-4o")
    metrics.set_breaker("openai", "gpt-4o", 2)
    metrics.observe_disconnect("chat/completions", 0.001)
    metrics.observe_store("lease", 0.001)
    metrics.count_store_unanswered("response")
    metrics.set_store_mode(1)
    metrics.count_spans("exported", 3)
    metrics.count_cache("chat/completions", "hit")
    metrics.observe_service("context", "validate", "ok", 0.01)
    metrics.observe_tool("extract_keywords", "ok", 0.01)
    metrics.set_pressure(1)
    return metrics
