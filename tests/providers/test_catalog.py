"""From names to candidates: keys, fallbacks, aliases, windows, timeouts, parameters and what is remembered."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from actors.letters import DEFAULT_TIMEOUTS, Candidate, Timeouts
from gateway.errors import ModelNotFound, ProviderMissing
from gateway.providers.catalog import MAX_REMEMBERED, Catalog
from gateway.providers.patience import reasons_first
from tests.providers.catalogues import NoData, configured, places

PATIENT = Timeouts(first_token_s=300.0, idle_s=120.0, hedge_after_s=60.0)


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "settings.toml"


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
        ("sandbox/nope", ModelNotFound, "there are `sandbox/echo`"),
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
