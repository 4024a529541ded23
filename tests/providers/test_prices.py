"""What an answer costs is what the genai-prices package calculates for it, for every model and at every time."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest
from genai_prices.data_units import unit_data
from genai_prices.types import ModelInfo, Provider
from genai_prices.types import Usage as PackageUsage

from gateway.dialects.envelope import Usage
from gateway.providers.model_data import ModelData
from gateway.providers.prices import Change, Prices, Tariff, Tier, price_list
from tests.providers.price_package import OURS, TABLES, names_of

TOKENS = tuple(key for key, unit in unit_data.items() if unit["dimensions"]["family"] == "tokens")
"""What it counts apart, pictures and films among them: none of these are in our usages."""

USAGES = (
    Usage(),
    Usage(prompt=1, completion=1),
    Usage(prompt=1000, completion=500, cached=600, written=300, reasoning=200),
    Usage(prompt=1000, completion=500, cached=600, written=300, written_1h=200),
    Usage(prompt=200_000, completion=100),
    Usage(prompt=200_001, completion=100, cached=50_000, written=1000),
    Usage(prompt=272_001, completion=8000, reasoning=7000),
    Usage(prompt=900_000, completion=64_000, cached=899_999),
    Usage(prompt=5000, completion=700, audio_in=4000, audio_out=600),
)
MOMENTS = tuple(
    datetime.fromisoformat(f"{moment}+00:00")
    for moment in (
        "2025-01-01T12:00:00",
        "2026-03-12T23:59:59",
        "2026-03-13T00:00:00",
        "2026-09-15T00:29:59",
        "2026-09-15T02:00:00",
        "2026-09-15T16:30:00",
        "2027-06-01T09:59:59",
        "2027-06-01T23:00:00",
    )
)


@pytest.mark.parametrize("provider", OURS)
def test_a_call_costs_what_the_package_says(provider: str) -> None:
    data, table = ModelData(), TABLES[provider]
    compared, known = 0, dict[str, Tariff | None]()
    for name in set(names_of(table)):
        model = table.find_model(name)
        if model is None:
            continue  # some ids are not found by their own rules
        tariff = data.tariff(provider, name)
        if model.id in known:
            assert tariff == known[model.id], name
            continue
        known[model.id] = tariff
        moments = MOMENTS if isinstance(model.prices, list) else MOMENTS[-1:]
        for moment in moments:
            prices = price_list(None if tariff is None else tariff.at(moment.timestamp()))
            for usage in USAGES:
                theirs = _packages_cost(model, table, usage, moment)
                compared += _compare(name, None if prices is None else prices.nano_usd(usage), theirs)
    assert compared > 40


def _compare(name: str, ours: int | None, theirs: float | None) -> int:
    """How many figures were compared: to the nano-USD."""
    if theirs is None:
        assert ours is None, name
        return 0
    assert ours is not None, name
    assert math.isclose(ours, theirs * 1e9, rel_tol=1e-12, abs_tol=0.5 + 1e-6), name
    return 1


def _packages_cost(model: ModelInfo, table: Provider, usage: Usage, moment: datetime) -> float | None:
    """None where it has no price for text."""
    standard = model.get_prices(moment)
    if standard.input_mtok is None and standard.output_mtok is None:
        return None
    counts = dict.fromkeys(TOKENS, 0) | {
        "input_tokens": usage.prompt,
        "output_tokens": usage.completion,
        "cache_read_tokens": usage.cached,
        "cache_write_tokens": usage.written,
        "cache_write_1h_tokens": usage.written_1h,
        "input_audio_tokens": usage.audio_in,
        "output_audio_tokens": usage.audio_out,
        "output_reasoning_tokens": usage.reasoning,
    }
    cost = model.calc_price(PackageUsage(**counts), table, genai_request_timestamp=moment)
    return float(cost.total_price)


def _cost(prices: Prices, **usage: int) -> int:
    known = price_list(prices)
    assert known is not None
    return known.nano_usd(Usage(**usage))


def test_what_nobody_knows_the_price_of_has_no_cost() -> None:
    assert price_list(None) is None
    assert price_list(Prices()) is None
    assert price_list(Prices(cached_input=1.0)) is None
    assert _cost(Prices(input=1.0), prompt=1_000_000, completion=7) == 1_000_000_000


def test_a_cost_is_rounded_once_to_a_whole_nano_usd_and_never_drifts() -> None:
    """0.0375 USD a million is 37.5 nano-USD a token."""
    assert [_cost(Prices(input=0.0375), prompt=tokens) for tokens in (1, 2, 3)] == [38, 75, 113]
    cheap = price_list(Prices(input=0.1, output=0.3))
    assert cheap is not None
    assert sum(cheap.nano_usd(Usage(prompt=1, completion=1)) for _ in range(1_000_000)) == 400_000_000


def test_a_long_prompt_costs_more_from_its_first_token_on() -> None:
    long = Tier(above_input_tokens=100, input=2.0, output=20.0)
    longer = Tier(above_input_tokens=1000, input=4.0, output=40.0)
    prices = Prices(input=1.0, output=10.0, tiers=(long, longer))
    costs = [_cost(prices, prompt=prompt, completion=1) for prompt in (100, 101, 1000, 1001)]
    assert costs == [110_000, 222_000, 2_020_000, 4_044_000]


def test_sound_from_the_cache_is_charged_once_more_and_never_less_than_nothing() -> None:
    prices = Prices(input=1.0, cached_input=0.1, audio_input=10.0)
    assert _cost(prices, prompt=100, cached=80, audio_in=60) == 80 * 100 + 60 * 10_000


def test_the_last_change_that_holds_counts() -> None:
    night = Change(
        prices=Prices(input=1.0),
        begins=datetime(2026, 1, 1, 22, 30).time(),
        ends=datetime(2026, 1, 1, 6, 0).time(),
    )
    since = Change(prices=Prices(input=3.0), since=datetime(2026, 5, 1).date())
    tariff = Tariff(prices=Prices(input=2.0), changes=(since, night))

    def at(*moment: int) -> float | None:
        return tariff.at(datetime(*moment, tzinfo=UTC).timestamp()).input  # type: ignore[arg-type, misc]

    assert at(2026, 4, 30, 22, 29, 59) == 2.0
    assert at(2026, 4, 30, 22, 30) == 1.0
    assert at(2026, 5, 1, 5, 59, 59) == 1.0
    assert at(2026, 5, 1, 6) == 3.0
