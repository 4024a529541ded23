"""What we know of models is what the genai-prices package knows, without its weight."""

from __future__ import annotations

import time

import pytest

from gateway.providers.model_data import FILE, ModelData, _read
from gateway.providers.well_known import WELL_KNOWN
from tests.providers.price_package import OURS, TABLES, names_of, written


@pytest.fixture(scope="module")
def data() -> ModelData:
    return ModelData()


def test_the_file_is_what_the_package_says() -> None:
    """If not, there is a newer package: `make models` writes the file anew."""
    assert FILE.read_text(encoding="utf-8") == written()


FORMS = ("{}", "{}-20251231", "{}-2025-12-31", "{}-preview", "ft:{}")


@pytest.mark.parametrize("provider", OURS)
def test_every_name_has_the_window_that_the_package_finds(provider: str, data: ModelData) -> None:
    """Each of the provider's own in many forms, and everybody else's."""
    table = TABLES[provider]
    ids = {model.id for model in table.models}
    own = {form.format(name) for form in FORMS for name in names_of(table)}
    for name in {*own, *map(str.upper, ids), *(name for other in TABLES.values() for name in names_of(other))}:
        found = table.find_model(name)
        if found is not None or name not in ids:  # some ids are not found by their own rules
            assert data.window(provider, name) == (None if found is None else found.context_window), name


def test_every_name_that_the_package_gives_in_full_is_listed(data: ModelData) -> None:
    for table in TABLES.values():
        for name in names_of(table):
            assert data.lists(name), name
    assert not data.lists("gpt-4o-2099-01-01")


def test_a_provider_of_ones_own_is_not_in_the_file(data: ModelData) -> None:
    assert data.window("mine", "gpt-4o") is None
    assert data.tariff("mine", "gpt-4o") is None


def test_the_file_is_read_in_moments() -> None:
    """Some 2 ms, once a process; 10 are allowed."""
    began = time.process_time()
    _read.__wrapped__()
    assert time.process_time() - began < 0.01


def test_every_well_known_model_is_known_to_the_data(data: ModelData) -> None:
    for provider, models in WELL_KNOWN.items():
        for model in models:
            known = data.window(provider, model) is not None or data.lists(model) or model == "openrouter/auto"
            assert known, f"{provider} {model}"


def test_a_look_up_is_short_however_the_name_looks(data: ModelData) -> None:
    """Under 50 µs for the longest names that a client can send; asserted at ten times that."""
    names = [
        f"{beginning}{number:x<250}" for beginning in ("", "gpt-6-sol-", "gemini-3.8-flash-") for number in range(100)
    ]
    began = time.process_time()
    for name in names:
        data.window("google", name)
    assert (time.process_time() - began) / len(names) < 500e-6
