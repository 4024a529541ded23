"""Responses as OpenAI speaks them, for clients of another dialect: its reasoning comes encrypted and goes back so."""

from __future__ import annotations

from typing import Final

from gateway.dialects import openai_errors
from gateway.dialects.codec import Steps
from gateway.dialects.conversation import Conversation, Reply
from gateway.dialects.fidelity import OPENAI_RESPONSES
from gateway.dialects.openai_errors import ProviderMessage
from gateway.dialects.responses import provider_reply, provider_request
from gateway.dialects.responses.provider_stream import ResponsesAnswerDecoder

_PATH: Final = b"/responses"


class ResponsesProvider:
    """A `gateway.dialects.codec.ProviderCodec`."""

    name = OPENAI_RESPONSES

    def path(self, model: str, *, stream: bool) -> bytes:
        """The same for every model, streaming or not."""
        return _PATH

    def encode(self, request: Conversation, model: str) -> Steps[bytes]:
        """The body for OpenAI. Raises InvalidRequest for what it cannot be asked, naming the client's field."""
        return provider_request.encode(request, model)

    def decode(self, body: bytes) -> Reply:
        """Reads a whole answer. Raises ValueError where it is none."""
        return provider_reply.decode(body)

    def stream(self, choices: int = 1) -> ResponsesAnswerDecoder:
        """There is never more than one choice."""
        return ResponsesAnswerDecoder()

    def read_error(self, body: bytes) -> ProviderMessage | None:
        """What an error answer says; None where the body is no error object."""
        return openai_errors.read_error(body)
