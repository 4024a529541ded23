"""Streams that break and go on with another model, over sockets: the official clients never notice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import anthropic
import openai
import pytest
from anthropic import Anthropic
from openai import OpenAI

from tests.sockets.asks import Clients
from tests.sockets.processes import running
from tests.sockets.scripts import WORDS, answers, cut, pauses, refuses
from tests.sockets.upstream import Upstream

SETTINGS = """
[retry]
request_fallbacks = true
backoff_base_s = 0.001
[timeouts]
idle_s = 0.3
"""
TEXT = "".join(WORDS)


@pytest.fixture(scope="module")
def clients(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clients]:
    with (
        running(tmp_path_factory.mktemp("recovery"), settings=SETTINGS, environ=upstream.environ) as gateway,
        OpenAI(base_url=f"{gateway.url}/v1", api_key="any", max_retries=0) as openai_client,
        Anthropic(base_url=gateway.url, api_key="any", max_retries=0) as anthropic_client,
    ):
        yield Clients(openai_client, anthropic_client)


def hear_chat(clients: Clients, model: str, fallbacks: list[str]) -> str:
    question: Any = {"model": model, "messages": [{"role": "user", "content": "?"}]}
    with clients.openai.chat.completions.stream(**question, extra_body={"fallbacks": fallbacks}) as stream:
        return stream.get_final_completion().choices[0].message.content or ""


def hear_response(clients: Clients, model: str, fallbacks: list[str]) -> str:
    with clients.openai.responses.stream(model=model, input="?", extra_body={"fallbacks": fallbacks}) as stream:
        return stream.get_final_response().output_text


def hear_message(clients: Clients, model: str, fallbacks: list[str]) -> str:
    question: Any = {"model": model, "max_tokens": 9, "messages": [{"role": "user", "content": "?"}]}
    with clients.anthropic.messages.stream(**question, extra_body={"fallbacks": fallbacks}) as stream:
        return stream.get_final_text()


HEARS = pytest.mark.parametrize("hear", [hear_chat, hear_response, hear_message])


@HEARS
def test_a_stream_that_is_cut_is_heard_whole(
    clients: Clients, upstream: Upstream, hear: Callable[[Clients, str, list[str]], str]
) -> None:
    """The first one's words, then what the second adds to them; each is asked once."""
    first, second = upstream.plays(cut, family="deepseek"), upstream.plays(answers, family="deepseek")

    assert hear(clients, first, [second]) == TEXT

    assert (len(upstream.asked(first)), len(upstream.asked(second))) == (1, 1)
    assert all("fallbacks" not in asked.json for asked in (*upstream.asked(first), *upstream.asked(second)))


@HEARS
def test_one_that_falls_silent_too(
    clients: Clients, upstream: Upstream, hear: Callable[[Clients, str, list[str]], str]
) -> None:
    first, second = upstream.plays(pauses, family="deepseek"), upstream.plays(answers, family="deepseek")

    assert hear(clients, first, [second]) == TEXT

    assert upstream.asked(first)[0].left.wait(1)


@HEARS
def test_one_that_nobody_goes_on_with_is_not(
    clients: Clients, upstream: Upstream, hear: Callable[[Clients, str, list[str]], str]
) -> None:
    """The clients raise, or have no final answer."""
    first, second = upstream.plays(cut, family="deepseek"), upstream.plays(refuses(503), family="deepseek")

    with pytest.raises((openai.APIError, anthropic.APIError, RuntimeError)):
        hear(clients, first, [second])

    assert len(upstream.asked(first)) == 1
    assert 1 <= len(upstream.asked(second)) <= 3
