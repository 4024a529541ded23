"""Gemini as a provider: the pieces of the dialect under the names that `gateway.dialects.codec` gives them."""

from __future__ import annotations

from functools import lru_cache
from typing import Final
from urllib.parse import quote

from gateway.dialects.answer_events import assemble
from gateway.dialects.codec import Steps
from gateway.dialects.conversation import Conversation, Reply
from gateway.dialects.fidelity import GEMINI
from gateway.dialects.gemini.errors import read_error
from gateway.dialects.gemini.request import encode_request
from gateway.dialects.gemini.stream import GeminiStream, read_body
from gateway.dialects.openai_errors import ProviderMessage

KIND: Final = "models/"
"""What may stand before a model's name."""


@lru_cache(maxsize=256)
def model_path(model: str, method: str) -> bytes:
    """What follows the base path for a method of a model, whose name may have its kind before it."""
    return f"/models/{quote(model.removeprefix(KIND), safe='')}:{method}".encode()


class GeminiProvider:
    """A `gateway.dialects.codec.ProviderCodec`."""

    name = GEMINI

    def path(self, model: str, *, stream: bool) -> bytes:
        return model_path(model, "streamGenerateContent?alt=sse" if stream else "generateContent")

    def encode(self, request: Conversation, model: str) -> Steps[bytes]:
        """Raises InvalidRequest for what Gemini cannot be asked."""
        return encode_request(request, model)

    def decode(self, body: bytes) -> Reply:
        """Raises ValueError for a body that is no answer, UpstreamBroken for one that its model failed to write."""
        return assemble(read_body(body))

    def stream(self, choices: int = 1) -> GeminiStream:
        return GeminiStream(choices)

    def read_error(self, body: bytes) -> ProviderMessage | None:
        return read_error(body)
