"""POST /v1/responses: a call to a model with a life around it."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import replace
from functools import partial

import msgspec

from actors.errors import Failure
from actors.relay import Sink
from gateway.dialects import openai_errors
from gateway.dialects.codec import Frame, Steps
from gateway.dialects.decoded_weight import decoded_bytes
from gateway.dialects.prompt_text import text_of
from gateway.dialects.prompt_weight import weigh
from gateway.dialects.responses import errors as responses_errors
from gateway.dialects.responses.recorder import StreamRecorder
from gateway.dialects.responses.request_notes import (
    ResponsesRequest,
    decode_request,
    decode_unread,
    gateway_tools_of,
    let_go,
    many_items,
    reserved_output,
)
from gateway.dialects.responses.tool_turns import ResponsesToolTurns
from gateway.dialects.structure import MOST_VALUES
from gateway.errors import Description, GatewayError, UpstreamBroken, describe
from gateway.exchange import Answer, BodyStream, Request
from gateway.face.api import ApiEndpoint
from gateway.face.background import BackgroundResponses
from gateway.face.client_dialect import Asked
from gateway.face.errors import EVENT_STREAM, JSON, RenderError
from gateway.face.followed_events import EventsBody, FollowedLog
from gateway.face.model_calls import ModelCalls, ModelServices
from gateway.face.record import ERROR, OK, RequestRecord
from gateway.face.response_life import Prepared, ResponseLife, owner_of
from gateway.face.tool_loop import Asking, Led, ToolLoop
from gateway.face.tool_services import ToolServices
from gateway.keys.caller import Caller


class ResponsesDialect:
    """OpenAI's responses as a ClientDialect."""

    endpoint = "responses"
    name = "openai_responses"
    own_headers: tuple[bytes, ...] = ()
    most_values = MOST_VALUES

    def read(self, body: bytes) -> Asked:
        request = decode_request(body)
        weight, size_bytes = weigh(request, body), decoded_bytes(many_items(request))
        let_go(request)
        return Asked(
            request.model,
            bool(request.stream),
            weight.reserved,
            reserved_output(request),
            request,
            size_bytes,
            weight,
        )

    def output_limit(self, decoded: ResponsesRequest, /) -> int | None:
        return decoded.max_output_tokens

    def text_of(self, body: bytes, /) -> Steps[str]:
        return text_of(decode_unread(body))

    def error_body(self, description: Description) -> bytes:
        return openai_errors.error_body(description)

    def error_event(self, description: Description) -> bytes:
        return responses_errors.error_event(description)


