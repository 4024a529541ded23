"""Who may come in, and that no secret is ever shown."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest

from gateway.config import ConfigError, load
from gateway.config.announcement import unasked_keys
from gateway.config.clients import is_loopback
from tests.config.writing import keys_of, loaded, mistakes_in, refused


@pytest.mark.parametrize(
    ("mode", "host", "keys", "required"),
    [
        ("auto", "127.0.0.1", "", False),
        ("auto", "127.0.0.1", "k", False),
        ("auto", "0.0.0.0", "k", True),
        ("keys", "127.0.0.1", "k", True),
        ("keys", "0.0.0.0", "k", True),
        ("off", "0.0.0.0", "", False),
        ("off", "0.0.0.0", "k", False),
    ],
)
def test_who_must_show_a_key(mode: str, host: str, keys: str, required: bool, tmp_path: Path) -> None:
    environ = {"LLM_GATEWAY_HOST": host, "LLM_GATEWAY_API_KEYS": keys}
    assert loaded(f'[auth]\nmode = "{mode}"', tmp_path, environ).auth_required is required


@pytest.mark.parametrize(
    ("mode", "host", "keys", "idle"),
    [
        ("auto", "127.0.0.1", "k", ["key-1"]),
        ("auto", "127.0.0.1", "", None),
        ("auto", "0.0.0.0", "k", None),
        ("keys", "127.0.0.1", "k", None),
        ("off", "127.0.0.1", "k", None),
    ],
)
def test_keys_that_nobody_has_to_show_are_warned_of_unless_somebody_has_said_so(
    mode: str, host: str, keys: str, idle: list[str] | None, tmp_path: Path
) -> None:
    environ = {"LLM_GATEWAY_HOST": host, "LLM_GATEWAY_API_KEYS": keys}
    told = unasked_keys(loaded(f'[auth]\nmode = "{mode}"', tmp_path, environ))
    assert (told and told["keys"]) == idle


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.5", "gateway.example", "localhost.example"])
def test_a_gateway_open_to_the_world_is_refused(host: str, tmp_path: Path) -> None:
    (mistake,) = refused("", tmp_path, {"LLM_GATEWAY_HOST": host})
    assert mistake.key == "LLM_GATEWAY_HOST"
    assert 'mode = "off"' in mistake.hint
    assert "LLM_GATEWAY_API_KEYS" in mistake.hint


def test_keys_that_are_asked_for_must_exist(tmp_path: Path) -> None:
    assert keys_of(refused('[auth]\nmode = "keys"', tmp_path)) == ["auth.mode"]


@pytest.mark.parametrize(
    ("host", "local"),
    [("localhost", True), ("127.9.9.9", True), ("::1", True), ("[::1]", True), ("0.0.0.0", False), ("example", False)],
)
def test_what_counts_as_loopback(host: str, local: bool) -> None:
    assert is_loopback(host) is local


def test_client_keys_come_from_both_sources_with_their_limits(tmp_path: Path) -> None:
    text = '[[auth.keys]]\nlabel = "team-a"\nenv = "TEAM_A"\nrequests_per_minute = 5\nmax_concurrent = 2'
    environ = {"TEAM_A": "first", "LLM_GATEWAY_API_KEYS": " second ,,third"}
    team, second, third = loaded(text, tmp_path, environ).client_keys
    assert (team.label, team.requests_per_minute, team.tokens_per_minute, team.max_concurrent) == ("team-a", 5, 0, 2)
    assert [key.sha256 for key in (team, second, third)] == [
        sha256(value).digest() for value in (b"first", b"second", b"third")
    ]
    assert [second.label, third.label] == ["key-1", "key-2"]


def test_a_key_may_be_known_by_its_digest_alone(tmp_path: Path) -> None:
    """So that it can be pasted into a file that holds no secrets, with everything that it may do."""
    digest = sha256(b"first").hexdigest()
    text = f'''
[[auth.keys]]
label = "team-a"
sha256 = "{digest}"
models = ["gpt-4o*", "fast"]
providers = ["openai"]
expires = 2027-01-31T00:00:00Z
tags = {{ owner = "ann" }}
'''
    (key,) = loaded(text, tmp_path).client_keys
    assert (key.label, key.sha256.hex(), key.models, key.providers) == (
        "team-a",
        digest,
        ("gpt-4o*", "fast"),
        ("openai",),
    )
    assert key.expires == datetime(2027, 1, 31, tzinfo=UTC)
    assert digest not in repr(key)


@pytest.mark.parametrize(
    ("lines", "place", "expected"),
    [
        ("", "env", "one of env and sha256"),
        (f'env = "A"\nsha256 = "{"0" * 64}"', "env", "one of env and sha256"),
        ('sha256 = "abc"', "sha256", "a SHA-256: 64 hexadecimal digits in lower case"),
        (
            'env = "A"\nexpires = 2027-01-31T00:00:00',
            "expires",
            "a time with its zone, like 2027-01-31T00:00:00Z, without quotes",
        ),
        ('env = "A"\nmodels = ["gpt-4o", ""]', "models", ""),
    ],
)
def test_what_a_key_cannot_be_is_told(lines: str, place: str, expected: str, tmp_path: Path) -> None:
    mistakes = refused(f'[[auth.keys]]\nlabel = "a"\n{lines}', tmp_path, {"A": "1"})
    assert mistakes[0].key.startswith(f"auth.keys[0].{place}")
    assert expected in mistakes[0].expected


def test_a_gateway_whose_keys_may_all_be_in_the_store_may_face_the_world(tmp_path: Path) -> None:
    environ = {"LLM_GATEWAY_HOST": "0.0.0.0", "REDIS_URL": "redis://store.test"}
    assert loaded("", tmp_path, environ).auth_required
    (mistake,) = mistakes_in(None, {**environ, "REDIS_URL": "memory://"})
    assert mistake.key == "LLM_GATEWAY_HOST"


def test_a_client_whose_variable_is_not_set_is_a_mistake(tmp_path: Path) -> None:
    (mistake,) = refused('[[auth.keys]]\nlabel = "a"\nenv = "TEAM_A"', tmp_path)
    assert (mistake.key, mistake.line) == ("auth.keys[0].env", 3)


def test_two_sources_of_one_secret_are_a_mistake(tmp_path: Path) -> None:
    text = '[[auth.keys]]\nlabel = "a"\nenv = "TEAM_A"'
    (mistake,) = refused(text, tmp_path, {"TEAM_A": "same-value", "LLM_GATEWAY_API_KEYS": "same-value"})
    assert (mistake.key, mistake.found) == ("LLM_GATEWAY_API_KEYS", "the value that TEAM_A has too")


def test_a_client_key_must_not_open_the_admin_api(tmp_path: Path) -> None:
    environ = {"LLM_GATEWAY_ADMIN_TOKEN": "same-value", "LLM_GATEWAY_API_KEYS": "same-value"}
    (mistake,) = mistakes_in(None, environ)
    assert mistake.found == "the value that LLM_GATEWAY_ADMIN_TOKEN has too"


def test_two_clients_cannot_share_a_label(tmp_path: Path) -> None:
    text = '[[auth.keys]]\nlabel = "a"\nenv = "A"\n[[auth.keys]]\nlabel = "a"\nenv = "B"'
    (mistake,) = refused(text, tmp_path, {"A": "1", "B": "2"})
    assert mistake.expected == "a label of its own for each key"


@pytest.mark.parametrize("value", ["two words", "line\nend", "schlüssel"])
@pytest.mark.parametrize("variable", ["OPENAI_API_KEY", "LLM_GATEWAY_API_KEYS", "LLM_GATEWAY_ADMIN_TOKEN"])
def test_a_key_that_cannot_travel_in_a_header_is_a_mistake(variable: str, value: str) -> None:
    (mistake,) = mistakes_in(None, {variable: value})
    assert mistake.key == variable
    assert value not in str(mistake)


def test_commas_alone_are_no_client_keys_and_an_empty_variable_is_as_good_as_none() -> None:
    (mistake,) = mistakes_in(None, {"LLM_GATEWAY_API_KEYS": " , ,"})
    assert (mistake.key, mistake.expected) == ("LLM_GATEWAY_API_KEYS", "client keys, separated by commas")
    assert load(None, {"LLM_GATEWAY_API_KEYS": " "}).client_keys == ()


def test_a_provider_has_one_source_of_keys(tmp_path: Path) -> None:
    (mistake,) = refused('[providers.openai]\nauth = "passthrough"\napi_key_env = "MINE"', tmp_path)
    assert mistake.key == "providers.openai.auth"
    (mistake,) = refused('[providers.openai]\napi_key_env = ["MINE", "MINE"]', tmp_path)
    assert mistake.key == "providers.openai.api_key_env"


def test_a_metrics_token_that_is_not_set_does_not_leave_the_metrics_open(tmp_path: Path) -> None:
    text = '[metrics]\ntoken_env = "SCRAPE"'
    assert keys_of(refused(text, tmp_path)) == ["SCRAPE"]
    assert loaded(text, tmp_path, {"SCRAPE": "t"}).metrics_token == "t"
    assert load(None, {}).metrics_token is None


def test_a_pool_of_keys_is_what_of_it_is_set(tmp_path: Path) -> None:
    text = '[providers.openai]\napi_key_env = ["ONE", "TWO", "THREE"]'
    config = loaded(text, tmp_path, {"ONE": "1", "THREE": "3"})
    assert [(key.label, key.value) for key in config.provider_keys("openai")] == [("ONE", "1"), ("THREE", "3")]
    assert config.missing_keys("openai") == ()
    assert loaded(text, tmp_path).missing_keys("openai") == ("ONE", "TWO", "THREE")


def test_a_provider_that_passes_the_clients_key_on_lacks_none(tmp_path: Path) -> None:
    assert loaded('[providers.openai]\nauth = "passthrough"', tmp_path).missing_keys("openai") == ()


def test_no_secret_shows_in_any_repr_or_error(tmp_path: Path) -> None:
    environ = {
        "OPENAI_API_KEY": "provider-secret",
        "LLM_GATEWAY_ADMIN_TOKEN": "admin-secret",
        "LLM_GATEWAY_API_KEYS": "client-secret",
    }
    config = load(None, environ)
    shown = f"{config!r} {config} {config.secrets} {config.provider_keys('openai')} {config.client_keys}"
    assert "secret" not in shown.replace("secrets=Secrets(", "")
    assert "OPENAI_API_KEY" in repr(config.secrets)
    assert config.admin_token == "admin-secret"
    with pytest.raises(ConfigError) as caught:
        load(None, {**environ, "LLM_GATEWAY_PORT": "x"})
    assert "secret" not in f"{caught.value} {caught.value!r}"
