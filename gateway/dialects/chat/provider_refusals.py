"""The 400 for what a provider of this dialect cannot be asked, in the words of the client that asked it."""

from __future__ import annotations

from gateway.dialects.chat.flavour import Flavour
from gateway.dialects.conversation import Conversation, Turn
from gateway.errors import InvalidRequest


def refused(request: Conversation, member: str, flavour: Flavour, why: str) -> InvalidRequest:
    """For a member of the conversation, by the name that the client's dialect has for it."""
    return refused_field(request.spelling.get(member, member), flavour, why)


def check_stops(request: Conversation, flavour: Flavour) -> None:
    """Raises InvalidRequest where there are more stop sequences than this provider takes."""
    if flavour.most_stops is not None and len(request.stop) > flavour.most_stops:
        raise refused(request, "stop", flavour, f"it takes {flavour.most_stops} of them at most.")


def unfit(turn: Turn, index: int, flavour: Flavour, why: str) -> InvalidRequest:
    """For a part of a message."""
    return refused_field(f"{turn.field or 'messages'}.content[{index}]", flavour, why)


def refused_field(field: str, flavour: Flavour, why: str) -> InvalidRequest:
    """For a field that the client named so itself."""
    return InvalidRequest(f"'{field}' cannot be had from {flavour.title}: {why}", param=field)
