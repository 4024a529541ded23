"""What the sandbox refuses, as OpenAI would: whoever tries something out on it is told of mistakes, not humoured."""

from __future__ import annotations

from typing import Any, Final, NoReturn

import msgspec

from gateway.dialects.openai_chat import MOST_CHOICES, ChatRequest, Message
from gateway.errors import InvalidRequest

_ROLES: Final = ("system", "developer", "user", "assistant", "tool", "function")
_PARTS: Final = ("text", "image_url", "input_audio", "file", "refusal")
_TOOL_CHOICES: Final = ("none", "auto", "required")
_FORMATS: Final = ("text", "json_object", "json_schema")
_QUOTE: Final = ord('"')
_SPEECHLESS: Final = ("assistant", "function")
"""Roles whose message need not say anything."""


def check(chat: ChatRequest) -> None:
    """Raises InvalidRequest that names the field."""
    for index, message in enumerate(chat.messages):
        _check_message(message, f"messages[{index}]")
    for field, limit in (("max_tokens", chat.max_tokens), ("max_completion_tokens", chat.max_completion_tokens)):
        if limit is not None and limit < 1:
            _refuse(field, "at least 1")
    if chat.n is not None and not 1 <= chat.n <= MOST_CHOICES:
        _refuse("n", f"a number from 1 to {MOST_CHOICES}")
    choice = loosely(chat.tool_choice)
    if choice is not None and not isinstance(choice, dict) and choice not in _TOOL_CHOICES:
        _refuse("tool_choice", f"{', '.join(_TOOL_CHOICES)} or an object")
    wanted = loosely(chat.response_format)
    if wanted is not None and not (isinstance(wanted, dict) and wanted.get("type") in _FORMATS):
        _refuse("response_format.type", f"one of {', '.join(_FORMATS)}")


def loosely(raw: msgspec.Raw) -> Any:
    """Any JSON; what is too deep or not UTF-8 is as good as nothing here."""
    try:
        return msgspec.json.decode(raw)
    except (ValueError, RecursionError):
        return None


def _check_message(message: Message, place: str) -> None:
    if message.role not in _ROLES:
        _refuse(f"{place}.role", f"one of {', '.join(_ROLES)}")
    if memoryview(message.content)[0] == _QUOTE:  # a text, of whatever length
        return
    content = loosely(message.content)
    if content is None and message.role in _SPEECHLESS:
        return
    if not isinstance(content, list):
        _refuse(f"{place}.content", "a string or an array")
    for index, part in enumerate(content):
        if not isinstance(part, dict) or part.get("type") not in _PARTS:
            _refuse(f"{place}.content[{index}].type", f"one of {', '.join(_PARTS)}")


def _refuse(field: str, expected: str) -> NoReturn:
    raise InvalidRequest(f"Invalid '{field}': expected {expected}.", param=field)
