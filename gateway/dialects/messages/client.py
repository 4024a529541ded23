"""Messages for clients whose model stands behind another dialect."""

from __future__ import annotations

from gateway.dialects.codec import Frame, Steps, StreamEncoder
from gateway.dialects.conversation import Conversation, Reply
from gateway.dialects.messages import answer, request
from gateway.dialects.messages.answer_stream import MessageAnswerStream
from gateway.dialects.messages.fidelity import NAME


class MessagesClient:
    """A `gateway.dialects.codec.ClientCodec`."""

    name = NAME

    def decode(self, body: bytes, target: str) -> Steps[Conversation]:
        """Reads a request that a provider of the dialect `target` is to serve. Raises InvalidRequest."""
        return request.decode(body, target)

    def encode(self, reply: Reply, request: Conversation, frame: Frame) -> bytes:
        """A whole answer's body."""
        return answer.encode(reply, request, frame)

    def stream(self, request: Conversation, frame: Frame) -> StreamEncoder:
        """A streamed answer."""
        return MessageAnswerStream(request, frame)
