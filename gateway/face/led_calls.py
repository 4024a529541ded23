"""POST /v1/chat/completions and /v1/messages: a call to a model, or several where the gateway runs tools for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from gateway.dialects.tool_turns import Definition, ToolTurns, gateway_tools
from gateway.exchange import Answer, Request
from gateway.face.api import ApiEndpoint
from gateway.face.client_dialect import ClientDialect
from gateway.face.model_calls import ModelCalls, ModelServices
from gateway.face.record import RequestRecord
from gateway.face.tool_loop import Asking, Led, ToolLoop
from gateway.face.tool_services import ToolServices
from gateway.keys.caller import Caller

NewTurns = Callable[[bytes, Mapping[str, Definition]], ToolTurns]
"""A conversation, by the request and the tools of ours that it asks for. Raises InvalidRequest."""


class LedCalls:
    """The work of such an endpoint."""

    def __init__(self, dialect: ClientDialect, turns: NewTurns, models: ModelServices, tools: ToolServices) -> None:
        self._dialect = dialect
        self._turns = turns
        self._calls = ModelCalls(dialect, models)
        self._loop = ToolLoop(self._calls, tools, models)
        self._reporting = models.reporting

    def endpoint(self) -> ApiEndpoint:
        dialect = self._dialect
        return ApiEndpoint(dialect.endpoint, self.serve, self._reporting, render_error=dialect.error_body)

    def serve(self, request: Request, record: RequestRecord) -> Awaitable[Answer]:
        """The whole endpoint."""
        received = self._calls.receive_nowait(request, record)
        if received is None:
            return self._received(request, record)
        caller, body = received
        return self._respond(request, record, caller, body)

    async def _received(self, request: Request, record: RequestRecord) -> Answer:
        caller, body = await self._calls.receive(request, record)
        return await self._respond(request, record, caller, body)

    def _respond(self, request: Request, record: RequestRecord, caller: Caller, body: bytes) -> Awaitable[Answer]:
        # No await from here to the router's mailbox, which counts these bytes from then on.
        call = self._calls.call(request, record, caller, body)
        tools = call.payload.decoded.tools
        if not tools or not (names := gateway_tools(tools)):
            return self._calls.respond(request, record, caller, call)
        turns = self._turns(call.payload.body, self._loop.definitions(names))
        return self._lead(self._loop.lead(Asking(request, record, caller, call), turns))

    async def _lead(self, led: Led) -> Answer:
        await led.count()
        return await self._loop.answer(led, render_break=self._dialect.error_event)
