"""Chat completions as a provider speaks them, for clients of another dialect."""

from __future__ import annotations

from typing import Final

from gateway.dialects import openai_errors
from gateway.dialects.chat import provider_reply, provider_request
from gateway.dialects.chat.flavour import Flavour
from gateway.dialects.chat.provider_stream import ChatAnswerDecoder
from gateway.dialects.codec import Steps, StreamDecoder
from gateway.dialects.conversation import Conversation, Reply
from gateway.dialects.openai_errors import ProviderMessage

_PATH: Final = b"/chat/completions"


class ChatProvider:
    """A `ProviderCodec`; the flavour says which of the providers that speak this dialect it is."""

    def __init__(self, flavour: Flavour) -> None:
        self.name = flavour.target
        self._flavour = flavour

    def path(self, model: str, *, stream: bool) -> bytes:
        """The same for every model, streaming or not."""
        return _PATH

    def encode(self, request: Conversation, model: str) -> Steps[bytes]:
        """The body for the provider. Raises InvalidRequest for what it cannot be asked, naming the client's field."""
        return provider_request.encode(request, model, self._flavour)

    def decode(self, body: bytes) -> Reply:
        """Reads a whole answer. Raises ValueError where it is none."""
        return provider_reply.decode(body, self._flavour.maker)

    def stream(self, choices: int = 1) -> StreamDecoder:
        """A streamed answer; usage is always asked for."""
        return ChatAnswerDecoder(self._flavour.maker, choices)

    def read_error(self, body: bytes) -> ProviderMessage | None:
        """What an error answer says; None where the body is no error object."""
        return openai_errors.read_error(body)
