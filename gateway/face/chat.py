"""POST /v1/chat/completions: the dialect that its clients speak."""

from __future__ import annotations

from gateway.dialects import openai_errors
from gateway.dialects.codec import Steps
from gateway.dialects.decoded_weight import decoded_bytes
from gateway.dialects.openai_chat import ChatRequest, decode_request, reserved_output
from gateway.dialects.prompt_text import text_of
from gateway.dialects.prompt_weight import weigh
from gateway.dialects.structure import MOST_VALUES
from gateway.errors import Description
from gateway.face.client_dialect import Asked


class ChatCompletions:
    """OpenAI's chat completions as a ClientDialect."""

    endpoint = "chat/completions"
    name = "openai_chat"
    own_headers: tuple[bytes, ...] = ()
    most_values = MOST_VALUES

    def read(self, body: bytes) -> Asked:
        request = decode_request(body)
        weight = weigh(request, body)
        return Asked(
            request.model,
            bool(request.stream),
            weight.reserved,
            reserved_output(request),
            request,
            decoded_bytes(request.messages),
            weight,
        )

    def text_of(self, decoded: ChatRequest) -> Steps[str]:
        return text_of(decoded)

    def error_body(self, description: Description) -> bytes:
        return openai_errors.error_body(description)

    def error_event(self, description: Description) -> bytes:
        return openai_errors.error_event(description)
