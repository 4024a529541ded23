"""From names to candidates: keys, fallbacks, aliases, windows, timeouts, what is listed and what is remembered."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from textwrap import dedent

import pytest

from actors.letters import DEFAULT_TIMEOUTS, Candidate, Timeouts
from gateway.config import Config, load
from gateway.errors import ModelNotFound, ProviderMissing
from gateway.providers.catalog import MAX_REMEMBERED, Catalog
from gateway.providers.listing import ModelEntry
from gateway.providers.model_data import ModelData
from gateway.providers.model_lists import ListedModel
from gateway.providers.patience import reasons_first
from gateway.providers.prices import Prices, Tariff
from gateway.providers.well_known import WELL_KNOWN

ALL_KEYS = {
    "OPENAI_API_KEY": "1",
    "ANTHROPIC_API_KEY": "2",
    "GEMINI_API_KEY": "3",
    "DEEPSEEK_API_KEY": "4",
    "OPENROUTER_API_KEY": "5",
}
PATIENT = Timeouts(first_token_s=300.0, idle_s=120.0, hedge_after_s=60.0)


class NoData(ModelData):
    """Knows nothing, and counts how often it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def window(self, provider: str, model: str) -> int | None:
        self.asked += 1
        return None

    def tariff(self, provider: str, model: str) -> Tariff | None:
        return None

    def lists(self, model: str) -> bool:
        return False


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "settings.toml"


def configured(path: Path, text: str = "", environ: Mapping[str, str] = ALL_KEYS) -> Config:
    path.write_text(dedent(text))
    return load(path, environ)


def places(catalog: Catalog, name: str) -> list[tuple[str, str]]:
    return [(each.provider, each.model) for each in catalog.resolve(name)]


def test_a_plain_name_has_one_candidate(write: Path) -> None:
    catalog = Catalog(configured(write), data=NoData())
    assert catalog.resolve("gpt-4o") == (Candidate(provider="openai", model="gpt-4o", timeouts=DEFAULT_TIMEOUTS),)


def test_a_target_and_its_fallbacks_are_asked_in_order_each_once(write: Path) -> None:
    text = """
        [models."gpt-4.1"]
        target = "openai/gpt-4.1"
        fallbacks = ["anthropic/claude-sonnet-4-5", "gpt-4.1", "openai/gpt-4.1", "openrouter/meta-llama/llama-4"]
    """.replace('"gpt-4.1", "openai', '"openai')
    catalog = Catalog(configured(write, text), data=NoData())
    assert places(catalog, "gpt-4.1") == [
        ("openai", "gpt-4.1"),
        ("anthropic", "claude-sonnet-4-5"),
        ("openrouter", "meta-llama/llama-4"),
    ]


def test_an_alias_has_its_targets_settings_but_for_its_own(write: Path) -> None:
    text = """
        [models.fast]
        target = "cheap"
        timeouts.idle_s = 7
        [models.cheap]
        target = "gpt-4o-mini"
        fallbacks = ["deepseek-chat"]
        context_window = 1000
        timeouts.idle_s = 8
        timeouts.connect_s = 2
        [models.other]
        target = "cheap"
        fallbacks = ["fast"]
    """
    catalog = Catalog(configured(write, text), data=NoData())
    first, second = catalog.resolve("fast")
    assert (first.provider, first.model, first.window) == ("openai", "gpt-4o-mini", 1000)
    assert first.timeouts == Timeouts(idle_s=7.0, connect_s=2.0)
    assert second == Candidate(provider="deepseek", model="deepseek-chat")
    assert places(catalog, "other") == [("openai", "gpt-4o-mini")]


