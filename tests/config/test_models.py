"""What [models] and [catalogue] say of models beside where they go: prices, parameters, how often lists are fetched."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config.settings import ModelPrices, Parameters
from tests.config.writing import keys_of, loaded, refused


def test_prices_and_parameters_of_a_model_are_read(tmp_path: Path) -> None:
    text = """
        [models."gpt-4.1"]
        prices = {input = 2, output = 8.5, cached_input = 0}
        parameters = {temperature = 0.2, max_tokens = 2048, stop = ["a"], parallel_tool_calls = false}
        [models.other]
        target = "gpt-4o"
        [models.other.parameters]
        stop = "END"
        reasoning_effort = "low"
    """
    models = loaded(text, tmp_path).models
    assert models["gpt-4.1"].prices == ModelPrices(input=2.0, output=8.5, cached_input=0.0)
    assert models["gpt-4.1"].parameters == Parameters(
        temperature=0.2, max_tokens=2048, stop=("a",), parallel_tool_calls=False
    )
    assert models["other"].parameters == Parameters(stop="END", reasoning_effort="low")
    assert models["other"].prices == ModelPrices()


def test_lists_are_fetched_every_hour_unless_somebody_says_otherwise(tmp_path: Path) -> None:
    assert loaded("", tmp_path).catalogue.refresh_s == 3600.0
    assert loaded("[catalogue]\nrefresh_s = 0", tmp_path).catalogue.refresh_s == 0.0


def test_every_mistake_in_them_is_told_in_one_go(tmp_path: Path) -> None:
    text = """
        [catalogue]
        refresh_s = -1
        [models."gpt-4o"]
        prices = {cached_input = -1, cache_write = 2, inputs = 3}
        parameters = {temperature = 3, max_tokens = 0, stop = ["a", ""], temprature = 1, seed = "x"}
        [models.fast]
        target = "gpt-4o"
        parameters = {max_tokens = 1, max_completion_tokens = 2}
    """
    assert keys_of(refused(text, tmp_path)) == [
        "catalogue.refresh_s",
        "models.gpt-4o.prices.inputs",
        "models.gpt-4o.prices.cached_input",
        "models.gpt-4o.parameters.temprature",
        "models.gpt-4o.parameters.temperature",
        "models.gpt-4o.parameters.max_tokens",
        "models.gpt-4o.parameters.seed",
        "models.gpt-4o.parameters.stop",
        "models.gpt-4o.prices",
        "models.fast.parameters.max_tokens",
    ]


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("parameters.max_tokens = 0", "a whole number from 1 up, found 0"),
        ("parameters.temperature = true", "a number from 0 to 2, found true"),
        ("parameters.seed = 9223372036854775808", "a whole number of at most 64 bits, found 9223372036854775808"),
        ("parameters.verbosity = 'loud'", 'one of "high", "low", "medium", found "loud"'),
        ("prices.input = nan", "a number from 0 to 1000000, found NaN"),
        ("prices.cached_input = 1", "the price of input, of output or of both, found neither"),
    ],
)
def test_a_mistake_tells_what_was_expected_and_what_stands_there(setting: str, told: str, tmp_path: Path) -> None:
    (mistake,) = refused(f"[models.x]\ntarget = 'gpt-4o'\n{setting}", tmp_path)
    assert f"{mistake}".partition(": expected ")[2] == told
