"""The one log line that every request has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from actors.attempt import Attempt
from gateway.money import NANO
from gateway.telemetry.kinds import kind_of
from gateway.telemetry.logs import MAX_TEXT, rounded
from gateway.telemetry.record import RequestRecord, Times, bill_of


class RequestLine(msgspec.Struct, gc=False):
    """The line of a request, after level, time, logger and event."""

    correlation_id: str
    endpoint: str
    status: int
    outcome: str
    error: str | None
    provider: str | None
    model: str
    attempts: int
    operation: str | None
    """Why the attempt that answered was started: first, retry, fallback, hedge, resume or rotate."""
    stream: bool
    prompt_tokens: int | None
    """Tokens and cost are those of all attempts, as they are billed: a hedge's loser and an answer that was cut too."""
    completion_tokens: int | None
    cached_tokens: int | None
    reasoning_tokens: int | None
    cost_usd: float | None
    """Null where a price is not known."""
    queue_s: float | None
    connect_s: float | None
    first_token_s: float | None
    total_s: float
    overhead_s: float
    client: str
    trace_id: str | msgspec.UnsetType = msgspec.UNSET
    """Where there is a trace to look at."""
    cache: str | msgspec.UnsetType = msgspec.UNSET
    """hit, miss or joined, where the cache was asked."""


class _Unknown(NamedTuple):
    """Tokens that nobody has counted."""

    prompt: None = None
    completion: None = None
    cached: None = None
    reasoning: None = None


_UNKNOWN: Final = _Unknown()


def line_of(
    record: RequestRecord,
    attempts: Sequence[Attempt],
    answered_by: Attempt | None,
    times: Times,
) -> RequestLine:
    """Of a request that is over with all its `attempts`."""
    usage, cost = bill_of(attempts)
    tokens = usage or _UNKNOWN
    failure = record.failure
    candidate = None if answered_by is None else answered_by.candidate
    # By position: names would cost as much as all the rest.
    return RequestLine(
        record.request_id[:MAX_TEXT],
        record.endpoint,
        record.status,
        record.outcome,
        None if failure is None else kind_of(failure),
        None if candidate is None else candidate.provider,
        (record.model if candidate is None else candidate.model)[:MAX_TEXT],
        len(attempts),
        None if answered_by is None else answered_by.operation,
        record.stream,
        tokens.prompt,
        tokens.completion,
        tokens.cached,
        tokens.reasoning,
        None if cost is None else cost / NANO,
        times.queue_s and rounded(times.queue_s),
        times.connect_s and rounded(times.connect_s),  # mostly 0.0: the connection was there
        times.first_token_s and rounded(times.first_token_s),
        rounded(times.total_s),
        rounded(times.overhead_s),
        record.client,
        msgspec.UNSET if record.trace is None or not record.trace.sampled else record.trace.name,
        msgspec.UNSET if record.cache is None else record.cache,
    )