def test_candidates_without_a_key_are_left_out(write: Path) -> None:
    text = '[models."gpt-4o"]\nfallbacks = ["claude-opus-5", "sandbox/echo"]'
    catalog = Catalog(configured(write, text, {"OPENAI_API_KEY": "1"}), data=NoData())
    assert places(catalog, "gpt-4o") == [("openai", "gpt-4o"), ("sandbox", "echo")]
    catalog = Catalog(configured(write, text, {}), data=NoData())
    assert places(catalog, "gpt-4o") == [("sandbox", "echo")]


def test_a_vendors_model_goes_to_openrouter_unchanged_where_the_vendor_has_no_key(write: Path) -> None:
    catalog = Catalog(configured(write, environ={"OPENROUTER_API_KEY": "5"}), data=NoData())
    assert places(catalog, "anthropic/claude-sonnet-4.5") == [("openrouter", "anthropic/claude-sonnet-4.5")]
    assert places(catalog, "openrouter/openai/gpt-5") == [("openrouter", "openai/gpt-5")]
    assert places(catalog, "openrouter/auto") == [("openrouter", "openrouter/auto")]


def test_a_users_own_provider_without_a_key_is_not_openrouters_business(write: Path) -> None:
    text = '[providers.mine]\nkind = "openai"\nbase_url = "http://mine/v1"\napi_key_env = ["MY_KEY", "MY_OTHER_KEY"]'
    catalog = Catalog(configured(write, text), data=NoData())
    with pytest.raises(ProviderMissing, match="set MY_KEY or MY_OTHER_KEY"):
        catalog.resolve("mine/model")


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("claude-x", ProviderMissing, "The model `claude-x` belongs to anthropic, which has no key here: set ANTHRO"),
        ("openai/gpt-5", ProviderMissing, "set OPENAI_API_KEY, or OPENROUTER_API_KEY to reach it through OpenRouter."),
        ("openrouter/x/y", ProviderMissing, "set OPENROUTER_API_KEY."),
        ("sandbox/nope", ModelNotFound, "there are `sandbox/echo` and `sandbox/lorem`."),
        ("nope", ModelNotFound, "not known here, and openrouter, which takes all other models, has no key: OPENROUTER"),
        ("openai/", ModelNotFound, "no route takes it"),
        ("gpt-" + "x" * 300, ModelNotFound, "xxx...` does not exist"),
    ],
)
def test_what_nobody_can_serve_is_a_clear_error(name: str, error: type[Exception], message: str, write: Path) -> None:
    catalog = Catalog(configured(write, environ={}), data=NoData())
    with pytest.raises(error) as caught:
        catalog.resolve(name)
    assert message in str(caught.value)
    assert getattr(caught.value, "param", None) == "model"


def test_an_alias_that_cannot_be_served_tells_of_its_target_not_of_its_fallbacks(write: Path) -> None:
    text = '[models.fast]\ntarget = "gpt-4o"\nfallbacks = ["claude-opus-5"]'
    with pytest.raises(ProviderMissing, match="OPENAI_API_KEY"):
        Catalog(configured(write, text, {}), data=NoData()).resolve("fast")


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("o1", True),
        ("o3-mini", True),
        ("o4-mini-2025-04-16", True),
        ("gpt-5-nano", True),
        ("openai/gpt-5.1", True),
        ("deepseek-reasoner", True),
        ("deepseek/deepseek-r1:free", True),
        ("moonshotai/kimi-k2-thinking", True),
        ("anthropic/claude-3.7-sonnet:thinking", True),
        ("x-ai/Grok-4", True),
        ("gemini-2.5-pro", True),
        ("gpt-4o", False),
        ("gpt-4.1", False),
        ("claude-sonnet-4-5", False),
        ("deepseek-chat", False),
        ("omni", False),
    ],
)
def test_which_models_reason_first(name: str, first: bool) -> None:
    assert reasons_first(name) is first


def test_models_that_reason_first_get_more_time(write: Path) -> None:
    catalog = Catalog(configured(write), data=NoData())
    assert catalog.resolve("o3")[0].timeouts == PATIENT
    assert catalog.resolve("openrouter/openai/gpt-5")[0].timeouts == PATIENT
    assert catalog.resolve("gpt-4o")[0].timeouts == DEFAULT_TIMEOUTS


