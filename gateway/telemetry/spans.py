"""What a traced request looks like in OpenTelemetry: a tree of spans, made when the request is over.

A span of the server, below it one for each of the router's attempts, and below each attempt one of the client that
asked the provider. Names and attributes are those of the semantic conventions for HTTP and for generative AI
(https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/), ours begin with `gateway.`. Everything is read from
the record and its attempts, which carry all the times there are: nothing has to be noted while the request runs.

Importing this takes a third of a second, so that only a gateway that traces does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from actors.attempt import Attempt, Outcome
from actors.errors import Failure
from gateway.dialects.envelope import CallNotes, ModelRequest
from gateway.errors import UpstreamError
from gateway.money import NANO
from gateway.neighbour import ToolRan
from gateway.telemetry.kinds import kind_of
from gateway.telemetry.record import RequestRecord, Times, answering, upstream_since
from gateway.telemetry.trace_context import METHOD_UNKNOWN, Trace

Attributes = dict[str, Any]
Value = str | int | float | bool

OPERATIONS: Final = {"embeddings": "embeddings"}
"""`gen_ai.operation.name` by endpoint; what asks for an answer in words is a chat."""
COUNTING: Final = frozenset({"messages/count_tokens", "responses/input_tokens"})
COUNT_TOKENS: Final = "count_tokens"
"""The conventions have no word for it."""
MAX_TEXT: Final = 200
"""Characters of what a client chose (a model's name, an id) that a span repeats."""
MAX_READ_BYTES: Final = 256 * 1024
"""A request beyond this is not read once more for its parameters."""
MAX_INT: Final = 2**63 - 1
"""What OTLP can carry."""

_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_UNSET, _ERROR = Status(StatusCode.UNSET), Status(StatusCode.ERROR)


class Peer(NamedTuple):
    """Who is asked: `gen_ai.provider.name` and where it is."""

    system: str
    host: str | None = None
    port: int | None = None


class Finished(NamedTuple):
    """A request that is over, with all its attempts."""

    record: RequestRecord
    trace: Trace
    attempts: Sequence[Attempt]
    times: Times


Contents = Callable[[Finished], Attributes]
"""What was said and answered, as attributes."""


def nothing_said(_finished: Finished) -> Attributes:
    """For those who keep it to themselves."""
    return {}


class Asked(msgspec.Struct):
    """The parameters of a request in any dialect; whatever type they come in."""

    temperature: Any = None
    top_p: Any = None
    top_k: Any = None
    seed: Any = None
    n: Any = None
    frequency_penalty: Any = None
    presence_penalty: Any = None
    max_tokens: Any = None
    max_completion_tokens: Any = None
    max_output_tokens: Any = None


_read_asked = msgspec.json.Decoder(Asked).decode
PARAMETERS: Final[Mapping[str, str]] = {
    "temperature": "gen_ai.request.temperature",
    "top_p": "gen_ai.request.top_p",
    "top_k": "gen_ai.request.top_k",
    "seed": "gen_ai.request.seed",
    "n": "gen_ai.request.choice.count",
    "frequency_penalty": "gen_ai.request.frequency_penalty",
    "presence_penalty": "gen_ai.request.presence_penalty",
    "max_tokens": "gen_ai.request.max_tokens",
    "max_completion_tokens": "gen_ai.request.max_tokens",
    "max_output_tokens": "gen_ai.request.max_tokens",
}


class SpanMaker:
    """Makes the spans of requests; pure. `peer` knows a provider by its name, `contents` what was said."""

    def __init__(
        self,
        resource: Mapping[str, Value],
        version: str,
        peer: Callable[[str], Peer],
        contents: Contents = nothing_said,
        *,
        scheme: str = "http",
    ) -> None:
        """`scheme` is what clients speak to this gateway."""
        self.scheme = scheme
        self._resource = Resource(dict(resource))
        self._scope = InstrumentationScope("llm-gateway", version)
        self._peer = peer
        self._contents = contents

    def spans_of(self, finished: Finished, epoch: float) -> list[ReadableSpan]:
        """The whole tree; `epoch` is what the wall clock said when the actors' clock was 0."""
        return list(_Tree(self, finished, epoch).spans())

    def tool_span(self, ran: ToolRan, trace: Trace, epoch: float) -> ReadableSpan:
        """A tool that was run, below the request that wanted it; `epoch` as in `spans_of`."""
        attributes: Attributes = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": ran.tool,
            "gateway.turn": ran.turn,
        }
        return self.span(
            name=f"execute_tool {ran.tool}",
            context=SpanContext(trace.trace_id, trace.span_id, False, _SAMPLED),
            parent=SpanContext(trace.trace_id, trace.parent_id, False, _SAMPLED),
            kind=SpanKind.INTERNAL,
            attributes=attributes | _error_of(ran.failure),
            status=_UNSET if ran.failure is None else _ERROR,
            start_time=int((epoch + ran.began_at) * 1e9),
            end_time=int((epoch + ran.ended_at) * 1e9),
        )

    # What trees are made with.

    def span(self, **members: Any) -> ReadableSpan:
        return ReadableSpan(resource=self._resource, instrumentation_scope=self._scope, **members)

    def peer(self, provider: str) -> Peer:
        return self._peer(provider)

    def contents(self, finished: Finished) -> Attributes:
        return self._contents(finished)


