"""Anthropic's Messages as a dialect that providers speak; a `gateway.dialects.codec.ProviderCodec`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from gateway.dialects.anthropic.provider_errors import read_error
from gateway.dialects.anthropic.provider_reply import read_reply
from gateway.dialects.anthropic.provider_request import encode_request
from gateway.dialects.anthropic.provider_stream import MessageStream
from gateway.dialects.codec import Steps
from gateway.dialects.conversation import Conversation, Reply
from gateway.dialects.fidelity import ANTHROPIC_MESSAGES
from gateway.dialects.openai_errors import ProviderMessage

MESSAGES_PATH: Final = b"/v1/messages"


def _unknown(model: str) -> int | None:
    return None


class AnthropicProvider:
    name = ANTHROPIC_MESSAGES

    def __init__(self, output_limit: Callable[[str], int | None] = _unknown) -> None:
        """`output_limit` says how many tokens a model can write: the API wants a bound where the client has none."""
        self._output_limit = output_limit

    def path(self, model: str, *, stream: bool) -> bytes:
        return MESSAGES_PATH

    def encode(self, request: Conversation, model: str) -> Steps[bytes]:
        """The body for `model`. Raises InvalidRequest that names the client's field."""
        return encode_request(request, model, self._output_limit(model))

    def decode(self, body: bytes) -> Reply:
        """Raises ValueError where the body is no answer."""
        return read_reply(body)

    def stream(self, choices: int = 1) -> MessageStream:
        """There is never more than one choice."""
        return MessageStream()

    def read_error(self, body: bytes) -> ProviderMessage | None:
        return read_error(body)
