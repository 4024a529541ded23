"""The sandbox: a provider within the gateway, so that the main job runs on a machine without keys.

`sandbox/echo` says the last user message back, `sandbox/lorem` answers in Latin, with tools, structured output and
reasoning. What is said depends on nothing but the request. Pure; `gateway.calls.sandbox` does the talking, and
`sandbox_embeddings.py` is what `sandbox/embedding` makes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import msgspec

from gateway.config.defaults import SANDBOX_MODELS
from gateway.dialects.chat import client_request
from gateway.dialects.codec import Steps
from gateway.dialects.conversation import Conversation, OutputFormat, ReasoningWish, Text, Tool, ToolResult, Turn
from gateway.dialects.fidelity import SANDBOX
from gateway.errors import GatewayError, InvalidRequest, ModelNotFound
from gateway.providers.profile import Origin, Profile
from gateway.providers.sandbox_rules import check
from gateway.providers.schema_example import example

LOREM: Final = (
    "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore et dolore "
    "magna aliqua. Ut enim ad minim veniam, quis nostrud exercitation ullamco laboris nisi ut aliquip ex ea commodo "
    "consequat. Duis aute irure dolor in reprehenderit in voluptate velit esse cillum dolore eu fugiat nulla pariatur."
)
THOUGHT: Final = "Quid quaeritur? Verba Latina sufficiunt; ordine dicantur."
"""What goes before an answer in Latin, where reasoning is asked for."""
_PIECES: Final = re.compile(r"\s*\S+|\s+$")
"""What counts as a token here: a word with the white space before it."""
_NOTHING: Final = Turn("user", [])


class Said(NamedTuple):
    """One answer: text, or the call of a tool."""

    pieces: Sequence[str]
    """The text, or the tool's arguments as JSON, as it is streamed: a piece a token."""
    finish_reason: str
    tool: str | None = None
    thoughts: Sequence[str] = ()
    """What was thought before, a piece a token."""


def profile(name: str) -> Profile:
    """A provider of OpenAI's dialect at no address at all."""
    return Profile(name=name, origin=Origin("http", name, 80), base_path=b"")


def read_request(body: bytes) -> Steps[Conversation]:
    """Reads a few messages a step. Raises InvalidRequest that names the field, also for what the sandbox cannot do."""
    chat = yield from client_request.decode(body, SANDBOX)
    check(chat)
    return chat


def answer(model: str, chat: Conversation) -> Said:
    """What the sandbox says to `chat`. Raises ModelNotFound, InvalidRequest."""
    if model == "echo":
        return _limited(_said(_last_user_text(chat.turns), chat.stop), chat.max_tokens)
    if model != "lorem":
        raise unsuitable(model, "makes embeddings; it is asked at /v1/embeddings.")
    thoughts = _PIECES.findall(THOUGHT) if _thinks(chat.reasoning) else ()
    tool = _called(chat)
    if tool is not None:
        arguments = msgspec.json.encode(example(tool.parameters) or {}).decode()
        return Said(_PIECES.findall(arguments), "tool_calls", tool.name, thoughts)
    structured = _structured(chat.output_format)
    text = LOREM if structured is None else structured
    return _limited(_said(text, chat.stop)._replace(thoughts=thoughts), chat.max_tokens)


def unsuitable(model: str, what_it_does: str) -> GatewayError:
    """The failure for a model that is none of the sandbox's, or that does something else than it was asked for."""
    if model in SANDBOX_MODELS:
        return InvalidRequest(f"The model 'sandbox/{model}' {what_it_does}", param="model")
    known = ", ".join(f"sandbox/{name}" for name in SANDBOX_MODELS)
    return ModelNotFound(f"The model 'sandbox/{model}' does not exist; the sandbox has {known}.", param="model")


def _said(text: str, stops: Sequence[str]) -> Said:
    """The text up to the first of the client's stop sequences."""
    end = min((text.find(stop) for stop in stops if stop and stop in text), default=len(text))
    return Said(_PIECES.findall(text[:end]), "stop")


def _limited(said: Said, limit: int | None) -> Said:
    """No more tokens than the client wants; thoughts count."""
    if limit is None or not 0 < limit < len(said.thoughts) + len(said.pieces):
        return said
    left = max(0, limit - len(said.thoughts))
    return said._replace(pieces=said.pieces[:left], finish_reason="length", thoughts=said.thoughts[:limit])


def _thinks(wish: ReasoningWish | None) -> bool:
    """Whether there are to be thoughts before the answer."""
    if wish is None:
        return False
    if wish.enabled is not None:
        return wish.enabled
    return wish.effort != "none" and (wish.effort is not None or wish.budget_tokens is not None)


def _called(chat: Conversation) -> Tool | None:
    """The tool to call: the one that is asked for, or one whose name the last message mentions."""
    choice = chat.tool_choice
    if choice is None or choice.mode == "auto":
        last = chat.turns[-1]
        text = _text_of(last) if last.role == "user" else ""
        return next((tool for tool in _allowed(chat) if tool.name in text), None)
    if choice.mode == "none":
        return None
    return next(tool for tool in _allowed(chat) if choice.name in (None, tool.name))


def _allowed(chat: Conversation) -> Iterator[Tool]:
    """The tools that may be called."""
    names = None if chat.tool_choice is None else chat.tool_choice.allowed
    return (tool for tool in chat.tools if names is None or tool.name in names)


def _structured(wanted: OutputFormat | None) -> str | None:
    """The JSON text that `response_format` asks for."""
    if wanted is None:
        return None
    made = {"text": LOREM} if wanted == OutputFormat() else example(wanted.schema)
    return msgspec.json.encode(made).decode()


def _last_user_text(turns: Sequence[Turn]) -> str:
    """What tools answered is the user's too, but nothing that they said."""
    said = (turn for turn in reversed(turns) if turn.role == "user" and not isinstance(turn.parts[0], ToolResult))
    return _text_of(next(said, _NOTHING))


def _text_of(turn: Turn) -> str:
    return "".join(part.text for part in turn.parts if isinstance(part, Text))
