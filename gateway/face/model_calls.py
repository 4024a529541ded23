"""One question to a model, whatever the endpoint: from the client's bytes to the router and back.

An endpoint of this kind is a ClientDialect (client_dialect.py; see chat.py); everything else is here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Protocol

import msgspec

from actors.letters import Call, Candidate, Priority
from actors.relay import Relay
from gateway.context.filling import filling_of
from gateway.dialects.envelope import ModelRequest
from gateway.dialects.one_model import of_one_model
from gateway.dialects.request_fallbacks import MARK, take_fallbacks
from gateway.errors import InvalidRequest, MemoryPressure, ModelNotFound
from gateway.exchange import Answer, Headers, Request
from gateway.face import provenance
from gateway.face.api import ApiEndpoint, Reporting
from gateway.face.auth import ClientKeys
from gateway.face.caching import Caching
from gateway.face.client_dialect import ClientDialect
from gateway.face.correlation import told_to_services
from gateway.face.deadline import Patience, patience_of
from gateway.face.errors import RenderError
from gateway.face.ingress import Ingress
from gateway.face.intake import Intake
from gateway.face.largest_call import largest_call
from gateway.face.record import RequestRecord
from gateway.face.relayed_body import RelayedBody
from gateway.face.response_life import owner_of
from gateway.face.router import Router
from gateway.face.windows import MODE_HEADER, WindowReader, unknown_mode
from gateway.keys.caller import Caller
from gateway.keys.ledger import FREE
from gateway.keys.purse import Purse, Purses
from gateway.neighbour import Behalf
from gateway.telemetry.trace_context import passed_on

# Members of enums by a name of their own: each look-up in the class costs 0.2 µs, and these come with every request.
_LOW: Final = Priority.LOW


PRIORITY_HEADER: Final = b"x-gateway-priority"
_PRIORITIES: Final = {b"low": _LOW, b"normal": Priority.NORMAL, b"high": Priority.HIGH}


class Wishes(msgspec.Struct, frozen=True):
    """What a request's header fields ask for, read once for all requests that have the same."""

    patience: Patience
    priority: Priority
    """As far as the key may have it."""
    trace_headers: Headers
    own_headers: Headers
    mode: bytes | None
    """Of the Context Management Service, as they name it."""
    warning: bytes | None
    """What in them is passed over."""