class ResponseCalls:
    """Makes responses: whole, streamed or in the background."""

    def __init__(
        self,
        services: ModelServices,
        life: ResponseLife,
        background: BackgroundResponses,
        wall_clock: Callable[[], float],
        tools: ToolServices | None = None,
    ) -> None:
        self._calls = ModelCalls(ResponsesDialect(), services)
        self._loop = None if tools is None else ToolLoop(self._calls, tools, services)
        self._life = life
        self._background = background
        self._reporting = services.reporting
        self._wall_clock = wall_clock

    def endpoint(self) -> ApiEndpoint:
        return ApiEndpoint(ResponsesDialect.endpoint, self.serve, self._reporting)

    async def serve(self, request: Request, record: RequestRecord) -> Answer:
        """The whole endpoint."""
        caller, body = await self._calls.receive(request, record)
        prepared = await self._life.before(body, owner_of(caller))
        if prepared.request.background:
            return await self._begin(request, record, caller, prepared)
        asking = Asking(request, record, caller, self._calls.call(request, record, caller, prepared.body))
        led, prepared = await self._ready(asking, prepared)
        recorder = StreamRecorder(prepared.shown)
        answer, deadline = await self._answer(asking, led, recorder.fail), asking.first.deadline
        if isinstance(answer.body, bytes):
            answer.body = await self._life.after(prepared, answer.body, deadline)
        else:
            answer.body = _RecordedBody(answer.body, recorder, self._life, prepared, deadline)
        return answer

    async def _ready(self, asking: Asking, prepared: Prepared) -> tuple[Led | None, Prepared]:
        """Who leads the conversation, where the gateway runs tools for it, which are kept with the response; the prompt
        is counted where that is wanted.

        Raises Failure.
        """
        calls, call = self._calls, asking.first
        if self._loop is not None and (names := gateway_tools_of(call.payload.decoded)):
            turns = ResponsesToolTurns(call.payload.body, self._loop.definitions(names))
            led = self._loop.lead(asking, turns)
            await led.count()
            return led, replace(prepared, follows=turns.follows)
        await calls.count(call, asking.record)
        return None, prepared

    async def _answer(self, asking: Asking, led: Led | None, render_break: RenderError) -> Answer:
        """What the model says, with the tools that the gateway runs for it."""
        if led is None or self._loop is None:
            return await self._calls.answer(asking.first, asking.record, render_break=render_break)
        return await self._loop.answer(led, render_break=render_break)

    async def _begin(self, request: Request, record: RequestRecord, caller: Caller, prepared: Prepared) -> Answer:
        """The work goes on after this request, with a record of its own."""
        reporting = self._reporting
        own = RequestRecord(
            record.endpoint, reporting.new_id(), record.request_id, record.started_at, reporting.on_finished
        )
        own.client = caller.label
        if record.trace is not None and reporting.traces is not None:
            own.trace = reporting.traces.within(record.trace)
        call = self._calls.call(request, own, caller, prepared.body)
        record.model = own.model
        frame = Frame(call.id, int(self._wall_clock()))
        asking = Asking(request, own, caller, call)
        try:
            led, prepared = await self._ready(asking, prepared)
        finally:
            record.filling, record.warning = copy(own.filling), own.warning  # what is told now stays as it is now
        if call.relay is None:
            return Answer(200, [JSON], await self._background.start(prepared, frame, partial(self._ask, asking, led)))
        events = self._background.new_log(prepared, frame)
        await self._background.start(prepared, frame, partial(self._ask_streamed, asking, led, events), events)
        return Answer(200, [EVENT_STREAM], EventsBody(events.since, 0, record, reporting.clock))

    async def _ask(self, asking: Asking, led: Led | None) -> bytes:
        """A response in the background, asked for. Raises Failure."""
        record, status, outcome = asking.record, 500, ERROR
        try:
            answer = await self._answer(asking, led, _unsaid)
            assert isinstance(answer.body, bytes), "what runs in the background is not streamed"
            status, outcome = answer.status, OK
            record.bytes_out = len(answer.body)
            return answer.body
        except Failure as failure:
            record.failure = failure
            status = describe(failure).status
            raise
        finally:
            record.finish(status, outcome, self._reporting.clock())

    async def _ask_streamed(self, asking: Asking, led: Led | None, events: FollowedLog) -> bytes:
        """The same, with its events written down. Raises Failure."""
        record = asking.record
        try:
            answer = await self._answer(asking, led, _unsaid)
        except BaseException as failure:
            record.failure = failure if isinstance(failure, Failure) else None
            status = 500 if record.failure is None else describe(record.failure).status
            record.finish(status, ERROR, self._reporting.clock())
            raise
        assert not isinstance(answer.body, bytes), "a call with a relay is streamed"
        try:
            while (piece := await answer.body.receive()) is not None:
                events.take(piece)
        finally:
            answer.body.close()
        if record.failure is not None:
            raise record.failure
        if events.log.response is None:
            raise UpstreamBroken("The answer ended without its last event.")
        return bytes(events.log.response)


def _unsaid(description: Description) -> bytes:
    """How a stream that broke ends is said by whoever ends the response."""
    return b""


class _RecordedBody:
    """A streamed response on its way to the client; what it comes to is kept before the client reads of it."""

    def __init__(
        self, body: BodyStream, recorder: StreamRecorder, life: ResponseLife, prepared: Prepared, deadline: float
    ) -> None:
        self._body = body
        self._recorder = recorder
        self._life = life
        self._prepared = prepared
        self._deadline = deadline
        self._kept = not prepared.kept
        self._ended = False

    async def receive(self) -> bytes | None:
        """The next piece with whole events."""
        while not self._ended:
            piece = await self._body.receive()
            if piece is None:
                self._ended = True
                return self._recorder.end() or None
            shown = self._recorder.feed(piece)
            response = self._recorder.response
            if response is not None and not self._kept:
                self._kept = True
                await self._keep(response)
            if shown:
                return shown
        return None

    def pass_to(self, sink: Sink) -> None:
        """Every piece is read on its way: none goes past this."""

    def close(self) -> None:
        self._body.close()

    async def _keep(self, response: msgspec.Raw) -> None:
        try:
            await self._life.keep(self._prepared, response, self._deadline)
        except (ValueError, GatewayError):
            return  # the client has the answer all the same; asking for it by its id will say that it is unknown
