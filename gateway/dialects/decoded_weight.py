"""What a conversation takes in memory once it is read: small messages take many times their bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final, TypeVar

import msgspec

from gateway.errors import InvalidRequest

T = TypeVar("T")

MOST_MESSAGES: Final = 100_000
"""Anthropic's limit, and more than any model reads: each costs many times its bytes while it is looked at."""
MESSAGE_BYTES: Final = 176
"""What a message takes beside its bytes in the body, measured."""
_MANY_MESSAGES: Final = 1000
MOST_PARTS: Final = 4_000
"""Of one message, where it is translated: it is read and written in one go, and others wait some 5 µs a part for it.

The most that any model takes are Gemini's 3,600 images.
"""

MOST_TOOLS: Final = 2_000
"""Of one request that is translated, also in one go; no provider takes so many but Anthropic, from its own clients."""


Named = Annotated[str, msgspec.Meta(min_length=1)]
"""As a decoder checks what `check_model` does."""
Some = Annotated[list[T], msgspec.Meta(min_length=1, max_length=MOST_MESSAGES)]
"""As a decoder checks what `check_count` does."""


def check_model(model: str) -> None:
    """Raises InvalidRequest where it is none."""
    if not model:
        raise InvalidRequest("Invalid 'model': an empty string names no model.", param="model")


def check_count(messages: Sequence[object]) -> None:
    """Raises InvalidRequest where there are none, or more than anybody can want."""
    if not messages:
        raise InvalidRequest("Invalid 'messages': expected at least one message.", param="messages")
    check_most(messages, "messages")


def check_most(messages: Sequence[object], field: str) -> None:
    """Raises InvalidRequest where there are more than anybody can want."""
    if len(messages) > MOST_MESSAGES:
        raise InvalidRequest(f"Invalid '{field}': expected at most {MOST_MESSAGES} of them.", param=field)


def check_parts(parts: Sequence[object], field: str) -> None:
    """Raises InvalidRequest where one turn, or one result of a tool, has more of them than anybody can want."""
    check_pieces(len(parts), field)


def check_pieces(count: int, field: str) -> None:
    """The same of those that its members have together."""
    if count > MOST_PARTS:
        raise InvalidRequest(f"Invalid '{field}': expected at most {MOST_PARTS} parts.", param=field)


def check_tools(tools: Sequence[object]) -> None:
    """Raises InvalidRequest where a model is offered more of them than any could choose from."""
    if len(tools) > MOST_TOOLS:
        raise InvalidRequest(f"Invalid 'tools': expected at most {MOST_TOOLS} of them.", param="tools")


def decoded_bytes(messages: Sequence[object]) -> int:
    """What messages take in memory beside the body; 0 where they are few enough not to matter."""
    return len(messages) * MESSAGE_BYTES if len(messages) >= _MANY_MESSAGES else 0
