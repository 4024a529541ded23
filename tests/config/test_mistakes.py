"""Wrong settings: all of them are told at once, each with its place, what was expected and what stood there."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config import ConfigError, Mistake, load
from tests.config.writing import keys_of, mistakes_in, refused, written

SECRET = "sk-proj-0123456789abcdefghij"


def test_a_name_is_never_suggested_in_its_own_place(tmp_path: Path) -> None:
    """A model without a target that no route knows is near to nothing but itself."""
    mistakes = refused(
        "[models.bad]\nfallbacks = ['sandbox/echo']\n[[routes]]\nmatch = 'x'\nprovider = 'sandbox'", tmp_path
    )
    assert [(mistake.key, mistake.hint) for mistake in mistakes] == [("models.bad", "")]


def test_everything_that_is_wrong_is_told_in_one_go(tmp_path: Path) -> None:
    text = """
        prot = 1
        [server]
        prot = 8
        port = "abc"
        [providers.sandbox]
        fail = "501"
        [[routes]]
        match = "x"
        provider = "opnai"
        [models.a]
        target = "a"
    """
    environ = {"LLM_GATEWAY_PORT": "abc", "LLM_GATEWAY_LOG_LEVEL": "loud"}
    assert keys_of(refused(text, tmp_path, environ)) == [
        "prot",
        "server.prot",
        "server.port",
        "LLM_GATEWAY_PORT",
        "LLM_GATEWAY_LOG_LEVEL",
        "providers.sandbox.fail",
        "routes[0].provider",
        "models.a.target",
    ]


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('[auth]\nmode = "keys"\n[[auth.keys]]\nlabel = "a"\nsha256 = "abc"', "auth.keys[0].sha256"),
        ("[server]\ntls_cert = 5", "server.tls_cert"),
        ('auth = 5\n[server]\nhost = "0.0.0.0"', "auth"),
        ('[auth]\nmode = 5\n[server]\nhost = "0.0.0.0"', "auth.mode"),
        ('[auth]\nmode = "keys"\n[store]\nurl_env = "SHARED"', "SHARED"),
        ("[models.x]\ntarget = 5", "models.x.target"),
        ("[models]\ntarget = 5", "models.target"),
        ('[models]\nx = 5\ny = {target = "x"}', "models.x"),
        ('providers = 5\n[[routes]]\nmatch = "x"\nprovider = "mine"\n[health]\nrequired = ["mine"]', "providers"),
        ('routes = 5\n[models.x]\ntarget = "mine"', "routes"),
        ('[[routes]]\nmatch = 5\nprovider = "sandbox"\n[models.x]\ntarget = "mine"', "routes[0].match"),
        ('[providers.q]\nkind = "zap"\nlatency_ms = 5', "providers.q.kind"),
        ('[providers.q]\nkind = "zap"\nresponses = true\nbase_url = "http://q"', "providers.q.kind"),
    ],
)
def test_what_follows_from_a_mistake_is_not_another_one(text: str, key: str, tmp_path: Path) -> None:
    assert keys_of(refused(text, tmp_path)) == [key]


def test_what_is_too_long_is_told_with_its_bounds(tmp_path: Path) -> None:
    tags = ", ".join(f"t{number} = ''" for number in range(17))
    key = f"[[auth.keys]]\nlabel = 'a'\nsha256 = '{'0' * 64}'\n"
    told = {
        f"models = {['m'] * 65}": "a list of at most 64, each item a text of 1 to 128 characters",
        f"models = ['{'m' * 129}']": "a text of 1 to 128 characters",
        f"tags = {{{tags}}}": "a table of at most 16, each name a text of 1 to 64 characters",
        f"tags = {{a = '{'x' * 129}'}}": "a text of at most 128 characters",
    }
    assert {text: refused(key + text, tmp_path)[0].expected for text in told} == told


def test_a_mistake_tells_file_line_key_expected_and_found(tmp_path: Path) -> None:
    path = written("\n[server]\nport = 70000\n", tmp_path)
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    expected = f"{path}:3: server.port: expected a whole number from 0 to 65535, found 70000"
    assert str(caught.value) == f"1 mistake in the configuration:\n  {expected}"


def test_a_variable_is_named_as_the_culprit() -> None:
    (mistake,) = mistakes_in(None, {"LLM_GATEWAY_PORT": "abc"})
    told = 'environment: LLM_GATEWAY_PORT: expected a whole number from 0 to 65535, found "abc"'
    assert str(mistake) == told


def test_an_option_is_named_as_the_culprit(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r'command line: --port: expected .* found "80 80"'):
        load(None, {}, {"--port": "80 80"})


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("[servers]", 'did you mean "server"?'),
        ("[server]\nhosts = 1", 'did you mean "host"?'),
        ("[providers.openai]\nbase_uri = ''", 'did you mean "base_url"?'),
        ("[providers.opena]\nmemory_mb = 1", 'did you mean "openai"?'),
        ("[providers.openai.timeouts]\nidle = 1", 'did you mean "idle_s"?'),
        ("[models.gpt-x]\nfallback = []", 'did you mean "fallbacks"?'),
        ("[log]\nlevls = {}", 'did you mean "levels"?'),
        ("[server]\nredis = 1", "known here: body_bytes, "),
    ],
)
def test_an_unknown_key_comes_with_a_suggestion(text: str, hint: str, tmp_path: Path) -> None:
    (mistake,) = refused(text, tmp_path)
    assert mistake.hint.startswith(hint)


@pytest.mark.parametrize(
    ("text", "key", "expected"),
    [
        ("server = 1", "server", "a table"),
        ("routes = 1", "routes", "a list of tables"),
        ("models = []", "models", "a table"),
        ("[models]\nx = 1", "models.x", "a table"),
        ("[server]\nport = true", "server.port", "a whole number from 0 to 65535"),
        ("[server]\nport = 1.5", "server.port", "a whole number from 0 to 65535"),
        ("[server]\nhot_routes = 1", "server.hot_routes", "true or false"),
        ("[server]\nhost = ''", "server.host", "a text that is not empty"),
        ("[server]\nengine = 'nginx'", "server.engine", 'one of "edge", "hypercorn"'),
        ("[server]\nworkers = 0", "server.workers", "a whole number from 1 to 256"),
        ("[timeouts]\nidle_s = 0", "timeouts.idle_s", "a number above 0, at most 86400"),
        ("[timeouts]\nidle_s = inf", "timeouts.idle_s", "a number above 0, at most 86400"),
        ("[timeouts]\nidle_s = nan", "timeouts.idle_s", "a number above 0, at most 86400"),
        ("[retry]\nattempts = 0", "retry.attempts", "a whole number from 1 to 20"),
        ("[retry]\nbackoff_base_s = 9.0", "retry.backoff_max_s", "at least backoff_base_s (9)"),
        ("[retry]\nbudget_cap = 1", "retry.budget_cap", "at least budget_start (3)"),
        ("[midstream]\npolicy = 'retry'", "midstream.policy", 'one of "error", "resume"'),
        ("[upstream]\nengine = 'curl'", "upstream.engine", 'one of "edge", "httpx"'),
        *(
            (
                f"[server]\ncors_origins = ['https://fine.example', '{origin}']",
                "server.cors_origins[1]",
                'an origin as browsers write it, like "https://app.example" or "http://localhost:3000", or "*"',
            )
            for origin in ("app.example", "https://app.example/", "https://app.example:443", "https://App.example")
        ),
        (
            """
            [models.a]
            target = "o3"
            prices.input = 1
            [models.b]
            target = "o3"
            prices.input = 2
            [models.c]
            target = "a"
            prices.input = 3
            """,
            "models.b.prices",
            'the prices of [models."a"], which leads to the same model',
        ),
        ("[upstream]\nhttp2 = true", "upstream.http2", 'engine = "httpx", which this setting is for'),
        (
            "[providers.openai.upstream]\nproxy = 'http://proxy:3128'",
            "providers.openai.upstream.proxy",
            'engine = "httpx", which this setting is for',
        ),
        ("[providers.openai]\nupstream = 'curl'", "providers.openai.upstream.engine", 'one of "", "edge", "httpx"'),
        (
            "[upstream]\nengine = 'httpx'\nproxy = 'socks5://proxy:1080'",
            "upstream.proxy",
            "an http or https address without user, path or query",
        ),
        ("[log.levels]\n'a.b' = 'loud'", 'log.levels."a.b"', 'one of "critical", "debug", "error", "info", "warning"'),
        ("[providers.sandbox]\nlatency_ms = -1", "providers.sandbox.latency_ms", "a number from 0 to 600000"),
        ("[models.gpt-x]\nfallbacks = 'a'", "models.gpt-x.fallbacks", "a list, each item a text that is not empty"),
        ("[models.gpt-x]\ncontext_window = 0", "models.gpt-x.context_window", "a whole number from 1 up"),
        ("[models.gpt-x]\ncontext_window = 1e3", "models.gpt-x.context_window", "a whole number from 1 up"),
        ("[models.'']", 'models.""', "a name of 1 to 256 characters"),
        ("[server]\nport = 100000000000000000000000000", "server.port", "a whole number from 0 to 65535"),
        ("[server]\nport = 2024-01-01", "server.port", "a whole number from 0 to 65535"),
    ],
)
def test_a_wrong_value_is_told_with_what_was_expected(text: str, key: str, expected: str, tmp_path: Path) -> None:
    assert [(each.key, each.expected) for each in refused(text, tmp_path)] == [(key, expected)]


def test_a_new_provider_needs_kind_and_base_url(tmp_path: Path) -> None:
    assert keys_of(refused("[providers.mine]", tmp_path)) == ["providers.mine"]
    assert keys_of(refused("[providers.mine]\nkind = 'openai'", tmp_path)) == ["providers.mine.base_url"]
    assert keys_of(refused("[providers.'A b']\nkind = 'sandbox'", tmp_path)) == ['providers."A b"']


def test_a_broken_file_is_one_mistake_and_the_environment_is_still_checked(tmp_path: Path) -> None:
    syntax, port = refused("[server\nport = 1", tmp_path, {"LLM_GATEWAY_PORT": "x"})
    assert (syntax.line, syntax.expected, port.key) == (1, "TOML", "LLM_GATEWAY_PORT")


def test_tables_nested_beyond_reason_are_a_mistake_too(tmp_path: Path) -> None:
    (mistake,) = refused("x = " + "[" * 100_000, tmp_path)
    assert mistake.expected == "TOML"


def test_a_wrong_setting_hides_no_other_in_the_same_list(tmp_path: Path) -> None:
    text = """
        [[routes]]
        match = "a"
        [[routes]]
        match = "b"
        provider = "nobody"
        [[routes]]
        match = 1
        provider = "openai"
    """
    mistakes = refused(text, tmp_path)
    assert [(each.key, each.line) for each in mistakes] == [
        ("routes[0].provider", 2),
        ("routes[2].match", 8),
        ("routes[1].provider", 6),
    ]


@pytest.mark.parametrize(
    "text",
    [
        f"[providers.openai]\napi_key_env = '{SECRET}'",
        f"[providers.openai]\napi_key_env = ['{SECRET}']",
        f"[providers.openai]\napi_key = '{SECRET}'",
        f"[providers.openai]\nbase_url = '{SECRET}'",
        f"[[auth.keys]]\nlabel = 'a'\nenv = '{SECRET}'",
        f"[auth]\nkeys = ['{SECRET}']",
        f"[metrics]\ntoken = '{SECRET}'",
        f"[metrics]\ntoken_env = '{SECRET}'",
        f"[models.x]\ntarget = '{SECRET}'",
        f"[server]\nhost = '{SECRET}'",
        f"[server]\ntls_cert = 'Bearer {SECRET}'",
    ],
)
def test_a_secret_in_the_file_is_a_mistake_that_does_not_show_it(text: str, tmp_path: Path) -> None:
    mistakes = refused(text, tmp_path)
    assert mistakes
    assert SECRET not in str(ConfigError(mistakes))
    assert SECRET not in repr(mistakes)


def test_a_key_in_the_file_gets_told_where_it_belongs(tmp_path: Path) -> None:
    (mistake, *_) = refused("[metrics]\ntoken = 'abc'", tmp_path)
    assert mistake.hint == 'secrets never stand in this file: name the variable that holds it in "token_env"'


@pytest.mark.parametrize(
    ("text", "fallback"),
    [
        ('[models.x]\nfallbacks = ["nope"]\ntarget = "openai/a"', "nope"),
        ('[models.x]\nfallbacks = ["sandbox/ech"]\ntarget = "openai/a"', "sandbox/ech"),
        ('[models.x]\nfallbacks = ["openai/"]\ntarget = "openai/a"', "openai/"),
        ('[models.x]\nfallbacks = ["x"]\ntarget = "openai/a"', "x"),
    ],
)
def test_a_fallback_nobody_knows_is_a_mistake(text: str, fallback: str, tmp_path: Path) -> None:
    (mistake,) = refused(text, tmp_path)
    assert (mistake.key, fallback in mistake.found) == ("models.x.fallbacks[0]", True)


def test_an_alias_without_an_end_is_a_mistake(tmp_path: Path) -> None:
    (mistake,) = refused('[models.fast]\nfallbacks = ["sandbox/echo"]', tmp_path)
    assert mistake.key == "models.fast"
    (mistake,) = refused('[models.fast]\ntarget = "claud"', tmp_path)
    assert mistake.key == "models.fast.target"


def test_a_ring_of_aliases_is_told_once(tmp_path: Path) -> None:
    text = '[models.x]\ntarget = "a"\n[models.a]\ntarget = "b"\n[models.b]\ntarget = "c"\n[models.c]\ntarget = "a"'
    assert [(each.key, each.found) for each in refused(text, tmp_path)] == [("models.a.target", "a -> b -> c -> a")]


def test_a_vendors_model_at_openrouter_is_not_doubted(tmp_path: Path) -> None:
    load(written('[models."gpt-4.1"]\nfallbacks = ["openrouter/meta-llama/llama-4", "mistralai/x"]', tmp_path), {})


def test_an_error_of_many_mistakes_counts_them() -> None:
    mistake = Mistake(source="a", key="b", expected="c", found="d")
    assert str(ConfigError([mistake, mistake])).startswith("2 mistakes in the configuration:\n  a: b: expected c")


def test_responses_are_a_matter_of_openais_dialect(tmp_path: Path) -> None:
    assert keys_of(refused("[providers.google]\nresponses = true\n", tmp_path)) == ["providers.google.responses"]
    assert keys_of(refused("[providers.sandbox]\nresponses = true\n", tmp_path)) == ["providers.sandbox.responses"]
    assert not load(written("[providers.openai]\nresponses = false\n", tmp_path), {}).providers["openai"].responses  # type: ignore[union-attr]


def test_a_limit_that_adapts_has_room_to_do_so(tmp_path: Path) -> None:
    text = "[providers.openai]\nadaptive_concurrency = true\nmax_concurrent = 3\n"
    assert keys_of(refused(text, tmp_path)) == ["providers.openai.min_concurrent"]
    assert load(written(text + "min_concurrent = 3\n", tmp_path), {}).providers["openai"].min_concurrent == 3


def test_a_tier_cannot_need_a_service_that_is_off(tmp_path: Path) -> None:
    assert keys_of(refused('[cms]\nenabled = "off"\nrequire_tier = 3\n', tmp_path)) == ["cms.require_tier"]
    assert load(written('[cms]\nenabled = "on"\nrequire_tier = 3\n', tmp_path), {}).cms.require_tier == 3
    needed = '[health]\nrequired = ["cms"]\n[cms]\nenabled = "off"\n'
    assert keys_of(refused(needed, tmp_path)) == ["cms.enabled"]
