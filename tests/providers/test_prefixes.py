"""Which models go on with the beginning of an answer, and how a request gives it to them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.calls.resumption import with_prefix
from gateway.providers.prefixes import DEEPSEEK, PLAIN, PrefixForm, prefix_form

HELLO = {"role": "user", "content": "hi"}


@pytest.mark.parametrize(
    ("kind", "provider", "model", "form"),
    [
        ("anthropic", "anthropic", "claude-sonnet-4-5", PLAIN),
        ("anthropic", "anthropic", "claude-3-5-haiku-latest", PLAIN),
        ("anthropic", "anthropic", "claude-opus-4-6", None),
        ("anthropic", "a-proxy-of-mine", "claude-haiku-4-5", PLAIN),
        ("openai", "openrouter", "anthropic/claude-sonnet-4.5", PLAIN),
        ("openai", "openrouter", "anthropic/claude-opus-4.6", None),
        ("openai", "openrouter", "openai/gpt-4o", None),
        ("openai", "deepseek", "deepseek-chat", DEEPSEEK),
        ("openai", "deepseek", "deepseek-reasoner", None),
        ("openai", "openai", "gpt-4o", None),
        ("openai", "my-vllm", "deepseek-chat", None),
        ("gemini", "google", "gemini-2.0-flash", None),
        ("sandbox", "sandbox", "lorem", None),
    ],
)
def test_who_takes_a_prefix(kind: str, provider: str, model: str, form: PrefixForm | None) -> None:
    assert prefix_form(kind, provider, model) == form


def request(**members: Any) -> bytes:
    return json.dumps({"model": "m", "messages": [HELLO], "unknown": 1.5, **members}).encode().replace(b"1.5", b"1.50")


def test_a_prefix_is_a_last_message_of_the_assistant() -> None:
    """All else stays as it is."""
    body = with_prefix(request(), "Hello", {"prefix": True})
    assert body is not None
    assert json.loads(body) == {
        **json.loads(request()),
        "messages": [HELLO, {"role": "assistant", "content": "Hello", "prefix": True}],
    }
    assert b"1.50" in body


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
@pytest.mark.parametrize(("limit", "left"), [(100, 90), (10, 1), (3, 1), (None, None)])
def test_what_is_said_already_is_taken_off_the_answers_length(name: str, limit: int | None, left: int | None) -> None:
    """By estimate, and there is always room for a word."""
    body = with_prefix(request(**{name: limit}), "x" * 40, {})
    assert body is not None
    assert json.loads(body)[name] == left


@pytest.mark.parametrize(
    "members",
    [
        {"messages": []},
        {"messages": [HELLO, {"role": "assistant", "content": "I"}]},
        {"thinking": {"type": "enabled", "budget_tokens": 2000}},
        {"reasoning_effort": "high"},
        {"reasoning": {"effort": "low"}},
    ],
    ids=["nothing asked", "a prefix of the client's own", "thinking", "effort", "reasoning"],
)
def test_some_requests_take_none(members: dict[str, Any]) -> None:
    assert with_prefix(request(**members), "Hello", {}) is None


@pytest.mark.parametrize("members", [{"thinking": {"type": "disabled"}}, {"reasoning_effort": None}])
def test_one_that_asks_for_no_thoughts_does(members: dict[str, Any]) -> None:
    assert with_prefix(request(**members), "Hello", {}) is not None
