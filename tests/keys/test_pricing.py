"""What usage costs goes by what time it is, whichever way the clock moves."""

from __future__ import annotations

from gateway.dialects.envelope import Usage
from gateway.keys.pricing import Pricer
from gateway.providers.prices import Prices


def test_a_clock_that_is_set_back_brings_the_prices_of_then_back() -> None:
    """A machine that believed for a while that it was evening, when all is half as dear."""
    moments, asked = [0.0], 0

    def prices(_provider: str, _model: str) -> Prices:
        nonlocal asked
        asked += 1
        return Prices(input=1.0 if moments[-1] < 3600 else 0.5, output=0.0)

    pricer = Pricer(prices, lambda: moments[-1])
    usage = Usage(prompt=1000)
    costs = []
    for moment in (0.0, 59.9, 7200.0, 10.0, 59.0, 60.0):
        moments.append(moment)
        costs.append(pricer.nano_usd("openai", "gpt", usage))
    assert costs == [1_000_000, 1_000_000, 500_000, 1_000_000, 1_000_000, 1_000_000]
    assert asked == 4, "once a minute"
