"""Traces of a whole gateway, as a collector gets them: who asked whom, when, and what came of it."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from gateway.assembly import tracing
from tests.memory_network import MemoryNetwork
from tests.otlp import Span, spans_in
from tests.whole.gateways import CHAT, MONDAY, QUESTION, STREAMED, Running, running
from tests.whole.test_tool_turns import call, says
from tests.whole.upstream import Script, Upstream, answers, fails, is_cut, sends, stalls, streams

TRACES = """
[traces]
endpoint = "http://collector.test/otlp"
"""
ENVIRON = {"OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20sk-collector", "OTEL_SERVICE_NAME": "front-door"}
TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
CALLER = "b7ad6b7169203331"
SAMPLED = {"traceparent": f"00-{TRACE_ID}-{CALLER}-01", "tracestate": "vendor=1"}
UNSAMPLED = {"traceparent": f"00-{TRACE_ID}-{CALLER}-00"}
taken = sends({})


class Watched:
    """A gateway that traces, and its collector."""

    def __init__(self, it: Running, collector: Upstream) -> None:
        self.it = it
        self.collector = collector

    async def spans(self) -> list[Span]:
        """All that has been exported by the next time that it is."""
        await trio.sleep(6)
        return [span for asked in self.collector.asked for span in spans_in(asked.body)]

    async def of(self, question: Any, **options: Any) -> dict[str, Span]:
        """The spans of one request, by their names, the second of a name as "name 2"; their clock starts with it."""
        began = trio.current_time()
        await self.it.ask(question, **options)
        found: dict[str, Span] = {}
        for span in await self.spans():
            name = f"{span.name} 2" if span.name in found else span.name
            assert name not in found
            found[name] = _since(span, began)
        return found


def _since(span: Span, began: float) -> Span:
    epoch = MONDAY + began
    return span._replace(
        start=round(span.start - epoch, 3),
        end=round(span.end - epoch, 3),
        events=[event._replace(at=round(event.at - epoch, 3)) for event in span.events],
    )


@asynccontextmanager
async def watched(settings: str = "", script: Script = taken) -> AsyncIterator[Watched]:
    network = MemoryNetwork()
    collector = Upstream(network, "collector.test")
    collector.plays(script)
    async with trio.open_nursery() as nursery:
        await nursery.start(collector.run)
        async with running(TRACES + settings, network=network, environ=ENVIRON) as it:
            yield Watched(it, collector)
        nursery.cancel_scope.cancel()


async def test_a_request_is_a_tree_of_server_attempt_and_client(autojump_clock: MockClock) -> None:
    """With the caller above, the provider's own spans below, and every attribute that the conventions ask for."""
    async with watched() as story:
        story.it.openai.plays(answers(after_s=2))
        spans = await story.of({**QUESTION, "temperature": 0.5, "max_tokens": 7, "seed": 2**70}, headers=SAMPLED)

        server, attempt, client = spans.values()
        assert [span.name for span in spans.values()] == ["POST /v1/chat/completions", "first openai", "chat gpt-4o"]
        assert [span.kind for span in spans.values()] == ["server", "internal", "client"]
        assert [span.parent for span in spans.values()] == [CALLER, server.id, attempt.id]
        assert {span.trace_id for span in spans.values()} == {TRACE_ID}
        assert {(span.start, span.end) for span in spans.values()} == {(0, 2)}
        assert not any(span.failed for span in spans.values())
        assert server.attributes == {
            "http.request.method": "POST",
            "http.route": "/v1/chat/completions",
            "url.path": "/v1/chat/completions",
            "url.scheme": "http",
            "http.response.status_code": 200,
            "gateway.request_id": TRACE_ID,
            "gateway.client": "",
            "gateway.outcome": "ok",
            "gateway.attempts": 1,
            "gateway.overhead_s": 0,
            "gen_ai.request.model": "gpt-4o",
        }
        assert client.attributes == {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.request.temperature": 0.5,
            "gen_ai.request.max_tokens": 7,
            "gen_ai.response.finish_reasons": ["stop"],
            "gen_ai.response.id": "chatcmpl-1",
            "gen_ai.response.model": "gpt-4o",
            "gen_ai.usage.input_tokens": 9,
            "gen_ai.usage.output_tokens": 3,
            "gateway.connect_s": 0,
            "gateway.cost_usd": 5.25e-05,
            "server.address": "openai.test",
            "server.port": 80,
        }
        assert attempt.attributes["gateway.key"] == "OPENAI_API_KEY"
        assert (server.service["service.name"], server.service["gateway.worker"]) == ("front-door", "0")
        (asked,) = story.it.openai.asked
        assert asked.header("traceparent") == f"00-{TRACE_ID}-{client.id}-01"
        assert asked.header("tracestate") == "vendor=1"
        (export,) = story.collector.asked
        assert (export.target, export.header("content-type")) == (b"/otlp/v1/traces", "application/x-protobuf")
        assert export.header("authorization") == "Bearer sk-collector"
        assert story.it.logged("request")[0]["trace_id"] == TRACE_ID