class _Tree:
    """The spans of one request."""

    def __init__(self, maker: SpanMaker, finished: Finished, epoch: float) -> None:
        self._maker = maker
        self._finished = finished
        self._epoch = epoch

    def spans(self) -> Iterator[ReadableSpan]:
        yield self._server()
        answered_by = answering(self._finished.attempts)
        for attempt in self._finished.attempts:
            since = upstream_since(attempt)
            yield self._attempt(attempt, asked=since is not None)
            if since is not None:
                yield self._client(attempt, since, answered=attempt is answered_by)

    def _server(self) -> ReadableSpan:
        record, trace, attempts, times = self._finished
        route = f"/v1/{record.endpoint}"
        asked_by_client = bool(trace.method)
        attributes: Attributes = {
            "gateway.request_id": _text(record.request_id),
            "gateway.client": record.client,
            "gateway.outcome": record.outcome,
            "gateway.attempts": len(attempts),
            "gateway.overhead_s": times.overhead_s,
            "gen_ai.request.model": _text(record.model),
        }
        if asked_by_client:
            attributes |= {"http.request.method": trace.method, "http.route": route, "url.path": route}
            attributes["url.scheme"] = self._maker.scheme
            if record.outcome != "disconnected":  # nobody was sent a status
                attributes["http.response.status_code"] = record.status
        failed = record.status >= 500
        if record.failure is not None or failed:
            attributes["error.type"] = str(record.status) if record.failure is None else kind_of(record.failure)
        return self._maker.span(
            name=f"{'HTTP' if trace.method == METHOD_UNKNOWN else trace.method} {route}"
            if asked_by_client
            else f"background {route}",
            context=self._context(trace.span_id),
            parent=self._context(trace.parent_id, remote=asked_by_client) if trace.parent_id else None,
            kind=SpanKind.SERVER if asked_by_client else SpanKind.INTERNAL,
            attributes=attributes,
            status=_ERROR if failed else _UNSET,
            start_time=self._at(record.started_at),
            end_time=self._at(record.ended_at),
        )

    def _attempt(self, attempt: Attempt, *, asked: bool) -> ReadableSpan:
        """One decision of the router; why it was made stands in it where no provider was asked."""
        candidate = attempt.candidate
        attributes: Attributes = {
            "gateway.provider": candidate.provider,
            "gateway.attempt.number": attempt.number,
            "gateway.attempt.operation": attempt.operation,
            "gateway.attempt.outcome": _outcome(attempt),
            "gen_ai.request.model": _text(candidate.model),
        }
        if attempt.key:
            attributes["gateway.key"] = attempt.key
        return self._maker.span(
            name=f"{attempt.operation} {candidate.provider}",
            context=self._context(self._finished.trace.attempt_id(attempt.number)),
            parent=self._context(self._finished.trace.span_id),
            kind=SpanKind.INTERNAL,
            attributes=attributes | _error_of(attempt.failure),
            events=[] if asked else self._cause(attempt, attempt.began_at),
            status=_status(attempt),
            start_time=self._at(attempt.began_at),
            end_time=self._at(attempt.ended_at or attempt.began_at),
        )

    def _client(self, attempt: Attempt, since: float, *, answered: bool) -> ReadableSpan:
        """What the provider was asked, from the connection on, and what came of it."""
        record, trace = self._finished.record, self._finished.trace
        operation = COUNT_TOKENS if record.endpoint in COUNTING else OPERATIONS.get(record.endpoint, "chat")
        model = _text(attempt.candidate.model)
        attributes: Attributes = {"gen_ai.operation.name": operation, "gen_ai.request.model": model}
        attributes |= _peer_attributes(self._maker.peer(attempt.candidate.provider))
        attributes |= _asked_for(attempt) | _learned(attempt) | _error_of(attempt.failure)
        if answered and trace.answer is not None:
            attributes |= self._maker.contents(self._finished)
        events = self._cause(attempt, since)
        if attempt.accepted_at is not None:
            events.append(self._event("accepted", attempt.accepted_at))
        if attempt.content_at is not None:
            events.append(self._event("first_token", attempt.content_at))
        return self._maker.span(
            name=f"{operation} {model}",
            context=self._context(trace.client_id(attempt.number)),
            parent=self._context(trace.attempt_id(attempt.number)),
            kind=SpanKind.CLIENT,
            attributes=attributes,
            events=events,
            status=_status(attempt),
            start_time=self._at(since),
            end_time=self._at(attempt.ended_at or since),
        )

    def _cause(self, attempt: Attempt, at: float) -> list[Event]:
        """Why a further attempt was made: after whose failure, after which pause."""
        if attempt.operation == "first":
            return []
        attributes: Attributes = {}
        before = _failed_before(attempt, self._finished.attempts)
        if before is not None and before.failure is not None and before.ended_at is not None:
            attributes["error.type"] = kind_of(before.failure)
            attributes["gateway.attempt.after"] = before.number
            attributes["gateway.attempt.delay_s"] = attempt.began_at - before.ended_at
        return [self._event(attempt.operation, at, attributes)]

    def _event(self, name: str, at: float, attributes: Attributes | None = None) -> Event:
        return Event(name, attributes, self._at(at))

    def _context(self, span_id: int, *, remote: bool = False) -> SpanContext:
        return SpanContext(self._finished.trace.trace_id, span_id, remote, _SAMPLED)

    def _at(self, seconds: float) -> int:
        """Nanoseconds since 1970."""
        return int((self._epoch + seconds) * 1e9)


