"""POST /v1/chat/completions and /v1/messages: a call to a model, or several where the gateway runs tools for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from actors.letters import Call
from gateway.dialects.tool_turns import Definition, ToolTurns, gateway_tools
from gateway.exchange import Answer, Request
from gateway.face.client_dialect import ClientDialect
from gateway.face.errors import RenderError
from gateway.face.model_calls import ModelCalls, ModelServices
from gateway.face.record import RequestRecord
from gateway.face.tool_loop import Asking, Led, ToolLoop
from gateway.face.tool_services import ToolServices
from gateway.keys.caller import Caller

NewTurns = Callable[[bytes, Mapping[str, Definition]], ToolTurns]
"""A conversation, by the request and the tools of ours that it asks for. Raises InvalidRequest."""


class LedCalls(ModelCalls):
    """The work of such an endpoint."""

    __slots__ = ("_loop", "_render_break", "_turns")

    def __init__(self, dialect: ClientDialect, turns: NewTurns, models: ModelServices, tools: ToolServices) -> None:
        super().__init__(dialect, models)
        self._turns = turns
        self._render_break: RenderError = dialect.error_event
        self._loop = ToolLoop(self, tools, models)

    def _take_up(self, request: Request, record: RequestRecord, caller: Caller, call: Call) -> Awaitable[Answer]:
        tools = call.payload.decoded.tools
        if not tools or not (names := gateway_tools(tools)):
            return self.respond(request, record, caller, call)
        turns = self._turns(call.payload.body, self._loop.definitions(names))
        return self._lead(self._loop.lead(Asking(request, record, caller, call), turns))

    async def _lead(self, led: Led) -> Answer:
        await led.count()
        return await self._loop.answer(led, render_break=self._render_break)
