"""POST /v1/embeddings: the dialect that its clients speak."""

from __future__ import annotations

from gateway.dialects import openai_errors
from gateway.dialects.codec import Steps
from gateway.dialects.embeddings.request import (
    MOST_INPUTS,
    MOST_TOKENS,
    decode_request,
    decoded_bytes,
    estimate_tokens,
)
from gateway.errors import Description
from gateway.face.client_dialect import Asked


class Embeddings:
    """OpenAI's embeddings as a ClientDialect."""

    endpoint = "embeddings"
    name = "openai_embeddings"
    own_headers: tuple[bytes, ...] = ()
    most_values = MOST_TOKENS + MOST_INPUTS

    def read(self, body: bytes) -> Asked:
        request = decode_request(body)
        return Asked(request.model, False, estimate_tokens(request), 0, request, decoded_bytes(request))

    def output_limit(self, _decoded: object, /) -> int | None:
        """They answer with no token."""
        return None

    def text_of(self, _body: bytes, /) -> Steps[str]:
        """No conversation: its texts stand for themselves."""
        yield from ()
        return ""

    def error_body(self, description: Description) -> bytes:
        return openai_errors.error_body(description)

    def error_event(self, description: Description) -> bytes:
        return openai_errors.error_event(description)
