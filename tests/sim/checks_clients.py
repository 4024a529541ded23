"""What must be true of a run for its clients, and between clients and providers."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from actors.attempt import Outcome
from actors.policy.breaker import BreakerSettings
from tests.sim.answers import Bill
from tests.sim.evidence import Evidence
from tests.sim.history import End, Errand, Exchange, Heard
from tests.sim.scenario import CALM_AT, Blow, Temper
from tests.sim.town import CLIENT_KEYS, PROVIDER_KEYS

LIVELY_S = 10.0
BREAKER = BreakerSettings()
LONGEST_OPEN_S = BREAKER.open_max_s * (1 + BREAKER.jitter) + 1.0
"""And a second, in which it is asked again."""
SAMPLE_S = 0.25
"""How old a figure of memory may be."""
PLANNED = (Temper.PATIENT, Temper.IMPATIENT)
"""Who reads at once and asks one thing at a time: their times are the gateway's own."""

NOT_SUPPORTED = (b"501", b"505")
"""A method or a version that nobody knows: the client's mistake, however it is numbered."""


def every_request_has_one_line(evidence: Evidence) -> Iterator[str]:
    """Promise 1: what was asked and not refused a connection is told in exactly one line, by exactly one gateway."""
    told = Counter(line["correlation_id"] for life in evidence.lives for line in life.requests())
    own = {heard.id for heard in evidence.all_heard if heard.ask.hires or heard.ask.background}
    for request, times in told.items():
        if times != 1 and request not in own:  # theirs are counted in `checks_turns.py`
            yield f"{request} is told {times} times"
    for heard in evidence.all_heard:
        if (heard.end in (End.OK, End.ERROR) or heard.id in evidence.by_request) and heard.id not in told:
            yield f"{heard.id} is not told"


def client_and_line_agree(evidence: Evidence) -> Iterator[str]:
    """Promise 1: the outcome that is told is the outcome that its client had."""
    lines = {line["correlation_id"]: line for life in evidence.lives for line in life.requests()}
    for heard in evidence.all_heard:
        line = lines.get(heard.id)
        if line is None or heard.ask.hires or heard.ask.background:
            continue  # several lines (`checks_turns.py`)
        if line.get("cache") == "miss" and len(evidence.same_as(heard)) > 1 and heard.end is not End.OK:
            continue  # it tells of the call, which others may have read to its end
        if heard.end is End.OK and (line["outcome"], line["status"]) != ("ok", 200):
            yield f"{heard.id} has a whole answer, and the line says {line['outcome']} {line['status']}"
        if heard.end is End.ERROR and (line["outcome"], line["status"]) != ("error", heard.status):
            yield f"{heard.id} has the error {heard.status}, and the line says {line['outcome']} {line['status']}"
        if heard.end is End.CUT and heard.client.temper in PLANNED and line["outcome"] != "error":
            yield f"{heard.id} was cut at {heard.ended_at:g}, and the line says {line['outcome']} {line['status']}"


def everybody_is_answered(evidence: Evidence) -> Iterator[str]:
    """Promise 1: who sends a request and stays gets an answer, but for those whom the end of a drain's grace cuts."""
    cut = _ends_of_grace(evidence)
    told = {line["correlation_id"] for life in evidence.lives for line in life.requests()}
    for heard in evidence.all_heard:
        slow = heard.client.temper is Temper.SLOW
        if heard.end is End.OPEN:
            yield f"{heard.id} still waits"
        turned_away = heard.id not in told and _was_turned_away(evidence, heard)
        planned = turned_away or any(abs(heard.ended_at - at) < evidence.slack_s for at in cut)
        if evidence.scenario.engine == "hypercorn" and heard.id not in told:
            continue  # it closes a connection whose last request it has not read whole, and does not say so before
        if heard.end is End.CUT and not slow and not planned:
            yield f"{heard.id} was cut at {heard.ended_at:g}"


def _ends_of_grace(evidence: Evidence) -> list[float]:
    """When what had not ended yet was cut."""
    grace_s = evidence.scenario.drain_grace_s
    return [life.drained_at + grace_s for life in evidence.lives if life.drained_at is not None]


