"""What the face tells of one request when it is over, and the times that can be read from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from actors.attempt import Attempt, Outcome
from actors.errors import Blame, Failure
from actors.letters import Call
from gateway.dialects.envelope import CallNotes, Usage, cost_of
from gateway.telemetry.trace_context import Trace


class RequestRecord(Protocol):
    """One request, from its arrival to its last byte; all times on the actors' clock."""

    @property
    def endpoint(self) -> str:
        """The path without its prefix: "chat/completions"."""
        ...

    @property
    def status(self) -> int: ...
    @property
    def stream(self) -> bool: ...
    @property
    def model(self) -> str:
        """As the client named it; "" where it named none."""
        ...

    @property
    def call(self) -> Call | None:
        """None where the request never got as far."""
        ...

    @property
    def request_id(self) -> str: ...
    @property
    def trace(self) -> Trace | None:
        """None where nobody traces."""
        ...

    @property
    def client(self) -> str:
        """The client key's label."""
        ...

    @property
    def cache(self) -> str | None:
        """hit, miss or joined; None where nobody asked the cache."""
        ...

    @property
    def started_at(self) -> float: ...
    @property
    def ended_at(self) -> float: ...
    @property
    def first_content_at(self) -> float | None: ...
    @property
    def outcome(self) -> str:
        """`ok`, `error` or `disconnected`."""
        ...

    @property
    def failure(self) -> Failure | None:
        """What an error was, where it was a Failure."""
        ...


class Times(msgspec.Struct, gc=False):
    """Seconds of one request; None where a phase was not reached."""

    total_s: float
    overhead_s: float
    """Everything but the time in which an upstream had the request: own work, queues and pauses between attempts."""
    queue_s: float | None
    """Of the attempt that answered: from its start until it had its turn."""
    connect_s: float | None
    first_token_s: float | None


def bill_of(attempts: Sequence[Attempt]) -> tuple[Usage | None, int | None]:
    """What all of them have used together, and what that costs in nano-USD.

    None where nobody knows, or none has used anything.
    """
    notes: CallNotes | None
    if len(attempts) == 1:
        notes = attempts[0].detail
        return (None, None) if notes is None else (notes.usage, notes.cost)
    total: Usage | None = None
    for attempt in attempts:
        notes = attempt.detail
        if notes is not None and notes.usage is not None:
            total = notes.usage if total is None else total + notes.usage
    return total, cost_of(attempts)


def answering(attempts: Sequence[Attempt]) -> Attempt | None:
    """The attempt whose answer the client got, else the last one; None where there was none."""
    if len(attempts) > 1:
        for attempt in reversed(attempts):
            if attempt.outcome is Outcome.OK or attempt.content_at is not None:
                return attempt
    return attempts[-1] if attempts else None


def times_of(record: RequestRecord, attempts: Sequence[Attempt], attempt: Attempt | None) -> Times:
    """The times of a request that is over with all its `attempts`, of which `attempt` answered it."""
    started_at, ended_at, first_content_at = record.started_at, record.ended_at, record.first_content_at
    total_s = ended_at - started_at
    first_token_s = None if first_content_at is None else first_content_at - started_at
    if attempt is None:
        return Times(total_s, total_s, None, None, first_token_s)
    notes: CallNotes | None = attempt.detail
    connect_s = None if notes is None else notes.connect_s
    sent_at, until = attempt.sent_at, attempt.ended_at
    if sent_at is None:
        return Times(total_s, total_s - _upstream_s(attempts, ended_at), None, connect_s, first_token_s)
    since = sent_at - connect_s if connect_s else sent_at
    if len(attempts) == 1 and until is not None and since < until <= ended_at:  # as nearly always: nothing overlaps
        overhead_s = total_s - (until - since)
    else:
        overhead_s = total_s - _upstream_s(attempts, ended_at)
    return Times(total_s, overhead_s, since - attempt.began_at, connect_s, first_token_s)


def _upstream_s(attempts: Sequence[Attempt], ended_at: float) -> float:
    """How long at least one upstream was busy with the request; hedges overlap and count once."""
    upstream_s = 0.0
    covered_until = float("-inf")
    for attempt in attempts:
        since = upstream_since(attempt)
        if since is None:
            continue
        until = attempt.ended_at
        if until is None or until > ended_at:
            until = ended_at
        if since < covered_until:
            since = covered_until
        if until > since:
            upstream_s += until - since
            covered_until = until
    return upstream_s


def upstream_since(attempt: Attempt) -> float | None:
    """When `attempt` turned to its upstream: connecting counts, waiting for a turn does not."""
    if attempt.sent_at is not None:
        notes: CallNotes | None = attempt.detail
        return attempt.sent_at if notes is None else attempt.sent_at - (notes.connect_s or 0.0)
    if attempt.failure is not None and attempt.failure.blame is Blame.HOST:
        return attempt.began_at  # it never got a connection, and nobody noted when it began to try
    return None
