"""A short question by the official client of each dialect; they raise what they raise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from anthropic import Anthropic
from openai import OpenAI


class BrokenOff(Exception):
    """The event that a broken stream of a response ends with."""


class Clients(NamedTuple):
    """The official clients of one gateway, or of one provider."""

    openai: OpenAI
    anthropic: Anthropic


def ask_chat(clients: Clients, model: str, stream: bool) -> None:
    question: Any = {"model": model, "messages": [{"role": "user", "content": "?"}]}
    if stream:
        list(clients.openai.chat.completions.create(**question, stream=True))
    else:
        clients.openai.chat.completions.create(**question)


def ask_responses(clients: Clients, model: str, stream: bool) -> None:
    if stream:
        with clients.openai.responses.create(model=model, input="?", stream=True) as events:
            for event in events:
                if event.type == "error":  # the client leaves it to whoever listens
                    raise BrokenOff(event.message)
    else:
        clients.openai.responses.create(model=model, input="?")


def ask_messages(clients: Clients, model: str, stream: bool) -> None:
    question: Any = {"model": model, "max_tokens": 9, "messages": [{"role": "user", "content": "?"}]}
    if stream:
        with clients.anthropic.messages.stream(**question) as helper:
            helper.get_final_message()
    else:
        clients.anthropic.messages.create(**question)


ASKS: dict[str, Callable[[Clients, str, bool], None]] = {
    "chat": ask_chat,
    "responses": ask_responses,
    "messages": ask_messages,
}
PASSED_ON = {
    "claude": ("messages",),
    "gpt": ("chat", "responses"),
    "anthropic/claude": ("chat", "responses"),
    "deepseek": ("chat",),
}
"""By the family of a model (see `moves.FAMILIES`), the dialects that its provider speaks itself."""


def translated(dialect: str, family: str) -> bool:
    """Whether the gateway stands between two dialects there."""
    return dialect not in PASSED_ON.get(family, ())
