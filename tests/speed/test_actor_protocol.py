"""Promise 20, at ten times its figure: a busy machine must not fail the tests."""

from __future__ import annotations

from statistics import median

from bench.protocol import measure

PROMISED_US = 35.0


async def test_the_actor_protocol_costs_at_most_35_microseconds_a_call() -> None:
    """Asker, router, provider, call task and back, limits on."""
    assert median(await measure(calls=2_000, rounds=3)) <= 10 * PROMISED_US
