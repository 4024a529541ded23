"""What must be true of answers that take more than a turn or a request: tools that the gateway runs, conversations that
go on, responses in the background.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from tests.sim.answers import LOOKUP, Bill
from tests.sim.checks_answers import is_all
from tests.sim.evidence import Evidence
from tests.sim.history import End, Errand, Exchange, Heard, Work
from tests.sim.scenario import Dialect
from tests.sim.turns import SO_BE_IT, Call, Entry, Told, Who, answered, entry_of_call, entry_of_result, joined

Chain = tuple[Exchange, ...]
MOST_TURNS: Final = 5
PARAGRAPH: Final = "\n\n"
"""Between what two turns have said, where the dialect has one text for both."""


def models_know_the_conversation(evidence: Evidence) -> Iterator[str]:
    """Promise 17: a model is told all that was said before, by whomever, in order, and nothing else."""
    for heard in _talks(evidence):
        for exchange in evidence.by_request.get(heard.id, ()):
            question = exchange.question
            if question.earlier:
                if not _may_be_forgotten(evidence, heard):
                    yield f"{heard.id} goes on from {question.earlier}, which {exchange.provider} is asked for"
            elif not any(_chains(evidence, heard, exchange)):
                yield f"{heard.id}: {exchange.provider} was told {question.told}, and not {heard.told}"


def led_answers_are_whole(evidence: Evidence) -> Iterator[str]:
    """Promise 17: who has a tool run has what all turns said, whole or its beginning; usage is that of all of them."""
    for heard in _talks(evidence):
        if not heard.ask.hires or heard.ask.background:
            continue
        yield from _led(evidence, heard)


def tools_are_run_once(evidence: Evidence) -> Iterator[str]:
    """Promise 1: as often as models have called them, and never for a call that the client is to make."""
    for heard in _talks(evidence):
        called = sum(_lookups(exchange) for exchange in evidence.by_request.get(heard.id, ()) if exchange.whole)
        run = sum(not errand.unheard for errand in evidence.errands_of.get(heard.id, ()))
        if run > called or any(call.name == LOOKUP for call in heard.calls):
            yield f"{heard.id} called {called} times, {run} were run, {heard.calls} were handed on"


def every_turn_has_a_line(evidence: Evidence) -> Iterator[str]:
    """Promise 1: and so has the client's request; one that begins a response in the background has another for that."""
    lines = Counter(line["correlation_id"] for life in evidence.lives for line in life.requests())
    for heard in _talks(evidence):
        ask, told = heard.ask, lines[heard.id]
        if not (ask.hires or ask.background) or not told:
            continue
        began = ask.background and heard.id in evidence.works_of
        turns = [len(life.calls_of.get(heard.id, ())) for life in evidence.lives]
        least = 1 + began + (sum(turns) if ask.hires else 0)
        most = 1 + ask.background + (MOST_TURNS if ask.hires else 0)
        if not least <= told <= most:
            yield f"{heard.id} is told {told} times, {least} to {most} are due"


def signatures_go_to_their_makers(evidence: Evidence) -> Iterator[str]:
    """Promise 17: as they were signed; nobody gets another's."""
    for exchange in evidence.history.exchanges:
        for signature in exchange.question.signatures:
            if not signature.startswith(f"sig-{exchange.provider}-"):
                yield f"{exchange.request_id}: {exchange.provider} was sent the signature {signature!r}"


def background_work_ends_honestly(evidence: Evidence) -> Iterator[str]:
    """Promise 1: whole, or with the reason why not; it may be lost where a worker without a store ends."""
    for work in evidence.history.works:
        if work.ended_at is None:
            if not _is_lost(evidence, work):
                yield f"{work.heard.id} ({work.id}) has not ended: {work.status!r}"
            continue
        found = work.found
        assert found is not None, "it has ended"
        match work.status:
            case "completed":
                yield from _completed(evidence, work, found)
            case "cancelled" if work.heard.ask.cancels_after_s is None:
                yield f"{work.heard.id} is cancelled, which nobody wanted"
            case "failed" if not found.code:
                yield f"{work.heard.id} failed, and does not say why"


def responses_are_their_askers_own(evidence: Evidence) -> Iterator[str]:
    """Promise 9: nobody sees one that was made for another key."""
    for work in evidence.history.works:
        if work.seen_by_others:
            yield f"{work.heard.id} ({work.id}) was shown to another key"


def cancelled_work_stops(evidence: Evidence) -> Iterator[str]:
    """Promise 3: when who cancels is answered, nobody works for it any more."""
    for work in evidence.history.works:
        if work.unheeded and evidence.scenario.workers == 1:
            yield f"{work.heard.id} was cancelled, and goes on"
        if work.cancelled_at is None:
            continue
        for exchange in evidence.by_request.get(work.heard.id, ()):
            until = exchange.over_at if exchange.broken_at is None else exchange.broken_at
            if until is None or until > work.cancelled_at + evidence.slack_s:
                yield f"{work.heard.id} was cancelled at {work.cancelled_at:g}, {exchange.provider} went on to {until}"


# The conversation.


def _talks(evidence: Evidence) -> Iterator[Heard]:
    return (heard for heard in evidence.all_heard if heard.ask.dialect is not Dialect.EMBEDDINGS)


def _may_be_forgotten(evidence: Evidence, heard: Heard) -> bool:
    """Responses are gone with their worker where no store has them, and are not kept while that is in trouble."""
    return _has_been_replaced(evidence, heard) if not evidence.scenario.shared else bool(evidence.store_troubles)


def _has_been_replaced(evidence: Evidence, heard: Heard) -> bool:
    return sum(life.worker == heard.client.worker for life in evidence.lives) > 1


