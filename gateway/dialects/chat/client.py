"""Chat completions for clients whose model stands behind another dialect."""

from __future__ import annotations

from gateway.dialects.chat import client_answer, client_request
from gateway.dialects.chat.client_stream import ChatAnswerStream
from gateway.dialects.chat.fidelity import NAME
from gateway.dialects.codec import Frame, Steps, StreamEncoder
from gateway.dialects.conversation import Conversation, Reply


class ChatClient:
    """A `ClientCodec` (https://platform.openai.com/docs/api-reference/chat)."""

    name = NAME

    def decode(self, body: bytes, target: str) -> Steps[Conversation]:
        """Reads a request that a provider of the dialect `target` is to serve. Raises InvalidRequest."""
        return client_request.decode(body, target)

    def encode(self, reply: Reply, request: Conversation, frame: Frame) -> bytes:
        """A whole answer's body."""
        return client_answer.encode(reply, request, frame)

    def stream(self, request: Conversation, frame: Frame) -> StreamEncoder:
        """A streamed answer; its usage comes where the client asked for it."""
        return ChatAnswerStream(request, frame)
