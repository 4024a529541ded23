"""POST /v1/context/validate, process and chunk: the Context Management Service, for clients of the gateway.

What they send is checked for what every operation needs and passed on as it came; so is the answer.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from gateway.context.client import ContextClient
from gateway.dialects.mistakes import unreadable
from gateway.errors import NotFound
from gateway.exchange import Answer, Request
from gateway.face.api import ApiEndpoint, Reporting, Serve
from gateway.face.correlation import told_to_services
from gateway.face.deadline import own_limit_s
from gateway.face.errors import JSON
from gateway.face.intake import Intake
from gateway.face.record import RequestRecord
from gateway.face.toll import Toll
from gateway.neighbour import Behalf
from gateway.telemetry.trace_context import passed_on

PREFIX: Final = "context/"
OPERATIONS: Final = ("validate", "process", "chunk")


class _Question(msgspec.Struct):
    """What all operations are asked with."""

    text: str
    model: Annotated[str, msgspec.Meta(min_length=1)]
    overlap_ratio: Annotated[float, msgspec.Meta(ge=0, lt=1)] = 0.0
    conversation_id: str | None = None


class ContextCalls:
    """The work of these endpoints; without a client the service is switched off."""

    def __init__(self, client: ContextClient | None, intake: Intake, toll: Toll) -> None:
        self._client = client
        self._intake = intake
        self._toll = toll
        self._decoder = msgspec.json.Decoder(_Question)

    def endpoint(self, operation: str, reporting: Reporting) -> ApiEndpoint:
        """The handler of one operation."""
        return ApiEndpoint(PREFIX + operation, self._serving(operation), reporting)

    def _serving(self, operation: str) -> Serve:
        async def serve(request: Request, record: RequestRecord) -> Answer:
            return await self._serve(operation, request, record)

        return serve

    async def _serve(self, operation: str, request: Request, record: RequestRecord) -> Answer:
        caller, body = await self._intake.receive(request, record)
        limits = self._toll.take(caller, record)
        try:
            record.model = self._decoder.decode(body).model
        except (ValueError, RecursionError) as problem:
            raise unreadable(problem, body=body) from problem
        if self._client is None:
            raise NotFound("The Context Management Service is switched off here.")
        told = told_to_services(record.request_id, record.trace, passed_on(request.fields))
        behalf = Behalf(record.started_at + own_limit_s(request), told, record)
        held = self._intake.ingress.hold(len(body), 0)
        try:
            return Answer(200, [JSON, *limits], await self._client.pass_on(operation, body, behalf))
        finally:
            self._intake.ingress.let_go(held)
