"""Trace context as W3C has it, and the sampling that all who see one trace agree on."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace.sampling import Decision, TraceIdRatioBased
from opentelemetry.trace import get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from gateway.telemetry.trace_context import Parent, Traces, parent_of, passed_on

TRACE_ID = b"0af7651916cd43dd8448eb211c80319c"
SPAN_ID = b"b7ad6b7169203331"
NEW = {b"traceparent": b"00-%b-%b-01" % (TRACE_ID, SPAN_ID)}


@pytest.mark.parametrize(
    ("value", "sampled"),
    [
        (b"00-%b-%b-01", True),
        (b"00-%b-%b-00", False),
        (b"00-%b-%b-03", True),
        (b"42-%b-%b-01-what-is-to-come", True),
        (b"00-%b-%b-01-more", None),
        (b"ff-%b-%b-01", None),
        (b"00-%b-%b-1", None),
        (b" 00-%b-%b-01", None),
    ],
)
def test_a_traceparent_is_read_as_the_standard_has_it(value: bytes, sampled: bool | None) -> None:
    """Versions to come may say more at the end, 00 may not, ff is none."""
    parent = parent_of({b"traceparent": value % (TRACE_ID, SPAN_ID)})
    assert parent == (None if sampled is None else Parent(TRACE_ID, SPAN_ID, sampled))


@pytest.mark.parametrize("ids", [(b"0" * 32, SPAN_ID), (TRACE_ID, b"0" * 16), (TRACE_ID.upper(), SPAN_ID)])
def test_ids_of_zeros_and_capitals_are_none(ids: tuple[bytes, bytes]) -> None:
    fields = {b"traceparent": b"00-%b-%b-01" % ids, b"tracestate": b"a=b"}
    assert parent_of(fields) is None
    assert passed_on(fields) == []


@given(ratio=st.floats(0, 1), seed=st.integers())
def test_a_new_trace_is_sampled_as_opentelemetrys_own_sampler_would(ratio: float, seed: int) -> None:
    """Otherwise services behind us would keep other halves of it."""
    trace = Traces(random.Random(seed), ratio=ratio).begin("POST", {})
    expected = TraceIdRatioBased(ratio).should_sample(None, trace.trace_id, "")
    assert trace.sampled is (expected.decision is Decision.RECORD_AND_SAMPLE)
    assert trace.parent_id == 0


@given(seed=st.integers(), number=st.integers(1, 1000))
def test_what_goes_upstream_is_understood_by_opentelemetry(seed: int, number: int) -> None:
    """The provider is a child of the attempt's client, in the caller's trace, with the caller's state."""
    trace = Traces(random.Random(seed), ratio=0).begin("POST", {**NEW, b"tracestate": b"vendor=1"})
    headers = {name.decode(): value.decode() for name, value in trace.headers(number)}

    context = get_current_span(TraceContextTextMapPropagator().extract(headers)).get_span_context()
    assert (context.trace_id, context.span_id) == (int(TRACE_ID, 16), trace.client_id(number))
    assert context.trace_flags.sampled
    assert context.trace_state.get("vendor") == "1"


@given(seed=st.integers())
def test_all_ids_of_one_request_differ(seed: int) -> None:
    trace = Traces(random.Random(seed)).begin("POST", NEW)
    ids = [trace.span_id, *(make(n) for n in range(1, 50) for make in (trace.attempt_id, trace.client_id))]
    assert len(set(ids)) == len(ids)
    assert all(0 < one < 2**64 for one in ids)


def test_what_is_left_to_be_done_is_a_child_of_the_request() -> None:
    traces = Traces(random.Random(0))
    trace = traces.begin("POST", NEW)
    child = traces.within(trace)
    assert (child.trace_id, child.parent_id, child.sampled) == (trace.trace_id, trace.span_id, True)
    assert child.span_id != trace.span_id
