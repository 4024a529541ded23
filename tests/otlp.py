"""What a collector of traces gets: OTLP's protobuf, decoded into what stories talk about."""

from __future__ import annotations

from typing import Any, NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Wire
from opentelemetry.proto.trace.v1.trace_pb2 import Status


class Happening(NamedTuple):
    """A span's event."""

    name: str
    at: float
    attributes: dict[str, Any]


class Span(NamedTuple):
    """Times in seconds since 1970, ids as hexadecimal digits, "" for none."""

    name: str
    kind: str
    trace_id: str
    id: str
    parent: str
    start: float
    end: float
    attributes: dict[str, Any]
    events: list[Happening]
    failed: bool
    service: dict[str, Any]
    """The attributes of the resource."""


def spans_in(body: bytes) -> list[Span]:
    """All of one export, in the order in which they stand there."""
    request = ExportTraceServiceRequest.FromString(body)
    return [
        _span(span, _attributes(resource.resource.attributes))
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def _span(span: Wire, service: dict[str, Any]) -> Span:
    return Span(
        name=span.name,
        kind=Wire.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_").lower(),
        trace_id=span.trace_id.hex(),
        id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        start=_seconds(span.start_time_unix_nano),
        end=_seconds(span.end_time_unix_nano),
        attributes=_attributes(span.attributes),
        events=[
            Happening(event.name, _seconds(event.time_unix_nano), _attributes(event.attributes))
            for event in span.events
        ],
        failed=span.status.code == Status.StatusCode.STATUS_CODE_ERROR,
        service=service,
    )


def _attributes(pairs: Any) -> dict[str, Any]:
    found: dict[str, KeyValue] = {pair.key: pair for pair in pairs}
    assert len(found) == len(pairs), "an attribute stands there twice"
    return {key: _value(pair.value) for key, pair in found.items()}


def _value(value: AnyValue) -> Any:
    match value.WhichOneof("value"):
        case "array_value":
            return [_value(one) for one in value.array_value.values]
        case str(kind):
            return getattr(value, kind)


def _seconds(nanoseconds: int) -> float:
    return round(nanoseconds / 1e9, 6)