def _chains(evidence: Evidence, heard: Heard, last: Exchange) -> Iterator[Chain]:
    """The turns that led to one exchange, that included; none where it was told what is not so."""
    told = last.question.told
    begun = _begun(heard, told)
    if begun is not None:
        yield from _turns(evidence, heard, last, (), told[begun:])


def _begun(heard: Heard, told: Told) -> int | None:
    """How much of it came with the request; a response goes on from all turns of the one before, which its client
    knows by their texts alone.
    """
    size = len(heard.told)
    if told[:size] == heard.told:
        return size
    if heard.ask.goes_on and heard.ask.dialect is Dialect.RESPONSES:
        known = _known_to_clients(heard.told)
        for end in range(size, len(told) + 1):
            if told[end - 1] == heard.told[-1] and _known_to_clients(told[:end]) == known:
                return end
    return None


def _known_to_clients(told: Told) -> Told:
    return joined(
        entry
        for entry in told
        if entry.who in (Who.USER, Who.MODEL) or (entry.who is Who.RESULT and entry.text.startswith(SO_BE_IT))
    )


def _turns(evidence: Evidence, heard: Heard, last: Exchange, chain: Chain, rest: Told) -> Iterator[Chain]:
    if not rest:
        yield (*chain, last)
        return
    so_far = last.question.told[: len(last.question.told) - len(rest)]
    for exchange in evidence.by_request.get(heard.id, ()):
        said = _entries(exchange)
        results = rest[len(said) : len(said) + len(exchange.answer.calls)]
        if (
            exchange.whole
            and exchange.question.told == so_far
            and _lookups(exchange)
            and rest[: len(said)] == said
            and len(results) == len(exchange.answer.calls)
            and all(map(_Results(evidence, heard).fits, exchange.answer.calls, results))
        ):
            yield from _turns(evidence, heard, last, (*chain, exchange), rest[len(said) + len(results) :])


class _Results:
    """What calls were answered, for one request."""

    def __init__(self, evidence: Evidence, heard: Heard) -> None:
        self._errands: Sequence[Errand] = evidence.errands_of.get(heard.id, ())

    def fits(self, call: Call, result: Entry) -> bool:
        """The tool's own words, or an error; a function of the client's is put off."""
        _, name, arguments = call
        if result.who is not Who.RESULT:
            return False
        if name != LOOKUP:
            return "deferred" in json.loads(result.text)
        asked = entry_of_call(name, arguments)
        said = [each.result for each in self._errands if entry_of_call(name, each.arguments) == asked]
        return any(each is not None and entry_of_result(each) == result for each in said) or _is_error(result.text)


def _is_error(text: str) -> bool:
    try:
        return set(json.loads(text)["error"]) == {"code", "message", "param"}
    except (ValueError, KeyError, TypeError):
        return False


def _entries(exchange: Exchange) -> Told:
    return joined(answered(exchange.prefix + exchange.answer.text, exchange.answer.calls))


def _lookups(exchange: Exchange) -> int:
    return sum(call.name == LOOKUP for call in exchange.answer.calls)


# What comes of it.


def _led(evidence: Evidence, heard: Heard) -> Iterator[str]:
    said = evidence.by_request.get(heard.id, [])
    chains = [chain for exchange in said for chain in _chains(evidence, heard, exchange)]
    text = heard.text.replace(PARAGRAPH, "")
    if heard.end is not End.OK:
        if text and not any(_text_of(chain, cut=cut).startswith(text) for chain in chains for cut in (False, True)):
            yield f"{heard.id} has {heard.text!r}, nobody has said that"
        return
    whole = [chain for chain in chains if chain[-1].whole and _is_answer(heard, chain, text)]
    if not whole:
        yield f"{heard.id} has {heard.text!r} and {heard.calls}, nobody has said all of that"
    elif not any(exchange.prefix for exchange in said) and heard.usage not in [_bill_of(chain) for chain in whole]:
        yield f"{heard.id} is told {heard.usage}, all turns came to {[_bill_of(chain) for chain in whole]}"


def _is_answer(heard: Heard, chain: Chain, text: str) -> bool:
    own = [call for call in chain[-1].answer.calls if call.name != LOOKUP]
    return text == _text_of(chain) and [entry_of_call(name, arguments) for _, name, arguments in heard.calls] == [
        entry_of_call(name, arguments) for _, name, arguments in own
    ]


def _text_of(chain: Chain, *, cut: bool = False) -> str:
    """What all turns say; `cut`: of the last one only what has come."""
    texts = [exchange.prefix + exchange.answer.text for exchange in chain]
    if cut:
        texts[-1] = chain[-1].prefix + chain[-1].answer.until(chain[-1].said).text
    return "".join(texts)


def _bill_of(chain: Chain) -> Bill:
    return Bill(*map(sum, zip(*(exchange.bill for exchange in chain), strict=True)))


def _completed(evidence: Evidence, work: Work, found: Heard) -> Iterator[str]:
    heard = work.heard
    if heard.ask.hires:
        yield from _led(evidence, found)
        return
    said = evidence.by_request.get(heard.id, [])
    whole = [exchange for exchange in said if exchange.whole and is_all(found, exchange, said)]
    if not whole:
        yield f"{heard.id} is completed with {found.text!r} and {found.calls}, nobody has said all of that"
    elif not any(exchange.prefix for exchange in said) and found.usage not in [each.bill for each in whole]:
        yield f"{heard.id} is completed with {found.usage}, providers said {[each.bill for each in whole]}"
    if not found.text.startswith(heard.text):
        yield f"{heard.id} was told {heard.text!r} on the way, and {found.text!r} in the end"


def _is_lost(evidence: Evidence, work: Work) -> bool:
    """Nobody can know what became of it: its worker has ended, and no store was told."""
    return not evidence.scenario.shared and _has_been_replaced(evidence, work.heard)
