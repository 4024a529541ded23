"""What tracing adds to a request: its ids and headers alone, its spans made, its spans encoded. No I/O."""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import NamedTuple

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

from actors.attempt import Attempt, Outcome
from actors.letters import Call, Candidate
from gateway.dialects.envelope import CallNotes, ModelRequest, Usage
from gateway.face.record import OK, RequestRecord
from gateway.telemetry.record import Times, times_of
from gateway.telemetry.span_queue import SpanQueue
from gateway.telemetry.spans import Peer, SpanMaker
from gateway.telemetry.trace_context import Headers, Trace, Traces
from gateway.telemetry.tracer import Tracer

OFF_MOST_US = 0.5
"""Nothing that could be measured on a whole request."""
UNSAMPLED_MOST_US = 10
TRACEPARENT = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-%02x"
REQUESTS = 2_000
ROUNDS = 5
BODY = json.dumps({"model": "m", "temperature": 0.5, "messages": [{"role": "user", "content": "word " * 400}]}).encode()


class Costs(NamedTuple):
    """CPU µs a request, the median of some rounds."""

    off: float
    """To see that nobody traces."""
    unsampled: float
    """Ids, the header for the provider, and the look at its end."""
    sampled: float
    """The same with its three spans made and queued."""
    encoded: float
    """Its spans in protobuf, which the exporter does between requests."""


def measure(requests: int = REQUESTS, rounds: int = ROUNDS) -> Costs:
    maker = SpanMaker({"service.name": "bench"}, "0", lambda name: Peer(name, "api.test", 443))
    queue = SpanQueue(10**9)
    tracer = Tracer(maker, queue, clock=time.perf_counter, wall_clock=time.time, observe=lambda event: None)
    traces = Traces(random.Random(0))

    def trace(flags: int, traces: Traces | None = traces, tracer: Tracer | None = tracer) -> Callable[[], None]:
        fields = {b"traceparent": TRACEPARENT % flags}
        record, attempts, times = request()

        def one() -> None:
            if traces is not None:
                record.trace = traces.begin("POST", fields)
            if record.trace is not None:
                sent(record.trace)
            if tracer is not None:
                tracer.request_ended(record, attempts, times)

        return one

    nothing, off, unsampled, sampled = (
        cost(one, requests, rounds) for one in (lambda: None, trace(0, None, None), trace(0), trace(1))
    )
    trace(1)()
    (spans, *_) = queue.take(1)
    encoded = cost(lambda: encode_spans(spans).SerializeToString(), requests, rounds)
    return Costs(off - nothing, unsampled, sampled, encoded)


def sent(trace: Trace) -> Headers:
    return trace.headers(1)


def request() -> tuple[RequestRecord, list[Attempt], Times]:
    """One that has been answered."""
    clock = time.perf_counter
    payload = ModelRequest("openai_chat", BODY, None, "request")
    call = Call(id="1", arrived_at=clock(), deadline=clock() + 600, model="m", payload=payload)
    attempt = Attempt(call, Candidate(provider="openai", model="m"), clock=clock)
    attempt.sent()
    attempt.accepted()
    attempt.detail = CallNotes(usage=Usage(prompt=400, completion=5), finish_reason="stop", connect_s=0.0)
    attempt.end(Outcome.OK)
    call.attempts.append(attempt)
    record = RequestRecord("chat/completions", "1", "request", call.arrived_at, lambda record: None)
    record.call, record.model = call, "m"
    record.status, record.outcome, record.ended_at = 200, OK, clock()
    return record, [attempt], times_of(record, [attempt], attempt)


def cost(one: Callable[[], object], times: int, rounds: int) -> float:
    figures = []
    for _ in range(rounds + 1):
        began = time.process_time()
        for _ in range(times):
            one()
        figures.append((time.process_time() - began) / times * 1e6)
    return median(figures[1:])  # the first round warms up


def main() -> int:
    sys.stdout.write(json.dumps(measure()._asdict()) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
