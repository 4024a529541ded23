"""Messages: a whole answer for a client (https://platform.claude.com/docs/en/api/messages/create)."""

from __future__ import annotations

from typing import Final

import msgspec

from gateway.dialects.codec import Frame
from gateway.dialects.conversation import Choice, Conversation, Finish, Refusal, Reply
from gateway.dialects.messages.answer_blocks import (
    ID_PREFIX,
    block_of,
    stop_details_of,
    stop_reason_of,
    usage_object,
)

_encode: Final = msgspec.json.Encoder().encode


def encode(reply: Reply, request: Conversation, frame: Frame) -> bytes:
    """The answer's body; nobody can ask for more than one choice here."""
    choice = reply.choices[0] if reply.choices else Choice([], Finish.STOP)
    reason = stop_reason_of(
        choice.finish,
        choice.stop_sequence,
        refused=any(isinstance(part, Refusal) for part in choice.parts),
    )
    blocks = (block_of(part, request) for part in choice.parts)
    return _encode(
        {
            "id": ID_PREFIX + frame.id,
            "type": "message",
            "role": "assistant",
            "model": reply.model or request.model,
            "content": [block for block in blocks if block is not None],
            "stop_reason": reason,
            "stop_sequence": choice.stop_sequence,
            "stop_details": stop_details_of(reason),
            "usage": usage_object(reply.usage, reply.service_tier),
        }
    )
