"""The routing table by names alone, and its patterns."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.config import Route
from gateway.config.defaults import default_providers, default_routes
from gateway.config.routing import Glob, Place, RoutingTable

DEFAULT = RoutingTable(default_routes(), default_providers())


@pytest.mark.parametrize(
    ("name", "provider", "model"),
    [
        ("claude-sonnet-4-5", "anthropic", "claude-sonnet-4-5"),
        ("gpt-4.1", "openai", "gpt-4.1"),
        ("chatgpt-4o-latest", "openai", "chatgpt-4o-latest"),
        ("o1", "openai", "o1"),
        ("o3-mini", "openai", "o3-mini"),
        ("o4-mini", "openai", "o4-mini"),
        ("text-embedding-3-small", "openai", "text-embedding-3-small"),
        ("gemini-2.5-pro", "google", "gemini-2.5-pro"),
        ("deepseek-chat", "deepseek", "deepseek-chat"),
        ("sandbox/echo", "sandbox", "echo"),
        ("openai/gpt-4.1", "openai", "gpt-4.1"),
        ("anthropic/claude-sonnet-4-5", "anthropic", "claude-sonnet-4-5"),
        ("google/gemini-2.5-pro", "google", "gemini-2.5-pro"),
        ("openrouter/meta-llama/llama-4", "openrouter", "meta-llama/llama-4"),
        ("openrouter/openai/gpt-4.1", "openrouter", "openai/gpt-4.1"),
        ("openrouter/auto", "openrouter", "openrouter/auto"),
        ("meta-llama/llama-4", "openrouter", "meta-llama/llama-4"),
        ("no-such-model", "openrouter", "no-such-model"),
    ],
)
def test_the_default_table(name: str, provider: str, model: str) -> None:
    place = DEFAULT.place(name)
    assert place is not None
    assert (place.provider, place.model) == (provider, model)


def test_the_first_route_wins() -> None:
    table = RoutingTable([Route(match="gpt-4*", provider="a"), Route(match="gpt-*", provider="b")], ["a", "b"])
    assert table.place("gpt-4.1") == Place("a", "gpt-4.1", named=True)
    assert table.place("gpt-5") == Place("b", "gpt-5", named=True)
    assert table.place("o3") is None


def test_a_name_that_says_its_provider_reaches_it_past_a_catch_all() -> None:
    table = RoutingTable([Route(match="*", provider="local")], ["local", "openai"])
    assert table.place("openai/gpt-5") == Place("openai", "gpt-5", named=True)
    assert table.place("gpt-5") == Place("local", "gpt-5", named=False)


def test_a_route_may_take_a_providers_prefix_for_another() -> None:
    table = RoutingTable([Route(match="openai/*", provider="local")], ["local", "openai"])
    assert table.place("openai/gpt-5") == Place("local", "openai/gpt-5", named=True)


def test_a_prefix_without_a_model_is_nobodys() -> None:
    assert DEFAULT.place("openai/") is None


@example(pattern="*a*a*", text="a")
@example(pattern="ab*b", text="ab")
@given(pattern=st.text("ab*.", max_size=8), text=st.text("ab.*", max_size=12))
def test_a_pattern_means_what_the_same_regular_expression_means(pattern: str, text: str) -> None:
    expression = ".*".join(re.escape(part) for part in pattern.split("*"))
    assert Glob(pattern).matches(text) is bool(re.fullmatch(expression, text))


def test_a_hostile_pattern_does_not_blow_up() -> None:
    began = time.process_time()
    assert not Glob("*a" * 20 + "*b").matches("a" * 256)
    assert time.process_time() - began < 0.05
