"""Traces of a real process, as a real collector takes them: over HTTP, in protobuf, by OpenTelemetry itself."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from tests.otlp import Happening, Span
from tests.sockets.collector import Collector, collecting
from tests.sockets.processes import GatewayProcess, running
from tests.sockets.scripts import DONE, ROLE, STOP, answers, cut, event, refuses
from tests.sockets.upstream import Asked, Upstream

SETTINGS = """
[retry]
request_fallbacks = true
attempts = 2
backoff_base_s = 0.001
[timeouts]
hedge_after_s = 0.1
"""
PROPAGATOR = TraceContextTextMapPropagator()


class Traced(NamedTuple):
    """What a gateway has left at its collector when it has ended."""

    collector: Collector
    callers: dict[str, str]
    """The span that each trace of `plain` began with."""
    plain: str
    """Models by what became of them."""
    failing: tuple[str, str]
    slow: tuple[str, str]
    broken: tuple[str, str]


def begins_late(asked: Asked) -> None:
    """Accepts at once and says nothing for longer than anybody waits."""
    asked.begin_stream()
    if asked.pause(5):
        asked.stream(ROLE + event({"content": "late"}) + STOP + DONE)


@pytest.fixture(scope="module")
def traced(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traced]:
    """Requests that go well, and those that need somebody else; a drain leaves nothing unsent."""

    def backed(script: Any) -> tuple[str, str]:
        return upstream.plays(script, family="deepseek"), upstream.plays(answers, family="deepseek")

    with collecting() as collector:
        environ = {
            **upstream.environ,
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "OTEL_EXPORTER_OTLP_HEADERS": "x-tenant=team%20a",
        }
        plain = upstream.plays(answers)
        failing, slow, broken = backed(refuses(503)), backed(begins_late), backed(cut)
        with running(tmp_path_factory.mktemp("traced"), settings=SETTINGS, environ=environ) as gateway:
            callers = dict(ask_within_a_span(gateway, plain) for _ in range(6))
            for first, second in (failing, slow, broken):
                assert ask(gateway, {"model": first, "fallbacks": [second], "stream": True}).status_code == 200
            gateway.send(signal.SIGTERM)
            assert gateway.wait() == 0
        yield Traced(collector, callers, plain, failing, slow, broken)


def ask(gateway: GatewayProcess, question: dict[str, Any], headers: dict[str, str] | None = None) -> httpx.Response:
    messages = [{"role": "user", "content": "Salve!"}]
    return httpx.post(f"{gateway.url}/v1/chat/completions", json={**question, "messages": messages}, headers=headers)


def ask_within_a_span(gateway: GatewayProcess, model: str) -> tuple[str, str]:
    """The ids of the client's trace and span."""
    headers: dict[str, str] = {}
    with TracerProvider().get_tracer("client").start_as_current_span("ask") as span:
        PROPAGATOR.inject(headers)
        ask(gateway, {"model": model}, headers)
        context = span.get_span_context()
    return trace.format_trace_id(context.trace_id), trace.format_span_id(context.span_id)


def test_one_trace_leads_from_the_clients_span_to_the_providers(traced: Traced, upstream: Upstream) -> None:
    """The client and the provider speak OpenTelemetry themselves."""
    spans = {span.id: span for span in traced.collector.spans if span.trace_id in traced.callers}
    assert len(spans) == 3 * len(traced.callers)
    servers = [span for span in spans.values() if span.kind == "server"]
    assert {span.trace_id: span.parent for span in servers} == traced.callers
    assert {span.service["service.name"] for span in servers} == {"llm-gateway"}
    for asked in upstream.asked(traced.plain):
        carrier = PROPAGATOR.extract(dict(asked.fields))
        context = trace.get_current_span(carrier).get_span_context()
        client = spans[trace.format_span_id(context.span_id)]
        assert client.kind == "client"
        attempt = spans[client.parent]
        server = spans[attempt.parent]
        assert client.trace_id == attempt.trace_id == server.trace_id == trace.format_trace_id(context.trace_id)
        assert server.start <= attempt.start <= client.start <= client.end <= attempt.end <= server.end
        assert client.attributes["gen_ai.usage.output_tokens"] > 0
    assert {head["x-tenant"] for head in traced.collector.heads} == {"team a"}


def test_whoever_else_was_asked_has_an_event_that_says_why(traced: Traced) -> None:
    """Retry, fallback, hedge and resume, after what; and of each answer when its first token came."""
    retried, failed_over = (event_of(span) for model in traced.failing for span in clients(traced, model)[-1:])
    (hedge,) = (event_of(span) for span in clients(traced, traced.slow[1]))
    (resume,) = (event_of(span) for span in clients(traced, traced.broken[1]))

    assert [each.name for each in (retried, failed_over, hedge, resume)] == ["retry", "fallback", "hedge", "resume"]
    assert (retried.attributes["error.type"], retried.attributes["gateway.attempt.after"]) == ("upstream_503", 1)
    assert (failed_over.attributes["error.type"], failed_over.attributes["gateway.attempt.after"]) == (
        "upstream_503",
        2,
    )
    assert hedge.attributes == {}, "nobody had failed"
    assert (resume.attributes["error.type"], resume.attributes["gateway.attempt.after"]) == ("upstream_broken", 1)
    for model in (traced.failing[1], traced.slow[1], traced.broken[0], traced.broken[1]):
        (span,) = clients(traced, model)
        accepted, first_token = span.events[-2:]
        assert (accepted.name, first_token.name) == ("accepted", "first_token")
        assert span.start <= accepted.at <= first_token.at <= span.end
    (loser,) = clients(traced, traced.slow[0])
    assert [happening.name for happening in loser.events] == ["accepted"]


def clients(traced: Traced, model: str) -> list[Span]:
    """The spans of those who asked for `model`, in their order."""
    asked = [span for span in traced.collector.spans if span.kind == "client"]
    return sorted(
        (span for span in asked if span.attributes["gen_ai.request.model"] == model), key=lambda span: span.start
    )


def event_of(span: Span) -> Happening:
    """The first one, which says why it was asked."""
    return span.events[0]
