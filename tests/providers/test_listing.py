"""What is listed: names that can really be asked for, from the configuration and from providers' own lists."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.config.defaults import SANDBOX_MODELS
from gateway.providers.catalog import Catalog
from gateway.providers.listing import ModelEntry
from gateway.providers.model_lists import ListedModel
from gateway.providers.prices import Prices
from gateway.providers.well_known import WELL_KNOWN
from tests.providers.catalogues import ALL_KEYS, NoData, configured, places


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "settings.toml"


def test_only_what_can_be_asked_is_listed(write: Path) -> None:
    text = '[models.fast]\ntarget = "gpt-4o"\n[models.slow]\ntarget = "claude-opus-5"'
    listed = Catalog(configured(write, text, {"OPENAI_API_KEY": "1"}), data=NoData()).models()
    own = [ModelEntry("fast", "openai"), *(ModelEntry(f"sandbox/{name}", "sandbox") for name in SANDBOX_MODELS)]
    assert listed[: len(own)] == own
    assert [entry.id for entry in listed[len(own) :]] == list(WELL_KNOWN["openai"])
    bare = Catalog(configured(write, environ={}), data=NoData()).models()
    assert [entry.id for entry in bare] == [f"sandbox/{name}" for name in SANDBOX_MODELS]


def test_everything_that_is_listed_resolves_to_its_owner(write: Path) -> None:
    catalog = Catalog(configured(write), data=NoData())
    for entry in catalog.models():
        assert catalog.resolve(entry.id)[0].provider == entry.provider
    assert "openrouter/auto" in {entry.id for entry in catalog.models()}
    assert "openrouter/openai/gpt-5" in {entry.id for entry in catalog.models()}


def learned(catalog: Catalog, provider: str, *names: str) -> list[str]:
    """What is listed of a provider that says it has these models."""
    catalog.learn(provider, [ListedModel(name) for name in names])
    return [entry.id for entry in catalog.models() if entry.provider == provider]


def test_a_providers_own_list_takes_the_place_of_the_well_known_names(write: Path) -> None:
    catalog = Catalog(configured(write))
    assert learned(catalog, "deepseek", "deepseek-chat", "deepseek-v9") == ["deepseek-chat", "deepseek-v9"]
    assert learned(catalog, "deepseek", "deepseek-v10") == ["deepseek-v10"]
    assert [entry.id for entry in catalog.models() if entry.provider == "openai"] == list(WELL_KNOWN["openai"])


def test_a_model_is_listed_by_the_name_that_leads_to_it(write: Path) -> None:
    """A plain name that means somebody else needs its provider's before it; one that an alias took does as well."""
    text = """
        [models."gpt-4o"]
        target = "sandbox/echo"
        [providers.mine]
        kind = "openai"
        base_url = "http://mine/v1"
    """
    catalog = Catalog(configured(write, text))
    assert learned(catalog, "openai", "gpt-4o", "gpt-4.1", "ft:gpt-4o:me") == [
        "openai/gpt-4o",
        "gpt-4.1",
        "openai/ft:gpt-4o:me",
    ]
    assert learned(catalog, "openrouter", "meta-llama/llama-4", "anthropic/claude-opus-5", "openrouter/auto") == [
        "meta-llama/llama-4",
        "openrouter/anthropic/claude-opus-5",
        "openrouter/auto",
    ]
    assert learned(catalog, "mine", "llama", "gpt-4.1", "a/b") == ["mine/llama", "mine/gpt-4.1", "mine/a/b"]
    for entry in catalog.models():
        assert catalog.resolve(entry.id)[0].provider == entry.provider, entry.id


def test_a_vendors_name_at_openrouter_is_enough_where_the_vendor_has_no_key(write: Path) -> None:
    catalog = Catalog(configured(write, environ={"OPENROUTER_API_KEY": "5"}))
    assert learned(catalog, "openrouter", "anthropic/claude-opus-5", "x-ai/grok-9") == [
        "anthropic/claude-opus-5",
        "x-ai/grok-9",
    ]


def test_what_no_name_leads_to_is_not_listed(write: Path) -> None:
    text = '[[routes]]\nmatch = "*"\nprovider = "sandbox"\n[[routes]]\nmatch = "openai/*"\nprovider = "deepseek"'
    assert learned(Catalog(configured(write, text)), "openai", "gpt-4o") == []


