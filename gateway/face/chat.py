"""POST /v1/chat/completions: the dialect that its clients speak."""

from __future__ import annotations

from gateway.dialects import openai_errors
from gateway.dialects.codec import Steps
from gateway.dialects.decoded_weight import decoded_bytes
from gateway.dialects.openai_chat import ChatRequest, decode_request, decode_unread, reserved_output
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
        weight, size_bytes = weigh(request, body), decoded_bytes(request.messages)
        request.messages.clear()  # they are weighed, and whoever needs them reads them in its own way
        return Asked(
            request.model, bool(request.stream), weight.reserved, reserved_output(request), request, size_bytes, weight
        )

    def output_limit(self, decoded: ChatRequest, /) -> int | None:
        return decoded.output_limit

    def text_of(self, body: bytes, /) -> Steps[str]:
        return text_of(decode_unread(body))

    def error_body(self, description: Description) -> bytes:
        return openai_errors.error_body(description)

    def error_event(self, description: Description) -> bytes:
        return openai_errors.error_event(description)
