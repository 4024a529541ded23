"""How each provider is reached: [upstream], and what a provider says differently."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config.settings import Transport
from tests.config.writing import loaded, refused

PROXY = "http://user:a-password@proxy.test:3128"


def test_all_are_asked_directly_over_http_1_unless_somebody_says_otherwise(tmp_path: Path) -> None:
    assert loaded("", tmp_path).transport("openai") == Transport(engine="edge", proxy=None, http2=False)


def test_one_provider_may_have_a_way_of_its_own(tmp_path: Path) -> None:
    text = """
        [providers.openai]
        upstream = "httpx"
        [providers.google.upstream]
        engine = "httpx"
        proxy_env = "THE_PROXY"
        http2 = true
    """
    config = loaded(text, tmp_path, {"THE_PROXY": PROXY})
    assert config.transport("openai") == Transport(engine="httpx")
    assert config.transport("google") == Transport(engine="httpx", proxy=PROXY, http2=True)
    assert config.transport("anthropic") == config.transport("sandbox") == Transport()
    assert "a-password" not in repr((config, config.transport("google")))


def test_what_upstream_says_holds_for_those_who_say_nothing(tmp_path: Path) -> None:
    """One that goes back to the edge's client goes without the proxy."""
    text = """
        [upstream]
        engine = "httpx"
        proxy = "http://proxy.test:3128"
        [providers.google.upstream]
        proxy = "http://other.test:3128"
        [providers.deepseek]
        upstream = "edge"
    """
    config = loaded(text, tmp_path)
    assert config.transport("openai") == Transport(engine="httpx", proxy="http://proxy.test:3128")
    assert config.transport("google") == Transport(engine="httpx", proxy="http://other.test:3128")
    assert config.transport("deepseek") == Transport()


@pytest.mark.parametrize("value", ["", "proxy.test", "ftp://proxy.test", "http://proxy.test/path"])
def test_a_proxys_variable_must_hold_its_address(tmp_path: Path, value: str) -> None:
    """Unset, providers would be asked directly although somebody meant them not to be."""
    text = "[upstream]\nengine = 'httpx'\nproxy_env = 'THE_PROXY'"
    (mistake,) = refused(text, tmp_path, {"THE_PROXY": value})
    assert (mistake.key, mistake.expected) == ("THE_PROXY", "the http or https address that proxy_env names")


def test_a_password_in_the_file_is_refused_and_not_repeated(tmp_path: Path) -> None:
    (mistake,) = refused(f"[upstream]\nengine = 'httpx'\nproxy = '{PROXY}'", tmp_path)
    assert mistake.key == "upstream.proxy"
    assert "a-password" not in str(mistake)
    assert "proxy_env" in mistake.hint