async def test_a_retry_and_a_fallback_say_after_what_they_came(autojump_clock: MockClock) -> None:
    """The first attempt fails twice, the next candidate answers; each failure has its name on its own span."""
    settings = "[retry]\nattempts = 2\nbackoff_base_s = 0.5"
    async with watched(settings) as story:
        story.it.openai.plays(fails(500, after_s=1), fails(503, after_s=1))
        spans = await story.of({**QUESTION, "model": "backed"})

        server = spans["POST /v1/chat/completions"]
        retry, fallback = spans["retry openai"], spans["fallback deepseek"]
        assert server.parent == ""
        assert (server.attributes["gateway.attempts"], server.failed) == (3, False)
        outcomes = [span.attributes.get("gateway.attempt.outcome") for span in spans.values()]
        assert [outcome for outcome in outcomes if outcome] == ["failed", "failed", "ok"]
        assert retry.attributes["error.type"] == "upstream_503"
        again, elsewhere = spans["chat gpt-4o 2"], spans["chat deepseek-chat"]
        assert spans["chat gpt-4o"].events == []
        assert [event.name for event in again.events] == ["retry"]
        assert [event.name for event in elsewhere.events] == ["fallback", "accepted"]
        assert 0 < retry.start - 1 <= 0.5
        for client, above, because, after, delay_s in (
            (again, retry, "upstream_500", 1, retry.start - 1),
            (elsewhere, fallback, "upstream_503", 2, 0),
        ):
            assert client.parent == above.id
            assert client.events[0].at == client.start == above.start
            assert client.events[0].attributes == {
                "error.type": because,
                "gateway.attempt.after": after,
                "gateway.attempt.delay_s": pytest.approx(delay_s, abs=0.001),
            }


async def test_a_stream_tells_when_it_was_accepted_and_when_its_first_word_came(autojump_clock: MockClock) -> None:
    async with watched() as story:
        story.it.openai.plays(streams("Hel", "lo"))
        client = (await story.of(STREAMED))["chat gpt-4o"]
        assert [(event.name, event.at) for event in client.events] == [("accepted", 0), ("first_token", 1)]
        assert client.attributes["gen_ai.response.time_to_first_chunk"] == 1
        assert client.attributes["gen_ai.request.stream"] is True
        assert client.attributes["gen_ai.response.id"] == "chatcmpl-1"
        assert (client.start, client.end) == (0, 2)


async def test_a_hedge_and_its_loser_are_one_trace(autojump_clock: MockClock) -> None:
    """The loser ends with the first word of the other, and is blamed for nothing."""
    async with watched() as story:
        story.it.openai.plays(streams("late", every_s=300))
        story.it.deepseek.plays(streams("soon", "er"))
        spans = await story.of({**STREAMED, "model": "backed"})

        hedge = spans["chat deepseek-chat"]
        assert hedge.events[0][:2] == ("hedge", 10)
        loser = spans["first openai"]
        assert (loser.attributes["gateway.attempt.outcome"], loser.failed, loser.end) == ("superseded", False, 11)
        assert len({span.trace_id for span in spans.values()}) == 1


