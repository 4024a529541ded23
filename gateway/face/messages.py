"""POST /v1/messages: the dialect that Anthropic's clients speak."""

from __future__ import annotations

from gateway.dialects.codec import Steps
from gateway.dialects.decoded_weight import decoded_bytes
from gateway.dialects.messages import errors
from gateway.dialects.messages.request_notes import MessagesRequest, decode_request, reserved_output
from gateway.dialects.prompt_text import text_of
from gateway.dialects.prompt_weight import weigh
from gateway.dialects.structure import MOST_VALUES
from gateway.errors import Description
from gateway.face.client_dialect import Asked

BETA_HEADER = b"anthropic-beta"


class Messages:
    """Anthropic's Messages as a ClientDialect."""

    endpoint = "messages"
    name = "anthropic_messages"
    own_headers: tuple[bytes, ...] = (BETA_HEADER,)
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

    def text_of(self, decoded: MessagesRequest) -> Steps[str]:
        return text_of(decoded)

    def error_body(self, description: Description) -> bytes:
        return errors.error_body(description)

    def error_event(self, description: Description) -> bytes:
        return errors.error_event(description)