def _was_turned_away(evidence: Evidence, heard: Heard) -> bool:
    """Its worker had been told to stop, and had not taken it up: what waits on a connection then is closed with it."""
    return any(
        life.worker == heard.client.worker and life.drained_at is not None and life.drained_at <= heard.ended_at
        for life in evidence.lives
    )


def deadlines_are_kept(evidence: Evidence) -> Iterator[str]:
    """Promise 4: to the very second, for whoever reads what comes."""
    total_s = evidence.scenario.timeouts.total_s
    for heard in evidence.all_heard:
        if heard.client.temper not in PLANNED or not heard.sent or heard.ask.background:
            continue
        limit_s = min(total_s, heard.ask.timeout_s or total_s)
        took_s = heard.ended_at - max(heard.asked_at, _ready_at(evidence, heard))
        if took_s > limit_s + evidence.slack_s:
            yield f"{heard.id} took {took_s:g} s of {limit_s:g}"


def _ready_at(evidence: Evidence, heard: Heard) -> float:
    """When the gateway that it asked had begun: its successor's connections are made before that."""
    lives = [life for life in evidence.lives if life.worker == heard.client.worker and life.began_at <= heard.asked_at]
    return lives[-1].ready_at


def providers_are_left_with_their_clients(evidence: Evidence) -> Iterator[str]:
    """Promise 3: a client that goes away takes its requests at providers with it, in the same moment."""
    for heard in evidence.all_heard:
        if heard.end is not End.LEFT or heard.client.temper is Temper.PIPELINING or heard.ask.background:
            continue
        for asked in _asked_for(evidence, heard):
            until = asked.over_at if asked.broken_at is None else asked.broken_at
            if until is None or until > evidence.wanted_until(heard, until) + evidence.slack_s:
                yield f"{heard.id} left at {heard.ended_at:g}, {_name(asked)} was asked until {until}"


def no_provider_is_left_asked(evidence: Evidence) -> Iterator[str]:
    """Promise 5: when a request is over, nobody works for it any more."""
    for heard in evidence.all_heard:
        if heard.end not in (End.OK, End.ERROR) or heard.client.temper not in PLANNED or heard.ask.background:
            continue
        for asked in _asked_for(evidence, heard):
            until = asked.over_at if asked.broken_at is None else asked.broken_at
            if until is None or until > evidence.wanted_until(heard, until) + evidence.slack_s:
                yield f"{heard.id} ended at {heard.ended_at:g}, {_name(asked)} worked until {until}"


def _asked_for(evidence: Evidence, heard: Heard) -> list[Exchange | Errand]:
    """Providers, and the gateway's tool."""
    return [*evidence.by_request.get(heard.id, ()), *evidence.errands_of.get(heard.id, ())]


def _name(asked: Exchange | Errand) -> str:
    return asked.provider if isinstance(asked, Exchange) else "the tool"


def usage_is_what_providers_said(evidence: Evidence) -> Iterator[str]:
    """The client's usage is that of the one provider that answered; what was begun before is its completion too."""
    for heard in evidence.all_heard:
        if heard.end is not End.OK or heard.ask.hires or heard.ask.background:
            continue  # the sum of several turns; not there yet (`checks_turns.py`)
        whole = [exchange for exchange in evidence.sources_of(heard) if exchange.whole]
        if not any(_is_told(heard.usage, exchange) for exchange in whole):
            yield f"{heard.id} is told {heard.usage}, providers said {[tuple(each.bill) for each in whole]}"


def _is_told(usage: Bill | None, exchange: Exchange) -> bool:
    bill = exchange.bill
    if usage is None or not exchange.prefix:
        return usage == bill
    return usage.total == bill.total and usage.completion > bill.completion


def hostile_bytes_are_refused(evidence: Evidence) -> Iterator[str]:
    """Promise 9: who sends no HTTP gets a refusal or nothing, and above all no answer."""
    is_short = any(fault.blow is Blow.MEMORY for fault in evidence.scenario.faults)
    for got in evidence.history.hostile:
        if is_short and got.startswith(b"HTTP/1.1 503 ") and b'"code":"memory_pressure"' in got:
            continue  # a body is not read then, be it what it may
        status = got[9:12]
        if got and (not got.startswith(b"HTTP/1.") or (status[:1] != b"4" and status not in NOT_SUPPORTED)):
            yield f"no HTTP is answered with {got[:60]!r}"


