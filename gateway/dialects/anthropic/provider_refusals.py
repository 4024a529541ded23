"""The 400 for what this API cannot be asked, in the words of the client that asked it."""

from __future__ import annotations

from gateway.dialects.conversation import Conversation, Turn
from gateway.errors import InvalidRequest

SERVICE = "Anthropic's Messages"


def refused(request: Conversation, member: str, why: str) -> InvalidRequest:
    """For a member of the request, by the name that the client's dialect has for it."""
    param = request.spelling.get(member, member)
    return InvalidRequest(f"'{param}' cannot be had from a model behind {SERVICE}: {why}", param=param)


def unfit(turn: Turn, why: str, index: int | None = None) -> InvalidRequest:
    """For a message, or a part of its content."""
    field = turn.field or "messages"
    param = field if index is None else f"{field}.content[{index}]"
    return InvalidRequest(f"'{param}' cannot be sent to {SERVICE}: {why}", param=param)
