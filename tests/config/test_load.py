"""Where settings come from: defaults, the file, the environment, the command line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
import tomli

from gateway.config import CloudProvider, ConfigError, Origin, SandboxProvider, load
from gateway.config.load import Sections
from tests.certificates import certify
from tests.config.writing import keys_of, loaded, mistakes_in, written

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No gateway.toml lies about unless a test writes one."""
    monkeypatch.chdir(tmp_path)


def test_the_shipped_file_says_exactly_the_defaults() -> None:
    assert load(ROOT / "gateway.toml", {}) == load(None, {})


def test_the_shipped_file_says_every_setting() -> None:
    document = tomli.loads((ROOT / "gateway.toml").read_text())
    for name, section in msgspec.structs.asdict(Sections()).items():
        assert list(document[name]) == list(section.__struct_fields__), name
    for name, provider in load(None, {}).providers.items():
        optional = {"timeouts", "upstream"} | (set() if provider.kind == "openai" else {"responses"})
        assert set(provider.__struct_fields__) - optional == set(document["providers"][name]) - optional, name


def test_the_shipped_file_has_a_comment_on_every_setting_at_its_first_mention() -> None:
    seen: set[str] = set()
    for line in (ROOT / "gateway.toml").read_text().splitlines():
        key, equals, value = line.partition(" = ")
        if equals and key[0] not in "#[" and key not in seen:
            seen.add(key)
            assert "#" in value, line


def test_without_a_file_the_five_clouds_and_the_sandbox_are_there() -> None:
    config = load(None, {})
    assert list(config.providers) == ["openai", "anthropic", "google", "deepseek", "openrouter", "sandbox"]
    assert config.server.port == 8080
    assert config.auth_required is False


def test_environment_beats_file_beats_default_and_the_command_line_beats_all(tmp_path: Path) -> None:
    path = written("[server]\nport = 1111\nhost = '127.0.0.2'\n[log]\nlevel = 'debug'", tmp_path)
    config = load(path, {"LLM_GATEWAY_PORT": "2222"})
    assert (config.server.port, config.server.host, config.log.level) == (2222, "127.0.0.2", "debug")
    assert load(path, {"LLM_GATEWAY_PORT": "2222"}, {"--port": "3333"}).server.port == 3333


def test_every_variable_reaches_its_setting() -> None:
    config = load(
        None,
        {
            "LLM_GATEWAY_HOST": "::1",
            "LLM_GATEWAY_PORT": " 9 ",
            "LLM_GATEWAY_WORKERS": "1",
            "LLM_GATEWAY_LOG_LEVEL": "DEBUG",
            "LLM_GATEWAY_MEMORY_THRESHOLD_MB": "2048",
            "OPENAI_BASE_URL": "http://a/v1",
            "ANTHROPIC_BASE_URL": "http://b",
            "GEMINI_BASE_URL": "http://c",
            "DEEPSEEK_BASE_URL": "http://d",
            "OPENROUTER_BASE_URL": "http://e/api/v1",
        },
    )
    assert (config.server.host, config.server.port, config.log.level) == ("::1", 9, "debug")
    assert config.memory.threshold_mb == 2048
    urls = {name: each.base_url for name, each in config.providers.items() if isinstance(each, CloudProvider)}
    assert urls == {
        "openai": "http://a/v1",
        "anthropic": "http://b",
        "google": "http://c",
        "deepseek": "http://d",
        "openrouter": "http://e/api/v1",
    }


def test_an_empty_variable_counts_as_not_set() -> None:
    assert load(None, {"LLM_GATEWAY_PORT": "", "OPENAI_API_KEY": " ", "LLM_GATEWAY_CONFIG": ""}) == load(None, {})


def test_a_file_in_the_working_directory_is_found_and_a_named_one_beats_it(tmp_path: Path) -> None:
    written("[server]\nport = 1", tmp_path)
    other = tmp_path / "other.toml"
    other.write_text("[server]\nport = 2")
    third = tmp_path / "third.toml"
    third.write_text("[server]\nport = 3")
    assert load(None, {}).server.port == 1
    assert load(None, {"LLM_GATEWAY_CONFIG": str(other)}).server.port == 2
    assert load(third, {"LLM_GATEWAY_CONFIG": str(other)}).server.port == 3


def test_a_named_file_that_is_not_there_is_a_mistake_of_whoever_named_it(tmp_path: Path) -> None:
    assert keys_of(mistakes_in(tmp_path / "no.toml")) == ["--config"]
    assert keys_of(mistakes_in(None, {"LLM_GATEWAY_CONFIG": "no.toml"})) == ["LLM_GATEWAY_CONFIG"]
    assert keys_of(mistakes_in(tmp_path)) == ["--config"]


def test_a_file_that_was_found_and_is_gone_when_it_is_read_again_is_a_mistake(tmp_path: Path) -> None:
    """Whoever moves it away, or loses the disk that it is on, does not want a gateway with nobody's settings."""
    written("[auth]\nmode = 'keys'\n[[auth.keys]]\nlabel = 'a'\nenv = 'A'", tmp_path)
    origin = Origin(path=None, environ={"A": "sk-a"}, options={}, had_default_file=True)
    assert origin.load().auth.mode == "keys"
    (tmp_path / "gateway.toml").unlink()
    with pytest.raises(ConfigError) as refused:
        origin.load()
    assert str(refused.value.mistakes[0]).startswith("gateway.toml: expected a file that can be read")


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "gateway.toml"
    path.write_bytes(b"\xff\xfe\x00")
    assert "UTF-8" in str(mistakes_in(path)[0])


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "gateway.toml"
    path.write_bytes(b"\xef\xbb\xbf[server]\nport = 5\n")
    assert load(path, {}).server.port == 5


def test_a_default_provider_keeps_what_the_file_leaves_out(tmp_path: Path) -> None:
    provider = loaded("[providers.openai]\nmax_concurrent = 7\n", tmp_path).providers["openai"]
    assert isinstance(provider, CloudProvider)
    assert (provider.max_concurrent, provider.base_url, provider.requests_per_minute) == (
        7,
        "https://api.openai.com/v1",
        10_000,
    )


def test_a_local_server_is_one_more_provider_without_a_key(tmp_path: Path) -> None:
    config = loaded('[providers.local]\nkind = "openai"\nbase_url = "http://127.0.0.1:8000/v1/"', tmp_path)
    provider = config.providers["local"]
    assert isinstance(provider, CloudProvider)
    assert provider.base_url == "http://127.0.0.1:8000/v1"
    assert provider.requests_per_minute == 0
    assert config.missing_keys("local") == ()


def test_a_second_sandbox_may_fail_on_purpose(tmp_path: Path) -> None:
    config = loaded('[providers.flaky]\nkind = "sandbox"\nfail = "429"\nlatency_ms = 20', tmp_path)
    assert config.providers["flaky"] == SandboxProvider(kind="sandbox", fail="429", latency_ms=20.0)


def test_tls_takes_hypercorn(tmp_path: Path) -> None:
    made = certify(tmp_path)
    settings = f"[server]\ntls_cert = '{made.file}'\ntls_key = '{made.key_file}'"
    assert loaded(settings, tmp_path).server.engine == "hypercorn"


def test_reading_settings_loads_neither_servers_nor_prices() -> None:
    """The first answer is due a second after the start."""
    heavy = "{'quart', 'hypercorn', 'genai_prices', 'httpx', 'pydantic', 'opentelemetry'}"
    code = f"import sys, gateway.__main__, gateway.providers.catalog; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