def the_store_is_no_excuse(evidence: Evidence) -> Iterator[str]:
    """Promise 16: a store that fails is no reason to refuse a request, but for a hard budget and what is stored."""
    for heard in evidence.all_heard:
        needs_it = heard.ask.goes_on or heard.ask.background or CLIENT_KEYS[heard.client.key] in evidence.hard_budgets
        if heard.code == "store_unavailable" and not needs_it:
            yield f"{heard.id} got {heard.status} {heard.code}"


def memory_refuses_only_while_it_is_short(evidence: Evidence) -> Iterator[str]:
    """Promise 19: 503 memory_pressure comes from a worker that is short of memory, and ends with that."""
    spells = [fault for fault in evidence.scenario.faults if fault.blow is Blow.MEMORY]
    for heard in evidence.all_heard:
        if heard.code == "memory_pressure" and not any(
            fault.at <= heard.ended_at and heard.asked_at <= fault.until + SAMPLE_S for fault in spells
        ):
            yield f"{heard.id} was refused at {heard.ended_at:g}"


def no_secret_comes_out(evidence: Evidence) -> Iterator[str]:
    """A provider's key is never in what a client gets."""
    for heard in evidence.all_heard:
        text = heard.body.decode("utf-8", "replace") + str(heard.fields)
        yield from (f"{heard.id} has seen {key}" for key in PROVIDER_KEYS if key in text)


def attempts_are_counted(evidence: Evidence) -> Iterator[str]:
    """What `x-gateway-attempts` says is how often providers were tried."""
    by_id = {heard.id: heard for heard in evidence.all_heard if heard.end is End.OK and not heard.ask.background}
    for life in evidence.lives:
        for request, calls in life.calls_of.items():
            heard, attempts = by_id.get(request), calls[-1]
            if heard is not None and not heard.ask.streamed:
                told = heard.fields.get("x-gateway-attempts")
                if told != str(len(attempts)):
                    yield f"{heard.id} is told of {told} attempts, there were {len(attempts)}"


def who_answers_is_named(evidence: Evidence) -> Iterator[str]:
    """`x-gateway-provider` and `-model` name who has answered, of a stream who has begun to."""
    by_id = {heard.id: heard for heard in evidence.all_heard if heard.end is End.OK}
    for life in evidence.lives:
        for request, calls in life.calls_of.items():
            heard = by_id.get(request)
            if heard is None or heard.ask.background or heard.ask.hires:
                continue
            begun = [attempt for attempt in calls[-1] if attempt.content_at is not None]
            first = [min(begun, key=lambda attempt: attempt.content_at or 0.0)] if begun else []
            (answered,) = first or [attempt for attempt in calls[-1] if attempt.outcome is Outcome.OK]
            told = heard.fields.get("x-gateway-provider"), heard.fields.get("x-gateway-model")
            if told != (answered.candidate.provider, answered.candidate.model):
                yield f"{heard.id} is told of {told}, {answered.candidate.provider} has answered"


def all_is_well_soon_after(evidence: Evidence) -> Iterator[str]:
    """Liveness: every worker answers for every provider 10 s after the last fault; no model is left out.

    One whose breaker has opened is tried again when that is over, and a limit lets one request through at a time.
    """
    scenario = evidence.scenario
    probes: dict[int, list[Heard]] = defaultdict(list)
    for heard in evidence.history.probes:
        probes[heard.client.number // 1000].append(heard)
    for several in probes.values():
        codes = {heard.code for heard in several}
        limit_s = LONGEST_OPEN_S if "provider_unavailable" in codes else LIVELY_S
        if "rate_limit_exceeded" in codes and scenario.requests_per_minute:
            limit_s += scenario.workers * 60.0 / scenario.requests_per_minute
        last = several[-1]
        if last.end is not End.OK or last.asked_at - CALM_AT > limit_s:
            yield f"{last.ask.model} at worker {last.client.worker} at {last.asked_at:g}: {last.status} {last.code}"
