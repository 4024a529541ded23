"""The 400 for what OpenAI's Responses cannot be asked, in the words of the client that asked it."""

from __future__ import annotations

from gateway.dialects.conversation import Conversation, Turn
from gateway.errors import InvalidRequest


def refused(request: Conversation, member: str, why: str) -> InvalidRequest:
    """For a member of the conversation, by the name that the client's dialect has for it."""
    return refused_field(request.spelling.get(member, member), why)


def unfit(turn: Turn, index: int, why: str) -> InvalidRequest:
    """For a part of a message."""
    return refused_field(f"{turn.field or 'messages'}.content[{index}]", why)


def refused_field(field: str, why: str) -> InvalidRequest:
    """For a field that the client named so itself."""
    return InvalidRequest(f"'{field}' cannot be had from OpenAI's Responses: {why}", param=field)
