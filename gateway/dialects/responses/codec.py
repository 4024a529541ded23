"""Responses as a client's dialect: requests become conversations, answers become responses."""

from __future__ import annotations

from typing import Final

import msgspec

from gateway.dialects.answer_events import told
from gateway.dialects.codec import Frame, Steps
from gateway.dialects.conversation import Conversation, Reply
from gateway.dialects.responses.decode import decode
from gateway.dialects.responses.request_settings import NAME
from gateway.dialects.responses.stream import ResponsesEncoder

_encode = msgspec.json.Encoder().encode


class ResponsesClient:
    """The ClientCodec."""

    name: Final = NAME

    def decode(self, body: bytes, target: str) -> Steps[Conversation]:
        return decode(body, target)

    def encode(self, reply: Reply, request: Conversation, frame: Frame) -> bytes:
        """A whole answer is the last event's response of the stream that it would have been."""
        encoder = ResponsesEncoder(request, frame)
        encoder.encode(told(reply))
        return _encode(encoder.response)

    def stream(self, request: Conversation, frame: Frame) -> ResponsesEncoder:
        return ResponsesEncoder(request, frame)