async def test_a_resumed_stream_says_so(autojump_clock: MockClock) -> None:
    async with watched() as story:
        story.it.openai.plays(streams("One two", then=is_cut))
        story.it.deepseek.plays(streams("One two three."))
        spans = await story.of({**STREAMED, "model": "backed"})
        assert spans["first openai"].attributes["gateway.attempt.outcome"] == "broken"
        assert spans["chat gpt-4o"].failed
        assert "resume" in [event.name for event in spans["chat deepseek-chat"].events]


async def test_a_request_that_is_turned_away_is_a_span_of_its_own(autojump_clock: MockClock) -> None:
    """One whose client left has no status, since nobody was sent one; its trace waits for the attempt to end."""
    async with watched() as story:
        spans = await story.of({"model": "gpt-4o"})
        (refused,) = spans.values()
        assert refused.attributes["http.response.status_code"] == 400
        assert refused.attributes["error.type"] == "invalid_request"
        assert not refused.failed

        story.collector.asked.clear()
        story.it.openai.plays(stalls)
        with trio.move_on_after(3):
            await story.it.ask(QUESTION)
        spans = {span.name: span for span in await story.spans()}
        assert spans["POST /v1/chat/completions"].attributes["gateway.outcome"] == "disconnected"
        assert "http.response.status_code" not in spans["POST /v1/chat/completions"].attributes
        assert spans["first openai"].attributes["gateway.attempt.outcome"] == "left"


async def test_who_is_not_sampled_leaves_no_span_and_tells_the_provider_so(autojump_clock: MockClock) -> None:
    """The caller's decision holds; without one, the configured share does. Health checks are nobody's trace."""
    async with watched("ratio = 0.0") as story:
        await story.it.ask(headers=UNSAMPLED)
        await story.it.ask()
        await story.it.request("GET", "/health")
        assert await story.spans() == []
        first, second = (asked.header("traceparent") or "" for asked in story.it.openai.asked)
        assert first.startswith(f"00-{TRACE_ID}-")
        assert first.endswith("-00")
        assert CALLER not in first
        assert second.endswith("-00")

        await story.it.ask(headers=SAMPLED)
        assert len(await story.spans()) == 3


async def test_exemplars_are_for_those_who_want_them_and_can_read_them(autojump_clock: MockClock) -> None:
    """Off unless asked for; then in OpenMetrics alone, and of sampled requests alone."""
    wanted = {"accept": "application/openmetrics-text; version=1.0.0"}
    for settings, headers, shown in (
        ("", wanted, False),
        ("[metrics]\nexemplars = true", {}, False),
        ("[metrics]\nexemplars = true", wanted, True),
    ):
        async with watched(settings) as story:
            await story.it.ask(headers=UNSAMPLED)
            unsampled = await story.it.request("GET", "/metrics", headers=headers)
            assert b"trace_id" not in unsampled.body
            await story.it.ask(headers=SAMPLED)
            figures = await story.it.request("GET", "/metrics", headers=headers)
            assert (TRACE_ID.encode() in figures.body) is shown
            form = "application/openmetrics-text" if shown else "text/plain"
            assert (figures.header("content-type") or "").startswith(form)


async def test_a_request_that_is_nested_as_deeply_as_can_be_read_has_its_spans_too(autojump_clock: MockClock) -> None:
    """Whoever reads it once more stands higher on the stack, where fewer brackets can be read."""
    async with watched() as story:
        answered = 0
        for depth in range(sys.getrecursionlimit(), 0, -1):
            body = json.dumps({**QUESTION, "unknown": 0}).replace("0}", "[" * depth + "]" * depth + "}").encode()
            reply = await story.it.request("POST", CHAT, body=body, headers=SAMPLED)
            answered += reply.status == 200
            if answered == 12:
                break
        assert [span.name for span in await story.spans()].count("chat gpt-4o") == answered


