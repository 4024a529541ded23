"""Traces of a real process, as a real collector takes them: over HTTP, in protobuf, by OpenTelemetry itself."""

from __future__ import annotations

import signal
from pathlib import Path

import httpx
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from tests.sockets.collector import collecting
from tests.sockets.processes import running
from tests.sockets.scripts import answers
from tests.sockets.upstream import Upstream


def test_one_trace_leads_from_the_clients_span_to_the_providers(upstream: Upstream, tmp_path: Path) -> None:
    """The client and the provider speak OpenTelemetry themselves; a drain leaves nothing unsent."""
    tracer = TracerProvider().get_tracer("client")
    propagator = TraceContextTextMapPropagator()
    with collecting() as collector:
        environ = {
            **upstream.environ,
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "OTEL_EXPORTER_OTLP_HEADERS": "x-tenant=team%20a",
        }
        with running(tmp_path, environ=environ) as gateway:
            callers: dict[str, str] = {}
            model = upstream.plays(answers)
            for _ in range(6):
                with tracer.start_as_current_span("ask") as span:
                    headers: dict[str, str] = {}
                    propagator.inject(headers)
                    httpx.post(
                        f"{gateway.url}/v1/chat/completions",
                        json={"model": model, "messages": [{"role": "user", "content": "Salve!"}]},
                        headers=headers,
                    )
                    context = span.get_span_context()
                    callers[trace.format_trace_id(context.trace_id)] = trace.format_span_id(context.span_id)
            gateway.send(signal.SIGTERM)
            assert gateway.wait() == 0

        spans = {span.id: span for span in collector.spans}
        assert len(spans) == 3 * len(callers)
        servers = [span for span in spans.values() if span.kind == "server"]
        assert {span.trace_id: span.parent for span in servers} == callers
        assert {span.service["service.name"] for span in servers} == {"llm-gateway"}
        for asked in upstream.asked(model):
            carrier = propagator.extract(dict(asked.fields))
            context = trace.get_current_span(carrier).get_span_context()
            client = spans[trace.format_span_id(context.span_id)]
            assert client.kind == "client"
            attempt = spans[client.parent]
            server = spans[attempt.parent]
            assert client.trace_id == attempt.trace_id == server.trace_id == trace.format_trace_id(context.trace_id)
            assert server.start <= attempt.start <= client.start <= client.end <= attempt.end <= server.end
            assert client.attributes["gen_ai.usage.output_tokens"] > 0
        assert {head["x-tenant"] for head in collector.heads} == {"team a"}
