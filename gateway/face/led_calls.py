"""POST /v1/chat/completions and /v1/messages: a call to a model, or several where the gateway runs tools for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gateway.dialects.tool_turns import Definition, ToolTurns, gateway_tools
from gateway.exchange import Answer, Request
from gateway.face.api import ApiEndpoint
from gateway.face.client_dialect import ClientDialect
from gateway.face.model_calls import ModelCalls, ModelServices
from gateway.face.record import RequestRecord
from gateway.face.tool_loop import Asking, ToolLoop
from gateway.face.tool_services import ToolServices

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

    async def serve(self, request: Request, record: RequestRecord) -> Answer:
        """The whole endpoint."""
        calls = self._calls
        caller, body = calls.receive_nowait(request, record) or await calls.receive(request, record)
        # No await from here to the router's mailbox, which counts these bytes from then on.
        call = calls.call(request, record, caller, body)
        tools = call.payload.decoded.tools
        if not tools or not (names := gateway_tools(tools)):
            return await calls.respond(request, record, caller, call)
        turns = self._turns(call.payload.body, self._loop.definitions(names))
        led = self._loop.lead(Asking(request, record, caller, call), turns)
        await led.count()
        return await self._loop.answer(led, render_break=self._dialect.error_event)