class Terms(Protocol):
    """What holds for every request for a model."""

    @property
    def total_s(self) -> float:
        """The longest that it may take."""
        ...

    @property
    def candidates(self) -> Sequence[Candidate]:
        """Who is asked, in order; never empty."""
        ...

    @property
    def parameters(self) -> Mapping[str, Any]:
        """As in ModelRequest.parameters."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelServices:
    """What calls to models are made with."""

    router: Router
    new_relay: Callable[[], Relay]
    sheds_low: Callable[[], bool]
    """Whether memory is so short that calls of low priority are refused."""
    client_keys: ClientKeys
    ingress: Ingress
    terms: Callable[[str, Sequence[str] | None], Terms]
    """On what terms a model is asked, with its own fallbacks or those named here.

    Raises GatewayError where nobody serves it.
    """
    reporting: Reporting
    request_fallbacks: bool = False
    """A request may name its own fallbacks."""
    purses: Purses | None = None
    """For keys with a budget."""
    windows: WindowReader | None = None
    """Tells how full context windows are; None: nobody is told."""
    caching: Caching | None = None
    """None: every question is asked."""


class ModelCalls:
    """The work of such an endpoint: who asks, what, until when; then the router has it."""

    __slots__ = (
        "_caching",
        "_dialect",
        "_dialect_name",
        "_endpoint",
        "_error_body",
        "_ingress",
        "_intake",
        "_new_relay",
        "_purses",
        "_read",
        "_reporting",
        "_router",
        "_sheds_low",
        "_takes_fallbacks",
        "_terms",
        "_windows",
        "receive",
        "receive_nowait",
    )

    def __init__(self, dialect: ClientDialect, services: ModelServices) -> None:
        self._dialect = dialect
        self._dialect_name, self._endpoint = dialect.name, dialect.endpoint
        self._read, self._error_body = dialect.read, dialect.error_body
        self._router = services.router
        self._new_relay = services.new_relay
        self._sheds_low = services.sheds_low
        self._ingress = services.ingress
        self._intake = Intake(services.client_keys, services.ingress, dialect.most_values)
        self.receive, self.receive_nowait = self._intake.receive, self._intake.receive_nowait
        self._terms = services.terms
        self._takes_fallbacks = services.request_fallbacks
        self._reporting = services.reporting
        self._purses = None if dialect.endpoint in FREE else services.purses
        self._windows = services.windows
        self._caching = services.caching

    def endpoint(self) -> ApiEndpoint:
        """The handler of the endpoint."""
        return ApiEndpoint(self._endpoint, self.serve, self._reporting, render_error=self._error_body)

    def serve(self, request: Request, record: RequestRecord) -> Awaitable[Answer]:
        """The whole endpoint."""
        received = self.receive_nowait(request, record)
        if received is None:
            return self._received(request, record)
        caller, body = received
        # No await from here to the router's mailbox, which counts these bytes from then on.
        return self._take_up(request, record, caller, self.call(request, record, caller, body))

    async def _received(self, request: Request, record: RequestRecord) -> Answer:
        caller, body = await self.receive(request, record)
        return await self._take_up(request, record, caller, self.call(request, record, caller, body))

    def respond(self, request: Request, record: RequestRecord, caller: Caller, call: Call) -> Awaitable[Answer]:
        """What the cache has for a call, where there is one, else what the models say. Raises GatewayError."""
        if self._caching is not None:
            terms = self._terms(call.model, call.payload.fallbacks)
            question = self._caching.question(request, record, call, terms, owner_of(caller))
            if question is not None:
                return self._caching.answer(question, self._ask, self._dialect.error_event)
        return self._ask(record, call)

    _take_up = respond
    """An endpoint that does more with a call does it in place of that."""

    def _ask(self, record: RequestRecord, call: Call) -> Awaitable[Answer]:
        windows, filling = self._windows, record.filling
        if windows is not None and filling is not None and windows.wants_count(filling):
            return self._counted(call, record)
        return self.answer(call, record)

    async def _counted(self, call: Call, record: RequestRecord) -> Answer:
        await self.count(call, record)
        return await self.answer(call, record)

    async def count(self, call: Call, record: RequestRecord) -> None:
        """Has the prompt counted exactly, where that is wanted: what the client and the provider are told changes with
        it. Raises ContextUnavailable.
        """
        windows, filling = self._windows, record.filling
        if windows is None or filling is None or not windows.wants_count(filling):
            return
        held = self._ingress.hold(call.size_bytes, 0)
        try:
            payload = call.payload
            text = self._dialect.text_of(payload.body)
            told = told_to_services(payload.request_id, record.trace, payload.headers)
            behalf = Behalf(call.deadline, told, record)
            await windows.count(filling, text, behalf)
        finally:
            self._ingress.let_go(held)

    async def answer(self, call: Call, record: RequestRecord, *, render_break: RenderError | None = None) -> Answer:
        """What the models say; `render_break` writes the event with which a stream that broke ends."""
        purse, relay, router = record.purse, call.relay, self._router
        if purse is not None and purse.is_hard:
            await self._reserve(purse, call, record)
        try:
            answered = await router.ask(call)
        except BaseException:
            router.leave(call)
            raise
        if relay is None:
            router.leave(call)
        reply, attempt = answered.value, answered.attempt
        record.tell_context(attempt.candidate)
        headers = provenance.of_answer(reply.headers, attempt)
        if purse is not None:
            headers += purse.headers()
        if relay is None:
            return Answer(reply.status, headers, reply.body)
        clock = self._reporting.clock
        record.status = reply.status
        record.first_content_at = clock()
        body = RelayedBody(
            call,
            relay,
            record,
            router,
            clock=clock,
            render_event=render_break or self._dialect.error_event,
            on_crash=self._reporting.on_crash,
        )
        return Answer(reply.status, headers, body)

    async def _reserve(self, purse: Purse, call: Call, record: RequestRecord) -> None:
        """Nobody is asked before the key's budget has room for it, where its edge is hard."""
        held = self._ingress.hold(len(call.payload.body), 0)
        try:
            await purse.reserve(call.id, call.deadline - self._reporting.clock())
        finally:
            self._ingress.let_go(held)
        record.on_finished = partial(_settle, purse, record.on_finished)

    def call(
        self,
        request: Request,
        record: RequestRecord,
        caller: Caller,
        body: bytes,
        fallbacks: tuple[str, ...] | None = None,
    ) -> Call:
        """The question as the router takes it. Raises GatewayError.

        `fallbacks` are those to ask in place of the model's own; None: its own, or those that the body names.
        """
        # Not "in", which tries bytes as a number first: that error costs more than to look at a small body.
        if fallbacks is None and body.find(MARK) >= 0:
            body, fallbacks = take_fallbacks(self._dialect_name, body, allowed=self._takes_fallbacks)
        if caller.one_model:
            body = of_one_model(body)
        asked = self._read(body)
        record.model = asked.model
        if asked.stream:
            record.stream = True
        wishes: Wishes = request.known.get(self) or self._read_wishes(request)
        priority = wishes.priority
        if priority > caller.max_priority:
            priority = caller.max_priority
        if priority is _LOW and self._sheds_low():
            raise MemoryPressure("Memory is short: calls of low priority are refused; try again.", retry_after=1.0)
        try:
            terms = self._terms(asked.model, fallbacks)
        except ModelNotFound as missing:
            if caller.allowance is not None:
                caller.allowance.check_missing(asked.model, missing)
            raise
        candidates, context = terms.candidates, None
        if caller.allowance is not None:
            candidates = caller.allowance.among(candidates, asked.model, fallbacks)
        if caller.budget is not None and self._purses is not None:
            largest = largest_call(self._dialect, asked, terms.parameters)
            record.purse = self._purses.open(caller, candidates, largest)
            candidates = record.purse.candidates
        if self._windows is not None and asked.weight is not None:
            record.filling = filling = filling_of(
                candidates[0], asked.weight, self._windows.default_window, wishes.mode
            )
            context = filling.headers_for
        record.call = call = Call(
            id=record.id,
            arrived_at=record.started_at,
            deadline=record.started_at + wishes.patience.allowed_s(terms.total_s, stream=asked.stream),
            model=asked.model,
            payload=ModelRequest(
                dialect=self._dialect_name,
                body=body,
                decoded=asked.decoded,
                request_id=record.request_id,
                headers=wishes.trace_headers,
                own_headers=wishes.own_headers,
                context=context,
                client_key=caller.own_key,
                endpoint=self._endpoint,
                prompt_tokens=asked.prompt_tokens,
                compose_error=self._error_body,
                parameters=terms.parameters,
                fallbacks=fallbacks,
                read_gap_s=wishes.patience.read_gap_s,
            ),
            size_bytes=len(body) + asked.decoded_bytes,
            tokens=asked.prompt_tokens + asked.output_tokens,
            priority=priority,
            client=caller.label,
            relay=self._new_relay() if asked.stream else None,
            trace=record.trace,
            candidates=candidates,
            limits=caller.limits,
        )
        if wishes.warning is not None:
            record.warning = wishes.warning
        return call

    def _read_wishes(self, request: Request) -> Wishes:
        """Raises InvalidRequest."""
        fields = request.fields
        own = [(name, fields[name]) for name in self._dialect.own_headers if name in fields]
        warning = None if self._windows is None else unknown_mode(fields)
        wishes = Wishes(
            patience_of(request), _asked_priority(request), passed_on(fields), own, fields.get(MODE_HEADER), warning
        )
        request.known[self] = wishes
        return wishes


def _settle(purse: Purse, tell: Callable[[RequestRecord], None], record: RequestRecord) -> None:
    """The request is over, and its last attempts end: what they cost takes the place of what was held."""
    purse.release(record.id)
    tell(record)


def _asked_priority(request: Request) -> Priority:
    """Normal where the request says nothing of it."""
    priority = _PRIORITIES.get(request.fields.get(PRIORITY_HEADER, b"normal").lower())
    if priority is None:
        raise InvalidRequest("Invalid 'X-Gateway-Priority': expected low, normal or high.", param="X-Gateway-Priority")
    return priority