async def test_without_a_collector_a_trace_passes_as_it_came(autojump_clock: MockClock) -> None:
    async with running() as it:
        await it.ask(headers=SAMPLED)
        (asked,) = it.openai.asked
        assert (asked.header("traceparent"), asked.header("tracestate")) == tuple(SAMPLED.values())
        assert "trace_id" not in it.logged("request")[0]
        assert "traces" not in await it.actors()


@pytest.mark.parametrize("stream", [False, True])
async def test_messages_stand_in_spans_only_where_that_is_asked_for(autojump_clock: MockClock, stream: bool) -> None:
    """Whole or streamed, in the form of the conventions; an image is named, never shown."""
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    question = {
        **QUESTION,
        "stream": stream,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Look."}, image]}],
    }
    for settings in ("", "content = true"):
        async with watched(settings) as story:
            story.it.openai.plays(streams("Hel", "lo") if stream else answers("Hello"))
            client = (await story.of(question))["chat gpt-4o"]
            said = {name: value for name, value in client.attributes.items() if name.endswith("messages")}
            if not settings:
                assert said == {}
                assert "Look" not in str(client)
                continue
            assert {name: json.loads(value) for name, value in said.items()} == {
                "gen_ai.input.messages": [
                    {"role": "user", "parts": [{"type": "text", "content": "Look."}, {"type": "image"}]}
                ],
                "gen_ai.output.messages": [
                    {
                        "role": "assistant",
                        "parts": [{"type": "text", "content": "Hello"}],
                        "finish_reason": "stop",
                    }
                ],
            }


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("path", "question"),
    [
        ("/v1/responses", {"input": "Salve!"}),
        ("/v1/messages", {"max_tokens": 50, "messages": [{"role": "user", "content": "Salve!"}]}),
    ],
)
async def test_messages_of_every_dialect_stand_in_spans_alike(
    autojump_clock: MockClock, path: str, question: dict[str, Any], stream: bool
) -> None:
    async with watched("content = true") as story:
        await story.it.request("POST", path, json_body={"model": "sandbox/echo", "stream": stream, **question})
        (client,) = [span for span in await story.spans() if span.kind == "client"]
        said = [{"type": "text", "content": "Salve!"}]
        asked, answered = (json.loads(client.attributes[f"gen_ai.{side}.messages"]) for side in ("input", "output"))
        assert asked == [{"role": "user", "parts": said}]
        assert answered == [{"role": "assistant", "parts": said, "finish_reason": "stop"}]


async def test_what_is_long_is_left_out_of_spans(autojump_clock: MockClock) -> None:
    """And an answer that was cut is told as far as it went."""
    async with watched("content = true") as story:
        client = (await story.of({**QUESTION, "user": "u" * 70_000}))["chat gpt-4o"]
        assert client.attributes["gateway.content_left_out"] is True

        story.collector.asked.clear()
        story.it.openai.plays(streams("Once", then=is_cut))
        client = (await story.of(STREAMED))["chat gpt-4o"]
        (answer,) = json.loads(client.attributes["gen_ai.output.messages"])
        assert answer["parts"] == [{"type": "text", "content": "Once"}]


