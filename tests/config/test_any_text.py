"""No text and no environment breaks the loader: it understands them or says what is wrong with them."""

from __future__ import annotations

import string
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gateway.config import ConfigError, load

ROOT = Path(__file__).parents[2]
SHIPPED = (ROOT / "gateway.toml").read_text()
SECRET = "sk-do-not-tell-anybody-0123456789"
QUIET = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

values = st.one_of(
    st.integers(-(10**20), 10**20),
    st.floats(),
    st.booleans(),
    st.text(string.printable, max_size=12),
    st.sampled_from(["edge", "httpx", "gpt-*", "openai", "sandbox", "keys", "*", "2001-01-01"]),
)
NAMES = """
server auth timeouts retry providers routes models store memory port keys kind max_concurrent target fallbacks match
provider base_url total_s openai
"""
names = st.sampled_from(NAMES.split())
tables = st.recursive(
    st.one_of(values, st.lists(values, max_size=3)),
    lambda inner: st.one_of(st.dictionaries(names, inner, max_size=4), st.lists(inner, max_size=2)),
    max_leaves=12,
)


def toml(value: Any) -> str:
    """A value as TOML has it, inline."""
    match value:
        case dict():
            return "{" + ", ".join(f'"{name}" = {toml(each)}' for name, each in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(toml, value)) + "]"
        case bool():
            return str(value).lower()
        case str():
            escaped = "".join(char if char.isalnum() or char in " *-/." else f"\\u{ord(char):04x}" for char in value)
            return f'"{escaped}"'
        case _:
            return repr(value)


def understood(text: str, folder: Path, environ: dict[str, str] | None = None) -> None:
    """Loads it; what is wrong is told in words, without a secret."""
    file = folder / "gateway.toml"
    file.write_text(text, encoding="utf-8", errors="surrogateescape")
    told = []
    try:
        load(file, {"OPENAI_API_KEY": SECRET, **(environ or {})})
    except ConfigError as wrong:
        told = [str(mistake) for mistake in wrong.mistakes] or [SECRET]
    assert SECRET not in "\n".join(told)


@QUIET
@given(st.dictionaries(names, tables, max_size=5))
@example({"providers": {"openai": []}})
@example({"models": {"x": {"fallbacks": [{"kind": 1}]}}})
@example({"server": {"port": float("nan")}})
def test_any_tables(tmp_path: Path, document: dict[str, Any]) -> None:
    understood("\n".join(f'"{name}" = {toml(value)}' for name, value in document.items()), tmp_path)


@QUIET
@given(st.integers(0, len(SHIPPED)), st.integers(0, 40), st.text(string.printable, max_size=8))
@example(0, 0, "\ufeff")
@example(5, 3, "'''")
def test_the_shipped_file_damaged_anywhere(tmp_path: Path, place: int, lost: int, put: str) -> None:
    understood(SHIPPED[:place] + put + SHIPPED[place + lost :], tmp_path)


@QUIET
@given(
    st.dictionaries(
        st.sampled_from(["LLM_GATEWAY_PORT", "REDIS_URL", "OPENAI_BASE_URL", "LLM_GATEWAY_API_KEYS", "CMS_URL"]),
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=30)
        | st.sampled_from(["redis://[::1", "http://a:99999/", "http://[", "1e3", "-1", "redis+cluster://", ",,", "\t"]),
    )
)
def test_any_environment(tmp_path: Path, environ: dict[str, str]) -> None:
    understood("", tmp_path, environ)


@pytest.mark.parametrize("raw", [b"\xff\xfe[server]", b"[server]\nhost = '\xc3'", b"\x00", b"[" * 5000])
def test_bytes_that_are_no_text(tmp_path: Path, raw: bytes) -> None:
    file = tmp_path / "gateway.toml"
    file.write_bytes(raw)
    with pytest.raises(ConfigError):
        load(file, {})
