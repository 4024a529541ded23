"""What Gemini cannot be asked, as the client is told of it."""

from __future__ import annotations

from typing import NoReturn

from gateway.dialects.conversation import Turn
from gateway.errors import InvalidRequest


def refuse(field: str, why: str) -> NoReturn:
    """Raises InvalidRequest that names the client's field."""
    raise InvalidRequest(f"'{field}' cannot be had from a model behind Gemini: {why}", param=field)


def field_of(turn: Turn) -> str:
    """Where the turn stood in the client's request."""
    return turn.field or "messages"