def _text(chosen: str) -> str:
    """What somebody else chose, at a bounded length and fit for protobuf, which takes no half of a character."""
    text = chosen[:MAX_TEXT]
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _outcome(attempt: Attempt) -> str:
    return "" if attempt.outcome is None else attempt.outcome.value


def _status(attempt: Attempt) -> Status:
    """A loser of a race, or one whose asker has gone, has done nothing wrong."""
    return _ERROR if attempt.outcome in (Outcome.FAILED, Outcome.BROKEN) else _UNSET


def _error_of(failure: Failure | None) -> Attributes:
    if failure is None:
        return {}
    if isinstance(failure, UpstreamError):
        return {"error.type": kind_of(failure), "http.response.status_code": failure.status}
    return {"error.type": kind_of(failure)}


def _peer_attributes(peer: Peer) -> Attributes:
    attributes: Attributes = {"gen_ai.provider.name": peer.system}
    if peer.host is not None:
        attributes["server.address"] = peer.host
        attributes["server.port"] = peer.port
    return attributes


def _asked_for(attempt: Attempt) -> Attributes:
    """The parameters in the client's request: numbers alone, no text."""
    call = attempt.call
    attributes: Attributes = {"gen_ai.request.stream": True} if call.relay is not None else {}
    payload = call.payload
    if not isinstance(payload, ModelRequest) or len(payload.body) > MAX_READ_BYTES:
        return attributes
    try:
        asked = _read_asked(payload.body)
    except (ValueError, RecursionError):  # also what is no UTF-8; the provider was asked with it all the same
        return attributes
    for name, attribute in PARAMETERS.items():
        value = getattr(asked, name)
        if isinstance(value, int | float) and not isinstance(value, bool) and -MAX_INT <= value <= MAX_INT:
            attributes[attribute] = value
    return attributes


def _learned(attempt: Attempt) -> Attributes:
    notes: CallNotes | None = attempt.detail
    if notes is None:
        return {}
    attributes: Attributes = {}
    if notes.finish_reason is not None:
        attributes["gen_ai.response.finish_reasons"] = [notes.finish_reason]
    if notes.answer_name is not None:
        for name, said in zip(("gen_ai.response.id", "gen_ai.response.model"), notes.answer_name, strict=True):
            if said:
                attributes[name] = _text(said)
    if notes.connect_s is not None:
        attributes["gateway.connect_s"] = notes.connect_s
    if notes.upstream_request_id is not None:
        attributes["gateway.upstream_request_id"] = _text(notes.upstream_request_id)
    if attempt.content_at is not None and attempt.sent_at is not None:
        attributes["gen_ai.response.time_to_first_chunk"] = attempt.content_at - attempt.sent_at
    if notes.cost is not None:
        attributes["gateway.cost_usd"] = notes.cost / NANO
    usage = notes.usage
    if usage is not None:
        attributes["gen_ai.usage.input_tokens"] = usage.prompt
        attributes["gen_ai.usage.output_tokens"] = usage.completion
        for name, tokens in (
            ("gen_ai.usage.cache_read.input_tokens", usage.cached),
            ("gen_ai.usage.cache_creation.input_tokens", usage.written),
            ("gen_ai.usage.reasoning.output_tokens", usage.reasoning),
        ):
            if tokens:
                attributes[name] = tokens
    return attributes


def _failed_before(attempt: Attempt, attempts: Sequence[Attempt]) -> Attempt | None:
    """The last of the earlier attempts that had failed when this one began."""
    failed = [
        other
        for other in attempts
        if other.failure is not None and other.ended_at is not None and other.ended_at <= attempt.began_at
    ]
    earlier = [other for other in failed if other.number < attempt.number]
    return max(earlier, key=lambda other: (other.ended_at or 0.0, other.number), default=None)
