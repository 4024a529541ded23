"""The command line: what it prints, and its exit codes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from gateway import __version__
from gateway.__main__ import main
from gateway.config import Config, Origin

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Config]:
    """What would have been served, instead of serving it."""
    configs: list[Config] = []

    def run(config: Config, _origin: Origin) -> int:
        configs.append(config)
        return 7

    module = ModuleType("gateway.serve")
    module.run = run  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "gateway.serve", module)
    return configs


def test_check_tells_the_routes_and_who_has_a_key_but_no_key(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"], {"OPENAI_API_KEY": "top-secret"}) == 0
    out = capsys.readouterr().out
    assert "Listens on http://127.0.0.1:8080 (edge)." in out
    assert "  claude-*            anthropic\n" in out
    assert "  <provider>/<model>  that provider\n  *                   openrouter\n" in out
    assert "  openai      key in OPENAI_API_KEY, https://api.openai.com/v1\n" in out
    assert "  anthropic   no key: set ANTHROPIC_API_KEY\n" in out
    assert "  sandbox     needs no key\n" in out
    assert "top-secret" not in out


def test_check_tells_the_order_of_candidates(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('[models.fast]\ntarget = "gpt-4o"\nfallbacks = ["sandbox/echo"]')
    assert main(["check", "--config", str(path)], {"OPENAI_API_KEY": "k"}) == 0
    assert "  fast  openai: gpt-4o, then sandbox: echo\n" in capsys.readouterr().out


def test_check_tells_of_services_and_tools(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('[health]\nrequired = ["cms"]\n[tools.weather]\nurl = "http://127.0.0.1:9/now"')
    assert main(["check", "--config", str(path)], {"CODE_ORCHESTRATOR_URL": "http://orchestrator:1"}) == 0
    out = capsys.readouterr().out
    assert "Beside it:\n  cms                http://localhost:8086, required\n" in out
    assert "  code_orchestrator  http://orchestrator:1\n  tool weather       POST http://127.0.0.1:9/now\n" in out


def test_check_fails_where_a_configured_model_cannot_be_served(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('[models.fast]\ntarget = "gpt-4o"')
    assert main(["check", "--config", str(path)], {}) == 1
    assert "Cannot be served:\n  fast  The model `gpt-4o` belongs to openai" in capsys.readouterr().out


def test_check_tells_who_may_come_in(capsys: pytest.CaptureFixture[str]) -> None:
    main(["check"], {"LLM_GATEWAY_API_KEYS": "k"})
    main(["check"], {"LLM_GATEWAY_API_KEYS": "k", "LLM_GATEWAY_HOST": "0.0.0.0"})
    out = capsys.readouterr().out
    assert "Clients need no key on this address, although there are some (key-1)" in out
    assert "Clients must show a key: key-1." in out


def test_check_tells_what_operators_have_and_no_secret(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["check"], {})
    usual = capsys.readouterr().out
    path = tmp_path / "mine.toml"
    path.write_text('[auth]\nmode = "keys"\n[metrics]\ntoken_env = "SCRAPER"\n')
    environ = {
        "LLM_GATEWAY_ADMIN_TOKEN": "sk-admin",
        "SCRAPER": "sk-metrics",
        "REDIS_URL": "redis://ann:sk-store@store:1",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318",
    }
    main(["check", "--config", str(path)], environ)
    out = capsys.readouterr().out
    assert "/admin        from this machine only: LLM_GATEWAY_ADMIN_TOKEN is not set\n  /metrics      open" in usual
    assert "shared store  localhost:6379 if one answers there\n  traces        none\n" in usual
    assert "/admin        asks for LLM_GATEWAY_ADMIN_TOKEN\n  /metrics      asks for SCRAPER\n" in out
    assert "shared store  server store:1\n  traces        http://collector:4318\n" in out
    assert "Clients must show a key: one of the store's." in out
    assert "sk-" not in out


@pytest.mark.parametrize("command", ["check", "serve"])
def test_wrong_settings_are_told_and_end_with_2(
    command: str, served: list[Config], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command], {"LLM_GATEWAY_PORT": "abc"}) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        "1 mistake in the configuration:\n"
        '  environment: LLM_GATEWAY_PORT: expected a whole number from 0 to 65535, found "abc"\n'
    )
    assert served == []


def test_serve_hands_over_the_settings_and_gives_back_the_exit_code(served: list[Config]) -> None:
    arguments = ["serve", "--host", "127.0.0.2", "--port", "99", "--workers", "1"]
    assert main(arguments, {"LLM_GATEWAY_PORT": "1"}) == 7
    assert (served[0].server.host, served[0].server.port, served[0].server.workers) == ("127.0.0.2", 99, 1)


def test_serve_names_the_option_that_is_wrong(served: list[Config], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--workers", "400"], {}) == 2
    assert "command line: --workers: expected a whole number from 1 to 256" in capsys.readouterr().err


def test_no_command_prints_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([], {}) == 0
    assert "serve" in capsys.readouterr().out


def test_the_help_of_keys_says_what_comes_first(capsys: pytest.CaptureFixture[str]) -> None:
    """Behind a list of patterns a label would be one of them."""
    with pytest.raises(SystemExit) as ended:
        main(["keys", "create", "--help"], {})
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("usage: llm-gateway keys create label [options]\n")


def test_an_unknown_command_ends_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["sevre"], {})
    assert left.value.code == 2


def test_output_that_nobody_takes_is_no_traceback() -> None:
    """A full disk is told; a reader that has left (`llm-gateway check | head`) is not."""
    command = [sys.executable, "-m", "gateway", "version"]
    with open("/dev/full", "wb") as full:
        done = subprocess.run(command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True)
    told = "llm-gateway: nothing can be written to standard output: No space left on device.\n"
    assert (done.returncode, done.stderr) == (1, told)
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "wb") as left:
        done = subprocess.run(command, cwd=ROOT, stdout=left, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (1, "")


def test_the_module_is_the_command() -> None:
    done = subprocess.run([sys.executable, "-m", "gateway", "version"], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"llm-gateway {__version__}\n", "")
