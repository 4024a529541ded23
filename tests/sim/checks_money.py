"""What must be true of a run in money: an answer costs what its provider's prices make of it, and no sum loses it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

from actors.attempt import Attempt, Outcome
from gateway.dialects.envelope import CallNotes
from tests.sim.answers import Bill
from tests.sim.evidence import Evidence, Life, request_id
from tests.sim.history import End
from tests.sim.money import TAGS, Sums, nano_of_header

NOTHING: Final[Mapping[Any, int]] = {}


def answers_cost_what_they_used(evidence: Evidence) -> Iterator[str]:
    """To the nano-USD, cached and thought tokens at their own rates; what was never sent costs nothing."""
    for life in evidence.lives:
        for attempt in life.attempts:
            cost = _cost(attempt)
            exchange = evidence.exchange_of(attempt)
            if attempt.sent_at is None and cost:
                yield f"{request_id(attempt)} was not sent and costs {cost}"
            if attempt.outcome is Outcome.OK and exchange is not None:
                due = TAGS[exchange.provider, exchange.model].nano_usd(exchange.bill)
                if cost != due:
                    yield f"{request_id(attempt)} costs {cost}, by its bill {due}"


def what_was_broken_off_is_charged_fairly(evidence: Evidence) -> Iterator[str]:
    """Refusals are free; else the prompt and what came, or what the provider may say of it, and no more."""
    for life in evidence.lives:
        for attempt in life.attempts:
            exchange = evidence.exchange_of(attempt)
            if attempt.outcome is Outcome.OK or attempt.sent_at is None:
                continue
            cost = _cost(attempt)
            guessed = attempt.call.payload.prompt_tokens
            bill = Bill(0, 0) if exchange is None else exchange.bill
            came = 0 if exchange is None else exchange.said
            tag = TAGS[attempt.candidate.provider, attempt.candidate.model]
            most = tag.nano_usd(Bill(max(guessed, bill.prompt), max(came, bill.completion)))
            if cost > most + tag.reasoning * bill.reasoning // 1000 + 1:
                yield f"{request_id(attempt)} costs {cost}, at the most {most} came"
            least = tag.nano_usd(Bill(min(guessed, bill.prompt), 0, min(guessed, bill.cached)))
            if attempt.content_at is not None and cost < least:
                yield f"{request_id(attempt)} costs {cost}, {least} at the least came"


def no_sum_loses_any(evidence: Evidence) -> Iterator[str]:
    """Each worker's figures, the books of a worker without a store, and those in the store say what attempts cost."""
    everybody = Sums()
    for life in evidence.lives:
        due = _due(life)
        everybody += due
        yield from _differences(f"the metrics of worker {life.worker}", life.metered, _by_model(due))
        if not evidence.scenario.shared:
            yield from _differences(f"the books of worker {life.worker}", life.books, due)
    if evidence.scenario.shared:
        rows, by_key = evidence.in_store, Counter[str]()
        for (client, _, _), amount in rows.items():
            by_key[client] += amount
        yield from _differences("the day's sums in the store", evidence.days_in_store, by_key)
        yield from _differences("the store", rows, everybody, may_lack=_untold(evidence))


def clients_are_told_the_cost(evidence: Evidence) -> Iterator[str]:
    """A whole answer says what it and all that was asked before it cost; a stream's head does not know yet."""
    heard_by_id = {heard.id: heard for heard in evidence.all_heard if heard.end is End.OK}
    for life in evidence.lives:
        for request, calls in life.calls_of.items():
            heard, attempts = heard_by_id.get(request), [attempt for call in calls for attempt in call]
            if heard is None or heard.ask.streamed or heard.ask.background:
                continue
            if any(attempt.outcome is Outcome.SUPERSEDED for attempt in attempts):
                continue  # what a loser costs is known once it has ended, which may be after the answer
            told, due = heard.fields.get("x-gateway-cost-usd"), sum(map(_cost, attempts))
            if told is None or nano_of_header(told) != due:
                yield f"{heard.id} is told of {told} USD, it cost {due} nano-USD"


def hard_budgets_are_kept(evidence: Evidence) -> Iterator[str]:
    """For whoever has spent one nobody is asked any more, by any worker; who has none is never refused for it."""
    budgets = evidence.hard_budgets
    for heard in evidence.all_heard:
        if heard.code == "insufficient_quota" and heard.client.key == "sk-team-a":
            yield f"{heard.id} has no budget and is refused for it"
    for client, limit in budgets.items():
        attempts = [attempt for life in evidence.lives for attempt in life.attempts if attempt.call.client == client]
        # Without a store each worker keeps to its own part, and what one has spent ends with it.
        for group in [attempts] if evidence.scenario.shared else _by_life(evidence, client):
            share = limit if evidence.scenario.shared else limit // evidence.scenario.workers
            ends = sorted((attempt.ended_at or 0.0, _cost(attempt)) for attempt in group)
            for attempt in group:
                before = sum(cost for at, cost in ends if at < attempt.call.arrived_at)
                if attempt.sent_at is not None and before > share:
                    yield f"{request_id(attempt)} was asked for {client}, who had spent {before} of {share}"


def holds_are_let_go(evidence: Evidence) -> Iterator[str]:
    """When all is over nothing is held of a budget any more, as far as the store could be told."""
    if all(map(evidence.could_give_back, evidence.lives)):
        for client, held in evidence.held_in_store.items():
            if held:
                yield f"{held} nano-USD of {client}'s budget are held for nobody"


def _untold(evidence: Evidence) -> Sums:
    """What workers could not tell before they ended, or not hear that they had."""
    untold = Sums()
    for life in evidence.lives:
        if not evidence.could_give_back(life):
            untold += life.books
    return untold


def _by_life(evidence: Evidence, client: str) -> list[list[Attempt]]:
    return [[each for each in life.attempts if each.call.client == client] for life in evidence.lives]


def _cost(attempt: Attempt) -> int:
    return attempt.detail.cost or 0 if isinstance(attempt.detail, CallNotes) else 0


def _due(life: Life) -> Sums:
    due = Sums()
    for attempt in life.attempts:
        if cost := _cost(attempt):
            due[attempt.call.client, attempt.candidate.provider, attempt.candidate.model] += cost
    return due


def _by_model(sums: Sums) -> Counter[tuple[str, str]]:
    models: Counter[tuple[str, str]] = Counter()
    for (_, provider, model), amount in sums.items():
        models[provider, model] += amount
    return models


def _differences(
    what: str, told: Mapping[Any, int], due: Mapping[Any, int], *, may_lack: Mapping[Any, int] = NOTHING
) -> Iterator[str]:
    for place in {**told, **due}:
        says, should = told.get(place, 0), due.get(place, 0)
        if not should - may_lack.get(place, 0) <= says <= should:
            yield f"{what} has {says} nano-USD for {place}, {should} were spent"
