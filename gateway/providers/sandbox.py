"""The sandbox: a provider within the gateway, so that the main job runs on a machine without keys.

`sandbox/echo` says the last user message back, `sandbox/lorem` answers in Latin, with tools, structured output and
reasoning. What is said depends on nothing but the request. Pure; `gateway.calls.sandbox` does the talking, and
`sandbox_embeddings.py` is what `sandbox/embedding` makes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec

from gateway.config.defaults import SANDBOX_MODELS
from gateway.dialects.mistakes import unreadable
from gateway.dialects.openai_chat import ChatRequest, Message
from gateway.errors import GatewayError, InvalidRequest, ModelNotFound
from gateway.providers.profile import Origin, Profile
from gateway.providers.sandbox_rules import check, loosely
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
_NULL: Final = msgspec.Raw(b"null")


class SandboxRequest(ChatRequest):
    """A chat request with what asks for reasoning, in the words of all who have one for it."""

    reasoning_effort: msgspec.Raw = _NULL
    reasoning: msgspec.Raw = _NULL
    """OpenRouter's: an object."""
    thinking: msgspec.Raw = _NULL
    """Anthropic's and DeepSeek's: an object with a type."""
    stop: str | list[str] | None = None
    temperature: float | None = None
    top_p: float | None = None
    logprobs: bool | None = None

    @property
    def wants_reasoning(self) -> bool:
        """Whether there are to be thoughts before the answer."""
        effort, wish, thinking = map(loosely, (self.reasoning_effort, self.reasoning, self.thinking))
        if isinstance(thinking, dict):
            return thinking.get("type") != "disabled"
        if isinstance(wish, dict):
            return wish.get("enabled") is not False and wish.get("effort") != "none"
        return isinstance(effort, str) and effort != "none"


class Function(msgspec.Struct):
    """A function that the client offers as a tool."""

    name: str
    parameters: Any = None


class _Tool(msgspec.Struct):
    function: Function | None = None


class Said(NamedTuple):
    """One answer: text, or the call of a tool."""

    pieces: Sequence[str]
    """The text, or the tool's arguments as JSON, as it is streamed: a piece a token."""
    finish_reason: str
    tool: str | None = None
    thoughts: Sequence[str] = ()
    """What was thought before, a piece a token."""


_decode_request = msgspec.json.Decoder(SandboxRequest).decode


def profile(name: str) -> Profile:
    """A provider of OpenAI's dialect at no address at all."""
    return Profile(name=name, origin=Origin("http", name, 80), base_path=b"")


def read_request(body: bytes) -> SandboxRequest:
    """Raises InvalidRequest that names the field, also for what the sandbox cannot do."""
    try:
        chat = _decode_request(body)
    except (ValueError, RecursionError) as problem:
        raise unreadable(problem) from problem
    for field, most in (("temperature", 2), ("top_p", 1)):
        value = getattr(chat, field)
        if value is not None and not 0 <= value <= most:
            raise InvalidRequest(f"Invalid '{field}': expected a number between 0 and {most}.", param=field)
    if chat.logprobs:
        raise InvalidRequest(
            "'logprobs' cannot be had from the sandbox: nothing there is a matter of chance.", param="logprobs"
        )
    check(chat)
    return chat


def answer(model: str, chat: SandboxRequest) -> Said:
    """What the sandbox says to `chat`. Raises ModelNotFound, InvalidRequest."""
    if model == "echo":
        return _limited(_said(_last_user_text(chat.messages), chat), chat.output_limit)
    if model != "lorem":
        raise unsuitable(model, "makes embeddings; it is asked at /v1/embeddings.")
    thoughts = _PIECES.findall(THOUGHT) if chat.wants_reasoning else ()
    function = _called(chat)
    if function is not None:
        arguments = msgspec.json.encode(example(function.parameters) or {}).decode()
        return Said(_PIECES.findall(arguments), "tool_calls", function.name, thoughts)
    structured = _structured(chat)
    text = LOREM if structured is None else structured
    return _limited(_said(text, chat)._replace(thoughts=thoughts), chat.output_limit)


def unsuitable(model: str, what_it_does: str) -> GatewayError:
    """The failure for a model that is none of the sandbox's, or that does something else than it was asked for."""
    if model in SANDBOX_MODELS:
        return InvalidRequest(f"The model 'sandbox/{model}' {what_it_does}", param="model")
    known = ", ".join(f"sandbox/{name}" for name in SANDBOX_MODELS)
    return ModelNotFound(f"The model 'sandbox/{model}' does not exist; the sandbox has {known}.", param="model")


def _said(text: str, chat: SandboxRequest) -> Said:
    """The text up to the first of the client's stop sequences."""
    stops = [chat.stop] if isinstance(chat.stop, str) else chat.stop or []
    end = min((text.find(stop) for stop in stops if stop and stop in text), default=len(text))
    return Said(_PIECES.findall(text[:end]), "stop")


def _limited(said: Said, limit: int | None) -> Said:
    """No more tokens than the client wants; thoughts count."""
    if limit is None or not 0 < limit < len(said.thoughts) + len(said.pieces):
        return said
    left = max(0, limit - len(said.thoughts))
    return said._replace(pieces=said.pieces[:left], finish_reason="length", thoughts=said.thoughts[:limit])


def _called(chat: ChatRequest) -> Function | None:
    """The tool to call: the one that is asked for, or one whose name the last message mentions."""
    functions = _functions(chat)
    if not functions:
        return None
    choice = loosely(chat.tool_choice)
    if choice == "none":
        return None
    if choice == "required":
        return functions[0]
    if isinstance(choice, dict):
        named = choice.get("function")
        name = named.get("name") if isinstance(named, dict) else None
        return next((function for function in functions if function.name == name), None)
    last = chat.messages[-1]
    text = _content_text(last) if last.role == "user" else ""
    return next((function for function in functions if function.name in text), None)


def _functions(chat: ChatRequest) -> list[Function]:
    functions = []
    for raw in chat.tools or ():
        try:
            tool = msgspec.json.decode(raw, type=_Tool)
        except (ValueError, RecursionError):
            continue  # a kind of tool that the sandbox does not know
        if tool.function is not None:
            functions.append(tool.function)
    return functions


def _structured(chat: ChatRequest) -> str | None:
    """The JSON text that `response_format` asks for."""
    wanted = loosely(chat.response_format)
    if not isinstance(wanted, dict):
        return None
    if wanted.get("type") == "json_object":
        return msgspec.json.encode({"text": LOREM}).decode()
    schema = wanted.get("json_schema")
    if wanted.get("type") != "json_schema" or not isinstance(schema, dict):
        return None
    return msgspec.json.encode(example(schema.get("schema"))).decode()


def _last_user_text(messages: list[Message]) -> str:
    for message in reversed(messages):
        if message.role == "user":
            return _content_text(message)
    return ""


def _content_text(message: Message) -> str:
    """The text of a message: the string itself, or its text parts."""
    content = loosely(message.content)
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    texts = (part.get("text") for part in content if isinstance(part, dict))
    return "".join(text for text in texts if isinstance(text, str))
