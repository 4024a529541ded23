"""GET /admin/requests: what is in flight, the oldest first. DELETE is an order (order_desk.py)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

import msgspec

from actors.attempt import Attempt
from actors.letters import Call, Clock
from gateway.admin.asking import json_answer
from gateway.dialects.envelope import ModelRequest
from gateway.exchange import Answer, Request

MOST: Final = 1000
"""Requests that one worker shows."""
MAX_TEXT: Final = 200
"""Characters of what a client chose."""


class AttemptRow(msgspec.Struct):
    number: int
    operation: str
    provider: str
    model: str
    stage: str
    age_s: float
    outcome: str | None
    """None while it is under way."""


class RequestRow(msgspec.Struct):
    id: str
    """Ours; it names the worker."""
    request_id: str
    """What correlates it with others: the client's choice, else `id`."""
    worker: str
    endpoint: str
    model: str
    """As the client named it."""
    provider: str | None
    """Who is at it, or was last."""
    stage: str
    client: str
    """The client key's label."""
    priority: str
    stream: bool
    age_s: float
    deadline_in_s: float
    attempts: list[AttemptRow]


class RequestsPage(msgspec.Struct):
    requests: list[RequestRow]
    total: int
    """How many there are, shown or not."""
    absent: list[str] | msgspec.UnsetType = msgspec.UNSET


CallsNow = Callable[[], Sequence[Call]]
AskSiblings = Callable[[], Awaitable[Mapping[str, bytes | None]]]


class InFlight(msgspec.Struct, frozen=True):
    """One worker's view of its calls."""

    calls: CallsNow
    clock: Clock
    worker: str

    def page(self, most: int = MOST) -> RequestsPage:
        now, calls = self.clock(), self.calls()
        return RequestsPage([_row(call, self.worker, now) for call in calls[:most]], len(calls))


class RequestsEndpoint:
    """The handler."""

    def __init__(self, in_flight: InFlight, ask_siblings: AskSiblings | None = None) -> None:
        self._in_flight = in_flight
        self._ask_siblings = ask_siblings
        self._decode = msgspec.json.Decoder(RequestsPage).decode

    async def show(self, _request: Request) -> Answer:
        page = self._in_flight.page()
        if self._ask_siblings is not None:
            said = await self._ask_siblings()
            page.absent = [worker for worker, text in said.items() if text is None]
            for theirs in (self._decode(text) for text in said.values() if text is not None):
                page.requests += theirs.requests
                page.total += theirs.total
            page.requests.sort(key=lambda row: -row.age_s)
        return json_answer(page)


def _row(call: Call, worker: str, now: float) -> RequestRow:
    request = call.payload if isinstance(call.payload, ModelRequest) else None
    last = call.attempts[-1] if call.attempts else None
    live = [attempt for attempt in call.attempts if attempt.outcome is None]
    return RequestRow(
        id=call.id,
        request_id=call.id if request is None else request.request_id[:MAX_TEXT],
        worker=worker,
        endpoint="" if request is None else request.endpoint,
        model=call.model[:MAX_TEXT],
        provider=None if last is None else (live or [last])[0].candidate.provider,
        stage=live[0].stage.value if live else "backing_off" if last is not None else "queued",
        client=call.client,
        priority=call.priority.name.lower(),
        stream=call.relay is not None,
        age_s=now - call.arrived_at,
        deadline_in_s=call.deadline - now,
        attempts=[_attempt_row(attempt, now) for attempt in call.attempts],
    )


def _attempt_row(attempt: Attempt, now: float) -> AttemptRow:
    return AttemptRow(
        number=attempt.number,
        operation=attempt.operation,
        provider=attempt.candidate.provider,
        model=attempt.candidate.model[:MAX_TEXT],
        stage=attempt.stage.value,
        age_s=(now if attempt.ended_at is None else attempt.ended_at) - attempt.began_at,
        outcome=None if attempt.outcome is None else attempt.outcome.value,
    )