def test_the_more_special_timeout_wins(write: Path) -> None:
    text = """
        [timeouts]
        connect_s = 1
        first_token_s = 10
        total_s = 100
        reasoning_first_token_s = 11
        [providers.openai.timeouts]
        first_token_s = 20
        total_s = 200
        reasoning_idle_s = 21
        [models.o3.timeouts]
        idle_s = 30
        total_s = 300
    """
    catalog = Catalog(configured(write, text), data=NoData())
    plain, reasoning, own = (catalog.resolution(name) for name in ("gpt-4o", "o4-mini", "o3"))
    assert plain.candidates[0].timeouts == Timeouts(connect_s=1.0, first_token_s=20.0)
    assert reasoning.candidates[0].timeouts == Timeouts(
        connect_s=1.0, first_token_s=11.0, idle_s=21.0, hedge_after_s=60.0
    )
    assert own.candidates[0].timeouts == Timeouts(connect_s=1.0, first_token_s=11.0, idle_s=30.0, hedge_after_s=60.0)
    assert [each.total_s for each in (plain, reasoning, own)] == [200.0, 200.0, 300.0]
    assert catalog.resolution("claude-opus-5").total_s == 100.0


def test_only_kinds_that_can_go_on_with_a_broken_answer_are_asked_to(write: Path) -> None:
    catalog = Catalog(configured(write), data=NoData(), resuming={"openai"})
    assert catalog.resolve("gpt-4o")[0].resumes is True
    assert catalog.resolve("claude-opus-5")[0].resumes is False


def test_an_answer_is_remembered_and_the_memory_is_bounded(write: Path) -> None:
    data = NoData()
    catalog = Catalog(configured(write), data=data)
    assert catalog.resolve("gpt-4o") is catalog.resolve("gpt-4o")
    assert data.asked == 1
    for number in range(MAX_REMEMBERED + 10):
        catalog.resolve(f"gpt-{number}")
    catalog.resolve("gpt-4o")
    assert data.asked == MAX_REMEMBERED + 12, "the oldest name was forgotten"


def test_a_remembered_name_costs_next_to_nothing(write: Path) -> None:
    """Under a microsecond; asserted at ten times that."""
    catalog = Catalog(configured(write), data=NoData())
    resolve = catalog.resolve
    resolve("gpt-4o")
    began = time.process_time()
    for _ in range(10_000):
        resolve("gpt-4o")
    assert (time.process_time() - began) / 10_000 < 10e-6


def test_the_sandbox_needs_no_data(write: Path) -> None:
    data = NoData()
    catalog = Catalog(configured(write, environ={}), data=data)
    assert places(catalog, "sandbox/lorem") == [("sandbox", "lorem")]
    assert data.asked == 0


def test_only_what_can_be_asked_is_listed(write: Path) -> None:
    text = '[models.fast]\ntarget = "gpt-4o"\n[models.slow]\ntarget = "claude-opus-5"'
    listed = Catalog(configured(write, text, {"OPENAI_API_KEY": "1"}), data=NoData()).models()
    assert listed[:3] == [
        ModelEntry("fast", "openai"),
        ModelEntry("sandbox/echo", "sandbox"),
        ModelEntry("sandbox/lorem", "sandbox"),
    ]
    assert [entry.id for entry in listed[3:]] == list(WELL_KNOWN["openai"])
    bare = Catalog(configured(write, environ={}), data=NoData()).models()
    assert [entry.id for entry in bare] == ["sandbox/echo", "sandbox/lorem"]


