"""POST /v1/chat/completions: a call to a model, or several where the gateway runs tools for it."""

from __future__ import annotations

from gateway.dialects.chat.tool_turns import ChatToolTurns
from gateway.dialects.tool_turns import gateway_tools
from gateway.exchange import Answer, Request
from gateway.face.api import ApiEndpoint
from gateway.face.chat import ChatCompletions
from gateway.face.model_calls import ModelCalls, ModelServices
from gateway.face.record import RequestRecord
from gateway.face.tool_loop import Asking, ToolLoop
from gateway.face.tool_services import ToolServices


class ChatCalls:
    """The work of this endpoint."""

    def __init__(self, models: ModelServices, tools: ToolServices) -> None:
        self._dialect = ChatCompletions()
        self._calls = ModelCalls(self._dialect, models)
        self._loop = ToolLoop(self._calls, tools, models)
        self._reporting = models.reporting

    def endpoint(self) -> ApiEndpoint:
        dialect = self._dialect
        return ApiEndpoint(dialect.endpoint, self.serve, self._reporting, render_error=dialect.error_body)

    async def serve(self, request: Request, record: RequestRecord) -> Answer:
        """The whole endpoint."""
        calls = self._calls
        caller, body = await calls.receive(request, record)
        # No await from here to the router's mailbox, which counts these bytes from then on.
        call = calls.call(request, record, caller, body)
        tools = call.payload.decoded.tools
        if not tools or not (names := gateway_tools(tools)):
            return await calls.respond(request, record, caller, call)
        turns = ChatToolTurns(call.payload.body, self._loop.definitions(names))
        led = self._loop.lead(Asking(request, record, caller, call), turns)
        await led.count()
        return await self._loop.answer(led, render_break=self._dialect.error_event)
