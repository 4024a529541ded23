"""The sandbox: a provider within the gateway, so that the main job runs on a machine without keys.

`sandbox/echo` says the last user message back, `sandbox/lorem` answers in Latin, with tools and structured output.
What is said depends on nothing but the request. Pure; `gateway.calls.sandbox` does the talking.
"""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

import msgspec

from gateway.config.defaults import SANDBOX_MODELS
from gateway.dialects.openai_chat import ChatRequest, Message
from gateway.errors import ModelNotFound
from gateway.providers.schema_example import example

LOREM: Final = (
    "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore et dolore "
    "magna aliqua. Ut enim ad minim veniam, quis nostrud exercitation ullamco laboris nisi ut aliquip ex ea commodo "
    "consequat. Duis aute irure dolor in reprehenderit in voluptate velit esse cillum dolore eu fugiat nulla pariatur."
)
_PIECES: Final = re.compile(r"\s*\S+|\s+$")
"""What counts as a token here: a word with the white space before it."""


class Function(msgspec.Struct):
    """A function that the client offers as a tool."""

    name: str
    parameters: Any = None


class _Tool(msgspec.Struct):
    function: Function | None = None


class Said(NamedTuple):
    """One answer: text, or the call of a tool."""

    pieces: list[str]
    """The text, or the tool's arguments as JSON, as it is streamed: a piece a token."""
    finish_reason: str
    tool: str | None = None


def answer(model: str, chat: ChatRequest) -> Said:
    """What the sandbox says to `chat`. Raises ModelNotFound."""
    if model == "echo":
        return _text(_last_user_text(chat.messages), chat)
    if model != "lorem":
        known = ", ".join(f"sandbox/{name}" for name in SANDBOX_MODELS)
        raise ModelNotFound(f"The model 'sandbox/{model}' does not exist; the sandbox has {known}.", param="model")
    function = _called(chat)
    if function is not None:
        arguments = msgspec.json.encode(example(function.parameters) or {}).decode()
        return Said(_PIECES.findall(arguments), "tool_calls", function.name)
    structured = _structured(chat)
    return _text(LOREM if structured is None else structured, chat)


def _text(text: str, chat: ChatRequest) -> Said:
    pieces = _PIECES.findall(text)
    limit = chat.output_limit
    if limit is not None and 0 < limit < len(pieces):
        return Said(pieces[:limit], "length")
    return Said(pieces, "stop")


def _called(chat: ChatRequest) -> Function | None:
    """The tool to call: the one that is asked for, or one whose name the last message mentions."""
    functions = _functions(chat)
    if not functions:
        return None
    choice = _loosely(chat.tool_choice)
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
    wanted = _loosely(chat.response_format)
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
    content = _loosely(message.content)
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    texts = (part.get("text") for part in content if isinstance(part, dict))
    return "".join(text for text in texts if isinstance(text, str))


def _loosely(raw: msgspec.Raw) -> Any:
    """Any JSON; what is too deep or not UTF-8 is as good as nothing here."""
    try:
        return msgspec.json.decode(raw)
    except (ValueError, RecursionError):
        return None
