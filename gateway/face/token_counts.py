"""POST /v1/messages/count_tokens and /v1/responses/input_tokens: who counts is asked, for all others it is an estimate.

Nobody else is asked in its place: another model's count would be another number.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from gateway.context.tiers import estimated_tokens
from gateway.dialects.messages import errors
from gateway.dialects.messages import request_notes as messages_notes
from gateway.dialects.messages.tool_turns import MessagesToolTurns
from gateway.dialects.prompt_weight import weigh
from gateway.dialects.responses import request_notes as responses_notes
from gateway.dialects.responses.kept import write_count
from gateway.dialects.responses.request_notes import gateway_tools_of
from gateway.dialects.responses.tool_turns import ResponsesToolTurns
from gateway.dialects.tool_turns import gateway_tools
from gateway.errors import UpstreamError
from gateway.exchange import Answer, Request
from gateway.face.api import ApiEndpoint
from gateway.face.client_dialect import Asked, ClientDialect
from gateway.face.errors import JSON
from gateway.face.led_calls import NewTurns
from gateway.face.messages import Messages
from gateway.face.model_calls import ModelCalls, ModelServices
from gateway.face.record import RequestRecord
from gateway.face.response_calls import ResponsesDialect
from gateway.face.response_life import ResponseLife, owner_of
from gateway.face.tool_services import ToolServices
from gateway.keys.caller import Caller

Counts = Callable[[str, str], bool]
"""Whether the provider of a model counts for those who ask in a dialect. Raises GatewayError."""

_NOT_OFFERED: Final = frozenset({404, 405, 501})
"""What a server says that has not all of the API whose dialect it speaks."""


class TokenCounts(Messages):
    """Anthropic's question as a ClientDialect."""

    endpoint = "messages/count_tokens"
    name = "anthropic_count_tokens"

    def read(self, body: bytes) -> Asked:
        request = messages_notes.decode_count(body)
        return Asked(request.model, False, weigh(request, body).reserved, 0, request)


class InputTokens(ResponsesDialect):
    """OpenAI's question as a ClientDialect."""

    endpoint = "responses/input_tokens"
    name = "openai_input_tokens"

    def read(self, body: bytes) -> Asked:
        request = responses_notes.decode_request(body)
        return Asked(request.model, False, weigh(request, body).reserved, 0, request)


class CountTokens:
    """Anthropic's endpoint."""

    def __init__(self, services: ModelServices, counts: Counts, tools: ToolServices | None = None) -> None:
        seen = None if tools is None else partial(_seen_by_models, tools, _tools_in_messages, MessagesToolTurns)
        self._counter = _Counter(TokenCounts(), services, counts, write=messages_notes.write_count, seen=seen)
        self._reporting = services.reporting

    def endpoint(self) -> ApiEndpoint:
        return ApiEndpoint(TokenCounts.endpoint, self.serve, self._reporting, render_error=errors.error_body)

    async def serve(self, request: Request, record: RequestRecord) -> Answer:
        """The whole endpoint."""
        caller, body = await self._counter.calls.receive(request, record)
        return await self._counter.count(request, record, caller, body)


class CountInputTokens:
    """OpenAI's endpoint: what a response continues is counted too."""

    def __init__(
        self, services: ModelServices, counts: Counts, life: ResponseLife, tools: ToolServices | None = None
    ) -> None:
        seen = None if tools is None else partial(_seen_by_models, tools, gateway_tools_of, ResponsesToolTurns)
        self._counter = _Counter(InputTokens(), services, counts, write=write_count, seen=seen)
        self._life = life
        self._reporting = services.reporting

    def endpoint(self) -> ApiEndpoint:
        return ApiEndpoint(InputTokens.endpoint, self.serve, self._reporting)

    async def serve(self, request: Request, record: RequestRecord) -> Answer:
        """The whole endpoint."""
        caller, body = await self._counter.calls.receive(request, record)
        prepared = await self._life.before(body, owner_of(caller))
        return await self._counter.count(request, record, caller, prepared.body)


class _Counter:
    """Asks or estimates."""

    def __init__(
        self,
        dialect: ClientDialect,
        services: ModelServices,
        counts: Counts,
        *,
        write: Callable[[int], bytes],
        seen: Callable[[Any, bytes], bytes] | None,
    ) -> None:
        """`seen` makes of a request the one that models get to see, with the tools of ours that it asks for."""
        self.calls = ModelCalls(dialect, services)
        self._dialect = dialect
        self._counts = counts
        self._write = write
        self._seen = seen

    async def count(self, request: Request, record: RequestRecord, caller: Caller, body: bytes) -> Answer:
        asked = self._dialect.read(body)
        record.model = asked.model
        if self._seen is not None and (seen := self._seen(asked.decoded, body)) is not body:
            body, asked = seen, self._dialect.read(seen)
        if self._counts(asked.model, self._dialect.name):
            call = self.calls.call(request, record, caller, body, fallbacks=())
            try:
                return await self.calls.answer(call, record)
            except UpstreamError as failure:
                if failure.status not in _NOT_OFFERED:
                    raise
        return Answer(200, [JSON], self._write(estimated_tokens(asked.model, weigh(asked.decoded, body))))


def _seen_by_models(
    tools: ToolServices, names_in: Callable[[Any], list[str]], turns: NewTurns, request: Any, body: bytes
) -> bytes:
    """The first turn of the conversation that the gateway would lead; as it is where it would lead none."""
    names = names_in(request)
    return turns(body, tools.definitions(names)).body(last=False) if names else body


def _tools_in_messages(request: messages_notes.MessagesRequest) -> list[str]:
    return gateway_tools(request.tools or ())
