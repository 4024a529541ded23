"""GET /v1/tools and POST /v1/tools/execute: the tools that the gateway has, to be pasted into a request, and run.

https://platform.openai.com/docs/api-reference/chat/create#chat-create-tools
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from actors.errors import Failure
from gateway.dialects.mistakes import unreadable
from gateway.exchange import Answer, Request
from gateway.face.api import Reporting
from gateway.face.correlation import told_to_services
from gateway.face.deadline import own_limit_s
from gateway.face.errors import JSON
from gateway.face.intake import Intake
from gateway.face.record import RequestRecord
from gateway.face.toll import Toll
from gateway.face.tool_services import ToolServices
from gateway.neighbour import Behalf, ToolRan
from gateway.orchestrator.tools import read_arguments
from gateway.telemetry.trace_context import passed_on

TOOLS_PATH: Final = "/v1/tools"


class _Execute(msgspec.Struct):
    name: str
    arguments: dict[str, Any] | str = {}
    """Or as a model writes them, so that its call can be pasted."""


class ToolCalls:
    """What these endpoints do."""

    def __init__(self, services: ToolServices, intake: Intake, toll: Toll, reporting: Reporting) -> None:
        self._tools = services.tools
        self._on_ran = services.on_ran
        self._intake = intake
        self._toll = toll
        self._reporting = reporting
        self._decoder = msgspec.json.Decoder(_Execute)
        self._encode = msgspec.json.Encoder().encode

    async def list_tools(self, request: Request, record: RequestRecord) -> Answer:
        """GET /v1/tools: `data` is what a chat request takes as `tools`."""
        record.client = (await self._intake.keys.admit(request)).label
        data = [
            {
                "type": "function",
                "function": {"name": tool.name, "description": tool.description, "parameters": tool.schema},
            }
            for tool in self._tools.all()
        ]
        return Answer(200, [JSON], self._encode({"object": "list", "data": data}))

    async def execute(self, request: Request, record: RequestRecord) -> Answer:
        """POST /v1/tools/execute. Raises ToolNotFound; InvalidRequest that names the field; the tool's Failure, and
        RateLimited.
        """
        caller, body = await self._intake.receive(request, record)
        limits = self._toll.take(caller, record)
        try:
            asked = self._decoder.decode(body)
        except (ValueError, RecursionError) as problem:
            raise unreadable(problem, body=body) from problem
        self._tools.of(asked.name)
        clock, trace = self._reporting.clock, self._reporting.trace_within(record.trace)
        began, failure = clock(), None
        told = told_to_services(record.request_id, trace, passed_on(request.fields))
        held = self._intake.ingress.hold(len(body), 0)
        try:
            behalf = Behalf(record.started_at + own_limit_s(request), told, record)
            arguments = asked.arguments
            said = await self._tools.run(
                asked.name, read_arguments(arguments) if isinstance(arguments, str) else arguments, behalf
            )
        except Failure as known:
            failure = known
            raise
        finally:
            self._intake.ingress.let_go(held)
            self._on_ran(ToolRan(asked.name, record.request_id, 0, began, clock(), failure, trace))
        return Answer(200, [JSON, *limits], self._encode({"name": asked.name, "result": msgspec.Raw(said)}))
