"""Answers from the cache, and identical requests in flight that are asked once; nothing of it is there where it is off.

A hit counts against the client's requests and costs nothing; the models hear nothing of it. Who finds its question
under way reads along for as long as it may wait itself: the first one's leaving stops nothing for the others.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

import msgspec
import trio

from actors.errors import Failure
from actors.letters import Call, Candidate
from gateway.dialects.envelope import CallNotes
from gateway.exchange import Answer, Headers, Request
from gateway.face.api import Reporting
from gateway.face.cache_rules import CacheRules, Wish, key_of, wish_of
from gateway.face.errors import RenderError
from gateway.face.flight import Flight, Passenger
from gateway.face.flights import Flights
from gateway.face.ingress import Ingress
from gateway.face.kept_answers import HIT, MISS, CopiedBody, KeptAnswer, KeptAnswers, for_others, told_again
from gateway.face.provenance import COST, answered_by
from gateway.face.rate_limit_headers import told_by_us
from gateway.face.record import RequestRecord
from gateway.face.router import Router
from gateway.telemetry.record import answering

FILTERED: Final = "content_filter"
OK: Final = 200

Ask = Callable[[RequestRecord, Call], Awaitable[Answer]]
"""Asks the models. Raises Failure."""


class Terms(Protocol):
    """Whom a question would be put to, and how long its answer may take, whatever its client allows."""

    @property
    def candidates(self) -> Sequence[Candidate]: ...
    @property
    def total_s(self) -> float: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One that the cache may answer."""

    record: RequestRecord
    call: Call
    owner: str
    key: str
    wish: Wish
    total_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Caching:
    """What the endpoints answer from."""

    rules: CacheRules
    answers: KeptAnswers
    flights: Flights
    router: Router
    ingress: Ingress
    reporting: Reporting

    def question(
        self, request: Request, record: RequestRecord, call: Call, terms: Terms, owner: str
    ) -> Question | None:
        """None for one that the cache has nothing to do with."""
        wish = wish_of(request)
        if not (wish.reads or wish.keeps) or not self.rules.covers(call):
            return None
        key = key_of(call, call.candidates or terms.candidates, owner)
        return Question(record=record, call=call, owner=owner, key=key, wish=wish, total_s=terms.total_s)

    async def answer(self, question: Question, ask: Ask, render_break: RenderError) -> Answer:
        """Raises what `ask` raises, and RateLimited."""
        call, record, clock = question.call, question.record, self.reporting.clock
        if question.wish.reads and (kept := await self._find(question)) is not None:
            self._charge(question, "hit")
            return self._told(question, told_again(kept, record, clock))
        if not (self.rules.joins and self.flights.runs and question.wish.reads):
            record.cache = "miss"
            return await self._kept_on_its_way(question, await ask(record, call))
        deadline = call.deadline
        flight = self.flights.find(question.key)
        if flight is None:
            flight = self._start(question, ask)
            try:
                answer = await Passenger(flight, record, deadline, clock, render_break).answer(_leaders)
            except Failure:
                if flight.ended:
                    record.call = call  # whose limits are told
                raise
            return _window_told(question, answer)
        self._charge(question, "joined")
        return self._told(question, await self._read_along(question, flight, render_break))

    async def _find(self, question: Question) -> KeptAnswer | None:
        held = self.ingress.hold(question.call.size_bytes, 0)
        try:
            return await self.answers.find(question.key, question.owner)
        finally:
            self.ingress.let_go(held)

    async def _read_along(self, question: Question, flight: Flight, render_break: RenderError) -> Answer:
        held = self.ingress.hold(question.call.size_bytes, 0)
        try:
            call, record = question.call, question.record
            passenger = Passenger(flight, record, call.deadline, self.reporting.clock, render_break)
            return await passenger.answer(_followers)
        finally:
            self.ingress.let_go(held)

    def _charge(self, question: Question, how: str) -> None:
        """It is one of the client's requests like any other. Raises RateLimited."""
        self.router.charge(question.call)
        question.record.cache = how

    def _told(self, question: Question, answer: Answer) -> Answer:
        """An answer of another time, or to another request, with what this client is told of its own."""
        account = question.call.account
        if account is not None:
            answer.headers = told_by_us(answer.headers, account.standings(self.reporting.clock()))
        return _window_told(question, answer)

    def _start(self, question: Question, ask: Ask) -> Flight:
        """The flight's record is the request's: it tells of the call, also when the client that began it has gone."""
        record, call = question.record, question.call
        own = msgspec.structs.replace(record, cache="miss")
        call.deadline = record.started_at + question.total_s
        flight = self.flights.start(
            question.key, partial(ask, own, call), partial(self._keep, question), own, self.reporting.clock
        )
        record.call, record.on_finished = None, _untold
        return flight

    async def _kept_on_its_way(self, question: Question, answer: Answer) -> Answer:
        if question.wish.keeps:
            body, headers = answer.body, [*answer.headers]
            if isinstance(body, bytes):
                await self._keep(question, answer, body)
            else:
                of_stream = Answer(answer.status, headers, body)
                keep = partial(self._keep, question, of_stream)
                answer.body = CopiedBody(body, question.record, self.answers.max_entry_bytes, keep)
        answer.headers = _leaders(answer.headers)
        return answer

    async def _keep(self, question: Question, answer: Answer, whole: bytes) -> None:
        """Only what is an answer like any other: not what a filter has taken away."""
        attempt = answering(question.call.attempts)
        notes: CallNotes | None = None if attempt is None else attempt.detail
        if answer.status == OK and notes is not None and notes.finish_reason != FILTERED:
            streamed = not isinstance(answer.body, bytes)
            kept = KeptAnswer(streamed, for_others(answer.headers), whole)
            with trio.CancelScope(deadline=question.call.deadline):  # the store is told, and its answer not waited for
                await self.answers.keep(question.key, question.owner, kept)


def _window_told(question: Question, answer: Answer) -> Answer:
    """The client hears of the context window of whoever has answered."""
    candidate = answered_by(answer.headers, question.call.candidates or ())
    if candidate is not None:
        question.record.tell_context(candidate)
    return answer


def _leaders(headers: Headers) -> Headers:
    return [*headers, MISS]


def _followers(headers: Headers) -> Headers:
    return [*for_others(headers), HIT, (COST, b"0")]


def _untold(record: RequestRecord) -> None:
    """The flight's own record tells of it."""
