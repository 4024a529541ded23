"""Which trace a request belongs to: W3C's trace context in and out, ids, and who is sampled. Pure but for chance.

Spans themselves are made when a request is over (see `spans`); what has to be known before is their ids, since
providers are told whose children they are. So all ids of one request are counted up from one: contextvars and span
objects cross no mailbox, a number in the letter does. https://www.w3.org/TR/trace-context/
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from typing import Final

import msgspec

TRACEPARENT: Final = b"traceparent"
TRACESTATE: Final = b"tracestate"
SAMPLED: Final = 1
METHOD_UNKNOWN: Final = "_OTHER"
"""https://opentelemetry.io/docs/specs/semconv/http/http-spans/; a span's name has "HTTP" in its place."""
_PARENT = re.compile(
    rb"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?"
).fullmatch
"""All-zero ids and the version ff are invalid; versions to come may say more at the end."""
_LOW_BITS: Final = (1 << 64) - 1

Fields = Mapping[bytes, bytes]
Headers = list[tuple[bytes, bytes]]


class Parent(msgspec.Struct, frozen=True, gc=False):
    """What a `traceparent` says."""

    trace_id: bytes
    """32 hexadecimal digits, as they came."""
    span_id: bytes
    """16 of them."""
    sampled: bool


def parent_of(fields: Fields) -> Parent | None:
    """Whose child a request with these header fields is; None where they do not say, or nothing valid."""
    value = fields.get(TRACEPARENT)
    found = None if value is None else _PARENT(value)
    if found is None or (found[1] == b"00" and found[5]):
        return None
    return Parent(found[2], found[3], bool(int(found[4], 16) & SAMPLED))


def passed_on(fields: Fields) -> Headers:
    """The trace context as it came, for a provider, where the gateway has no part in it."""
    if TRACEPARENT not in fields or parent_of(fields) is None:
        return []
    return [(name, fields[name]) for name in (TRACEPARENT, TRACESTATE) if name in fields]


class Trace(msgspec.Struct, gc=False):
    """One request's place in its trace; travels in the letter (`Call.trace`)."""

    trace_id: int
    parent_id: int
    """The caller's span, 0 where nobody is."""
    span_id: int
    """The request's own; those of its attempts are counted up from here."""
    sampled: bool
    state: bytes | None = None
    """`tracestate`, as it came and as it goes on."""
    method: str = ""
    """The HTTP method; "" for what the gateway does by itself."""
    answer: bytearray | None = None
    """What the client was answered, kept where spans shall have it; None: not kept."""

    def attempt_id(self, number: int) -> int:
        """The span of attempt `number`, from 1."""
        return self.span_id + 2 * number - 1

    def client_id(self, number: int) -> int:
        """The span of what that attempt asked its provider."""
        return self.span_id + 2 * number

    def headers(self, number: int) -> Headers:
        """The trace context that attempt `number` sends upstream; 0: that of this very place."""
        context = b"00-%032x-%016x-%02x" % (self.trace_id, self.client_id(number), self.sampled)
        if self.state is None:
            return [(TRACEPARENT, context)]
        return [(TRACEPARENT, context), (TRACESTATE, self.state)]

    @property
    def name(self) -> str:
        """The trace id as people search for it."""
        return f"{self.trace_id:032x}"


class Traces:
    """Begins traces, and says which are sampled: those whose caller did, and of all others the share `ratio`.

    OpenTelemetry's ParentBased(TraceIdRatioBased), so that all who see one trace decide alike. Where `content` is
    asked for, answers of sampled requests are kept.
    """

    def __init__(self, random: random.Random, *, ratio: float = 1.0, content: bool = False) -> None:
        self._random = random
        self._bound = round(ratio * (_LOW_BITS + 1))
        self._content = content

    def begin(self, method: str, fields: Fields) -> Trace:
        """For a request that has just come."""
        bits = self._random.getrandbits
        parent = parent_of(fields) if TRACEPARENT in fields else None
        if parent is None:
            trace_id = bits(128) or 1
            trace = Trace(trace_id, 0, self._span_id(), trace_id & _LOW_BITS < self._bound, None, method)
        else:
            trace_id, parent_id = int(parent.trace_id, 16), int(parent.span_id, 16)
            trace = Trace(trace_id, parent_id, self._span_id(), parent.sampled, fields.get(TRACESTATE), method)
        if self._content and trace.sampled:
            trace.answer = bytearray()
        return trace

    def within(self, trace: Trace) -> Trace:
        """For what a request leaves behind to be done: a child of it, with ids of its own."""
        answer = None if trace.answer is None else bytearray()
        return Trace(trace.trace_id, trace.span_id, self._span_id(), trace.sampled, trace.state, "", answer)

    def _span_id(self) -> int:
        """With room above it for the attempts that are counted up from it."""
        return self._random.getrandbits(63) + 1