def test_everything_that_is_listed_resolves_to_its_owner(write: Path) -> None:
    catalog = Catalog(configured(write), data=NoData())
    for entry in catalog.models():
        assert catalog.resolve(entry.id)[0].provider == entry.provider
    assert "openrouter/auto" in {entry.id for entry in catalog.models()}
    assert "openrouter/openai/gpt-5" in {entry.id for entry in catalog.models()}


def test_settings_of_models_by_the_provider_that_serves_them(write: Path) -> None:
    text = """
        [models."gpt-4o"]
        requests_per_minute = 5
        [models.alias]
        target = "gpt-4o"
        requests_per_minute = 6
        [models.mine]
        target = "openai/gpt-5"
        tokens_per_minute = 7
    """
    catalog = Catalog(configured(write, text), data=NoData())
    limits = {
        model: (settings.requests_per_minute, settings.tokens_per_minute)
        for model, settings in catalog.models_of("openai").items()
    }
    assert limits == {"gpt-4o": (5, 0), "gpt-5": (0, 7)}
    assert catalog.models_of("anthropic") == {}


def test_windows_come_from_the_configuration_then_from_the_data(write: Path) -> None:
    text = '[models."gpt-4o"]\ncontext_window = 5'
    catalog = Catalog(configured(write, text))
    assert catalog.resolve("gpt-4o")[0].window == 5
    assert catalog.resolve("gpt-4o-mini-2024-07-18")[0].window == 128_000
    assert catalog.resolve("claude-haiku-4-5-20251001")[0].window == 200_000
    assert catalog.resolve("openrouter/anthropic/claude-haiku-4.5")[0].window == 200_000
    assert catalog.resolve("no-such-model")[0].window is None


def test_a_model_is_known_where_somebody_configures_or_lists_it(write: Path) -> None:
    """All others are one to the metrics: clients make up as many names as they like."""
    catalog = Catalog(configured(write, '[models.fast]\ntarget = "gpt-4o"'))
    for name in ("fast", "echo", "sandbox/echo", "gpt-4o", "gpt-4o-2024-08-06", "claude-haiku-4-5"):
        assert catalog.known(name), name
    for name in ("claude-haiku-4-5-20991231", "who-knows", "x" * 5000, ""):
        assert not catalog.known(name), name


def test_a_name_that_nobody_knows_costs_little_and_is_not_kept_for_ever(write: Path) -> None:
    """Some 50 µs of the loop's time; asserted at ten times that."""
    catalog = Catalog(configured(write))
    names = [f"gpt-{number}-made-up" for number in range(2 * MAX_REMEMBERED)]
    began = time.process_time()
    for name in names:
        assert catalog.resolve(name)[0].window is None
    assert (time.process_time() - began) / len(names) < 500e-6
    assert len(catalog._remembered) == MAX_REMEMBERED


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
    assert catalog.prices("sandbox", "echo") is None
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


def test_parameters_are_those_of_all_names_on_the_way_the_first_one_first(write: Path) -> None:
    text = """
        [models.fast]
        target = "cheap"
        fallbacks = ["spare"]
        parameters = {temperature = 0.5, max_tokens = 100}
        [models.cheap]
        target = "gpt-4o-mini"
        parameters = {temperature = 0.1, top_p = 0.9, max_completion_tokens = 7, stop = ["a", "b"]}
        [models.spare]
        target = "claude-opus-5"
        parameters.seed = 1
    """
    catalog = Catalog(configured(write, text))
    own = {"temperature": 0.1, "top_p": 0.9, "max_completion_tokens": 7, "stop": ("a", "b")}
    fast = {"temperature": 0.5, "top_p": 0.9, "max_tokens": 100, "stop": ("a", "b")}
    assert catalog.resolution("cheap").parameters == own
    assert catalog.resolution("fast").parameters == fast
    assert catalog.resolution("gpt-4o").parameters == {}
    without = Catalog(configured(write, text, {"ANTHROPIC_API_KEY": "2"}))
    assert without.resolution("fast").parameters == fast, "also where only the fallback can be asked"


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