def test_a_list_refuses_nobody(write: Path) -> None:
    catalog = Catalog(configured(write))
    catalog.learn("openai", [ListedModel("gpt-4o")])
    assert places(catalog, "gpt-9-secret-preview") == [("openai", "gpt-9-secret-preview")]
    assert places(catalog, "openai/whisper-1") == [("openai", "whisper-1")]


def test_what_a_provider_says_of_its_model_beats_the_data_and_the_configuration_beats_both(write: Path) -> None:
    text = """
        [models."gpt-4o"]
        context_window = 3
        prices = {input = 1, output = 2}
        [models.alias]
        target = "gpt-4.1"
    """
    catalog = Catalog(configured(write, text))
    assert catalog.resolve("gpt-4o-mini")[0].window == 128_000
    assert {entry.id: entry.context_window for entry in catalog.models()}["alias"] == 1_000_000
    names = ("gpt-4o", "gpt-4o-mini", "gpt-4.1")
    catalog.learn("openai", [ListedModel(name, 9, 7, 5, Prices(input=4.0)) for name in names])
    lines = {entry.id: entry for entry in catalog.models() if entry.provider == "openai"}
    assert lines == {
        "gpt-4o": ModelEntry("gpt-4o", "openai", 9, 3, 5, Prices(input=1.0, output=2.0)),
        "alias": ModelEntry("alias", "openai", 9, 7, 5, Prices(input=4.0)),
        "gpt-4o-mini": ModelEntry("gpt-4o-mini", "openai", 9, 7, 5, Prices(input=4.0)),
        "gpt-4.1": ModelEntry("gpt-4.1", "openai", 9, 7, 5, Prices(input=4.0)),
    }
    assert [catalog.resolve(name)[0].window for name in ("gpt-4o", "gpt-4o-mini", "alias")] == [3, 7, 7]
    assert (catalog.output_limit("openai", "gpt-4.1"), catalog.output_limit("openai", "gpt-9")) == (5, None)
    assert catalog.entry("openai/gpt-4o").prices == Prices(input=1.0, output=2.0), "whatever the name"


def test_a_call_is_charged_by_provider_and_model_whichever_name_led_there(write: Path) -> None:
    text = """
        [models.fast]
        target = "cheap"
        prices.input = 1.5
        [models.cheap]
        target = "openai/gpt-4o-mini"
        prices.input = 2.5
        [models.mine]
        target = "anthropic/claude-in-house"
        prices.input = 3.5
        [models.nobodys]
        target = "sandbox/echo"
        [models.without-key]
        target = "deepseek-chat"
        prices.input = 4.5
    """
    environ = {name: key for name, key in ALL_KEYS.items() if name != "DEEPSEEK_API_KEY"}
    catalog = Catalog(configured(write, text, environ))
    assert catalog.prices("openai", "gpt-4o-mini") == Prices(input=2.5)
    assert catalog.prices("anthropic", "claude-in-house") == Prices(input=3.5)
    assert catalog.prices("openai", "gpt-4o") == Prices(input=2.5, output=10.0, cached_input=1.25)
    assert catalog.prices("openai", "who-knows") is None
    assert catalog.prices("sandbox", "echo") == Prices(input=0.0, output=0.0)
    assert catalog.entry("fast").prices == Prices(input=1.5)


def test_prices_are_those_of_the_hour(write: Path) -> None:
    now = datetime(2026, 9, 20, 0, 30, tzinfo=UTC).timestamp()
    catalog = Catalog(configured(write), wall_clock=lambda: now)

    def listed() -> float | None:
        (entry,) = [entry for entry in catalog.models() if entry.id == "deepseek-v4-flash"]
        assert catalog.prices("deepseek", "deepseek-v4-flash") == entry.prices == catalog.entry(entry.id).prices
        return None if entry.prices is None else entry.prices.input

    assert listed() == 0.15
    now += 3600
    assert listed() == 0.3


def test_a_long_list_is_learned_in_moments(write: Path) -> None:
    """Some 20 µs a model; asserted at ten times that. Asking for all of it takes far less."""
    catalog = Catalog(configured(write))
    models = [ListedModel(f"vendor-{number}/model", prices=Prices(input=1.0)) for number in range(1000)]
    began = time.process_time()
    catalog.learn("openrouter", models)
    assert time.process_time() - began < 0.2
    began = time.process_time()
    assert len(catalog.models()) > 1000
    assert time.process_time() - began < 0.02
