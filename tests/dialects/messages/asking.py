"""Requests written short, and what they are decoded to."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.dialects.codec import finish_steps
from gateway.dialects.conversation import Conversation, Part
from gateway.dialects.fidelity import OPENAI_CHAT
from gateway.dialects.messages.client import MessagesClient
from gateway.errors import InvalidRequest

HI: dict[str, Any] = {"role": "user", "content": "hi"}


def body(**members: Any) -> bytes:
    """A request; a member that is None is left out."""
    request = {"model": "m", "max_tokens": 4096, "messages": [HI], **members}
    return json.dumps({name: value for name, value in request.items() if value is not None}).encode()


def decoded(target: str = OPENAI_CHAT, **members: Any) -> Conversation:
    """Raises InvalidRequest."""
    return finish_steps(MessagesClient().decode(body(**members), target))


def parts(*blocks: dict[str, Any], role: str = "user", target: str = OPENAI_CHAT) -> list[Part]:
    """What the blocks of one message become; a user's message follows one of the assistant's."""
    messages = [{"role": role, "content": list(blocks)}]
    if role == "assistant":
        messages.append(HI)
    return decoded(target, messages=messages).turns[0].parts


def mistake(target: str = OPENAI_CHAT, **members: Any) -> InvalidRequest:
    """The error for a request that must not pass."""
    with pytest.raises(InvalidRequest) as caught:
        decoded(target, **members)
    return caught.value


def mistake_in(block: Any, role: str = "user", target: str = OPENAI_CHAT) -> InvalidRequest:
    """The error for a message with this block as its second."""
    content = [{"type": "text", "text": "see"}, block]
    return mistake(target, messages=[{"role": role, "content": content}, HI])