async def test_a_collector_that_is_down_costs_spans_and_nothing_else(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Requests go on; what does not fit is counted; one line when it goes, one when it comes back."""
    monkeypatch.setattr(tracing, "MAX_SPANS", 30)
    async with watched(script=fails(503)) as story:
        it = story.it
        for _ in range(15):
            assert (await it.ask()).status == 200
        assert trio.current_time() == 0
        await trio.sleep(100)
        assert (await it.actors())["traces"]["detail"]["failing"] == "status_503"
        story.collector.plays(taken)
        await trio.sleep(60)

        figures = await it.figures()
        lost, exported = (figures("gateway_spans_total", outcome=outcome) for outcome in ("queue_full", "exported"))
        assert (lost, exported) == (15, 30)
        assert [line["because"] for line in it.logged("traces do not arrive")] == ["status_503"]
        assert len(it.logged("traces arrive again")) == 1
        it.assert_at_rest()


async def test_a_collector_that_is_silent_is_asked_again(autojump_clock: MockClock) -> None:
    """Ten seconds it has; a batch is sent until it is taken, and one that is refused for good is dropped."""
    async with watched(script=stalls) as story:
        await story.it.ask()
        await trio.sleep(16)
        assert story.it.logged("traces do not arrive")[0]["because"] == "timed_out"
        story.collector.plays(fails(400))
        await trio.sleep(30)
        assert (await story.it.figures())("gateway_spans_total", outcome="rejected") == 3


async def test_a_drain_sends_what_is_left_and_waits_no_longer_than_three_seconds(autojump_clock: MockClock) -> None:
    for script, sent_at, exported in ((sends({}, after_s=1), 2, 3), (stalls, 2, 0)):
        began = trio.current_time()
        async with watched(script=script) as story:
            story.it.openai.plays(answers(after_s=2))
            async with trio.open_nursery() as nursery:
                nursery.start_soon(story.it.ask)
                await trio.sleep(1)
                story.it.gateway.drain()
            await trio.sleep(10)
            (asked,) = story.collector.asked
            assert asked.at - began == sent_at
            assert (story.it.ended_at or 0) - began == (3 if exported else 5)
            count = story.it.gateway.metrics.registry.get_sample_value
            outcome = "exported" if exported else "drained"
            assert count("gateway_spans_total", {"outcome": outcome}) == 3


@pytest.mark.parametrize(
    ("path", "question"),
    [
        ("/v1/chat/completions", QUESTION),
        ("/v1/messages", {**QUESTION, "max_tokens": 9}),
        ("/v1/responses", {"model": "gpt-4o", "input": "Say hello."}),
    ],
    ids=["chat", "messages", "responses"],
)
async def test_turns_and_tools_that_the_gateway_runs_stand_below_the_request(
    autojump_clock: MockClock, path: str, question: dict[str, Any]
) -> None:
    """Each turn is a tree of its own, each tool one span, with its name and what became of it."""
    tool = '[tools.clock]\nurl = "http://deepseek.test/now"\n[providers.openai]\nresponses = false\n'
    question = {**question, "tools": [{"type": "gateway", "name": "clock"}]}
    async with watched(tool) as story:
        story.it.openai.plays(says(None, call("clock", {}), after_s=1), says("Noon.", after_s=1))
        story.it.deepseek.plays(fails(500, after_s=2))
        await story.it.request("POST", path, json_body=question, headers=SAMPLED)
        spans = [_since(span, 0) for span in await story.spans()]

        (server,) = (span for span in spans if span.name == f"POST {path}")
        turns = [span for span in spans if span.name == f"background {path}"]
        (ran,) = (span for span in spans if span.name == "execute_tool clock")
        assert {span.parent for span in (*turns, ran)} == {server.id}
        assert [(span.start, span.end) for span in (*turns, ran, server)] == [(0, 1), (3, 4), (1, 3), (0, 4)]
        assert {span.trace_id for span in spans} == {TRACE_ID}
        assert ran.attributes["gen_ai.tool.name"] == "clock"
        (asked,) = story.it.deepseek.asked
        assert (asked.header("traceparent"), asked.header("tracestate")) == (f"00-{TRACE_ID}-{ran.id}-01", "vendor=1")
        assert asked.header("x-request-id") == TRACE_ID
        assert (ran.attributes["error.type"], ran.failed) == ("service_failed", True)
        assert len([span for span in spans if span.name == "chat gpt-4o"]) == 2
