"""POST /v1/messages and /v1/messages/count_tokens: the dialect that Anthropic's clients speak."""

from __future__ import annotations

from collections.abc import Callable

from gateway.dialects.decoded_weight import decoded_bytes
from gateway.dialects.messages import errors
from gateway.dialects.messages.request_notes import (
    count_answer,
    decode_count,
    decode_request,
    estimate_prompt,
    reserved_output,
)
from gateway.errors import Description
from gateway.exchange import Answer, Request
from gateway.face.api import ApiEndpoint
from gateway.face.errors import JSON
from gateway.face.model_calls import Asked, ModelCalls, ModelServices
from gateway.face.record import RequestRecord

BETA_HEADER = b"anthropic-beta"


class Messages:
    """Anthropic's Messages as a ClientDialect."""

    endpoint = "messages"
    name = "anthropic_messages"
    own_headers: tuple[bytes, ...] = (BETA_HEADER,)

    def read(self, body: bytes) -> Asked:
        request = decode_request(body)
        return Asked(
            request.model,
            bool(request.stream),
            estimate_prompt(request, body),
            reserved_output(request),
            request,
            decoded_bytes(request.messages),
        )

    def error_body(self, description: Description) -> bytes:
        return errors.error_body(description)

    def error_event(self, description: Description) -> bytes:
        return errors.error_event(description)


class TokenCounts(Messages):
    """Questions how long a prompt is, for those who count themselves."""

    endpoint = "messages/count_tokens"
    name = "anthropic_count_tokens"

    def read(self, body: bytes) -> Asked:
        request = decode_count(body)
        return Asked(request.model, False, estimate_prompt(request, body), 0, request)


class CountTokens:
    """The endpoint: a provider that counts its models' tokens is asked, for all others it is an estimate."""

    def __init__(self, services: ModelServices, kind_of: Callable[[str], str]) -> None:
        """`kind_of` says which dialect the provider of a model speaks. It raises GatewayError."""
        self._calls = ModelCalls(TokenCounts(), services)
        self._kind_of = kind_of
        self._reporting = services.reporting

    def endpoint(self) -> ApiEndpoint:
        return ApiEndpoint(TokenCounts.endpoint, self.serve, self._reporting, render_error=errors.error_body)

    async def serve(self, request: Request, record: RequestRecord) -> Answer:
        """The whole endpoint."""
        caller, body = await self._calls.receive(request, record)
        asked = decode_count(body)
        record.model = asked.model
        if self._kind_of(asked.model) == "anthropic":
            return await self._calls.answer(self._calls.call(request, record, caller, body), record)
        return Answer(200, [JSON], count_answer(asked, body))
