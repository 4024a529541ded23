"""Base URLs: the forms of the official clients, and what is no base URL."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config.addresses import BadAddress, normal_base_url
from tests.config.writing import keys_of, mistakes_in, refused


@pytest.mark.parametrize(
    ("kind", "text", "normal"),
    [
        ("openai", "https://api.openai.com/v1", "https://api.openai.com/v1"),
        ("openai", "https://api.openai.com/v1/", "https://api.openai.com/v1"),
        ("openai", "https://api.openai.com", "https://api.openai.com/v1"),
        ("openai", "https://API.openai.com/", "https://api.openai.com/v1"),
        ("openai", "https://openrouter.ai/api/v1", "https://openrouter.ai/api/v1"),
        ("openai", "https://api.deepseek.com", "https://api.deepseek.com"),
        ("openai", "https://api.deepseek.com/v1", "https://api.deepseek.com/v1"),
        ("openai", "http://127.0.0.1:9000", "http://127.0.0.1:9000"),
        ("openai", "http://[::1]:9000/v1", "http://[::1]:9000/v1"),
        ("anthropic", "https://api.anthropic.com", "https://api.anthropic.com"),
        ("anthropic", "https://api.anthropic.com/v1", "https://api.anthropic.com"),
        ("gemini", "https://generativelanguage.googleapis.com", "https://generativelanguage.googleapis.com"),
        ("gemini", "https://generativelanguage.googleapis.com/v1beta", "https://generativelanguage.googleapis.com"),
        ("gemini", "http://proxy/gemini/v1beta/", "http://proxy/gemini"),
    ],
)
def test_each_official_form_has_one_normal_form(kind: str, text: str, normal: str) -> None:
    assert normal_base_url(text, kind) == normal
    assert normal_base_url(normal, kind) == normal


@pytest.mark.parametrize(
    "text",
    [
        "api.openai.com/v1",
        "ftp://api.openai.com",
        "file:///etc/passwd",
        "https://",
        "https:///v1",
        "https://user@host/v1",
        "https://user:password@host/v1",
        "https://:@host/v1",
        "https://host:0/v1",
        "https://host:99999/v1",
        "https://host:port/v1",
        "https://[::1/v1",
        "https://host/v1?key=1",
        "https://host/v1#part",
        "https://ho st/v1",
        "https://host/v1\n",
        "https://bücher.example/v1",
        "",
    ],
)
def test_what_is_no_base_url_is_refused(text: str) -> None:
    with pytest.raises(BadAddress):
        normal_base_url(text, "openai")


def test_a_password_in_an_address_is_not_repeated(tmp_path: Path) -> None:
    (mistake,) = refused('[providers.openai]\nbase_url = "https://user:hunter2@host/v1"', tmp_path)
    assert mistake.key == "providers.openai.base_url"
    assert "hunter2" not in str(mistake)


def test_a_bad_address_from_the_environment_names_the_variable() -> None:
    assert keys_of(mistakes_in(None, {"GEMINI_BASE_URL": "gemini"})) == ["GEMINI_BASE_URL"]
