"""What must be true of answers: of their text, thoughts, signatures, calls of functions, JSON of a schema."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tests.sim.answers import HEAD, TAIL, Answer, same_arguments, words_of
from tests.sim.counting import is_begun, is_whole
from tests.sim.evidence import Evidence
from tests.sim.history import End, Exchange, Heard
from tests.sim.scenario import Dialect
from tests.sim.turns import Call, Who


def no_word_is_lost_or_said_twice(evidence: Evidence) -> Iterator[str]:
    """Promise 17: whatever went wrong behind it, a client has the beginning of one answer; whole is whole."""
    for heard in _conversations(evidence):
        text, words = heard.text, words_of(heard.text)
        if heard.end is not End.OK:
            if text and not text.startswith(HEAD[:1]) and not is_begun(text):
                yield f"{heard.id} reads {text!r}"
            if text.startswith(HEAD[:1]) and not (HEAD.startswith(text) or (text.startswith(HEAD) and is_begun(words))):
                yield f"{heard.id} reads {text!r}"
        elif text.startswith(HEAD[:1]) and text != HEAD + words + TAIL:
            yield f"{heard.id} ends as if its JSON were whole: {text!r}"
        elif not is_whole(words) and (text or not heard.calls):
            yield f"{heard.id} ends as if it were whole: {text!r}"


def nothing_is_answered_that_nobody_said(evidence: Evidence) -> Iterator[str]:
    """Promise 17: what a client has are the first characters of what one provider has said, of each kind and in order.

    Where a second one has gone on with a text, that has its beginning from the first.
    """
    for heard in _conversations(evidence):
        said = evidence.sources_of(heard)
        if heard.end is End.OK:
            if not any(is_all(heard, exchange, said) for exchange in said if exchange.whole):
                yield f"{heard.id} has {_told(heard)}, nobody has said all of that"
        elif _has_anything(heard) and not any(_is_part(heard, exchange) for exchange in said):
            yield f"{heard.id} has {_told(heard)}, nobody has said that"


def what_is_asked_for_reaches_the_model(evidence: Evidence) -> Iterator[str]:
    """No dialect loses functions, the wish for thoughts or for JSON: who answers has been asked for them."""
    for heard in _conversations(evidence):
        if heard.end is not End.OK:
            continue
        for exchange in evidence.sources_of(heard):
            question, ask = exchange.question, heard.ask
            # OpenAI's chat completions do not show what a model thinks.
            may_think = exchange.provider != "openai" or ask.dialect is Dialect.RESPONSES
            thinks = ask.thinks and may_think
            if question.told[-1].who is Who.RESULT and not question.signatures:
                thinks = question.thinks  # amid a turn that was not begun so it may have to go without
            functions = bool(heard.body_sent.get("tools"))
            if question.must_not_call and any(entry.who is Who.CALL for entry in question.told):
                functions = bool(question.tools)  # whose calls are told has to be told of, as Anthropic has it
            wants = (functions, thinks, ask.structured)
            if wants != (bool(question.tools), question.thinks, question.structured):
                yield f"{heard.id} wants {wants}, {exchange.provider} was asked for {question}"


def signatures_come_back_whole(evidence: Evidence) -> Iterator[str]:
    """What a maker signed stands at the end of what the client gets, below whose it is where that is another's."""
    for heard in _conversations(evidence):
        signed = {exchange.answer.signature for exchange in evidence.sources_of(heard)} - {""}
        for signature in heard.signatures:
            if not signature.endswith((*signed, ":")):
                yield f"{heard.id} got the signature {signature!r}, there were {signed}"
        said = evidence.sources_of(heard)
        signs = {each.provider for each in said if each.whole and _is_signed(heard, each, said)} - {"deepseek"}
        told = any(signature.endswith(tuple(signed)) for signature in heard.signatures)
        if heard.end is End.OK and signs and not told:
            yield f"{heard.id} got no signature, there were {signed}"


def _conversations(evidence: Evidence) -> Iterator[Heard]:
    """Of one turn, answered at once; the others are judged in `checks_turns.py`."""
    for heard in evidence.all_heard:
        ask = heard.ask
        if not (ask.dialect is Dialect.EMBEDDINGS or ask.hires or ask.background):
            yield heard


def _told(heard: Heard) -> Answer:
    return Answer(heard.thought, "", heard.text, heard.calls)


def _has_anything(heard: Heard) -> bool:
    return bool(heard.thought or heard.text or heard.calls)


def is_all(heard: Heard, exchange: Exchange, said: Sequence[Exchange]) -> bool:
    """Who goes on with an answer may think anew: what its client has of thoughts is from whoever began it."""
    answer = exchange.answer
    begun = [each.answer.until(each.said).thought for each in said if each.said and not each.whole]
    return (
        heard.text == exchange.prefix + answer.text
        and heard.thought in (answer.thought, *begun)
        and len(heard.calls) == len(answer.calls)
        and all(map(_is_same, heard.calls, answer.calls))
    )


def _is_signed(heard: Heard, exchange: Exchange, said: Sequence[Exchange]) -> bool:
    """The client has its thought, which is signed."""
    answer = exchange.answer
    return bool(answer.signature) and heard.thought == answer.thought and is_all(heard, exchange, said)


def _is_part(heard: Heard, exchange: Exchange) -> bool:
    so_far = exchange.answer.until(exchange.said)
    *whole, last = heard.calls or (None,)
    calls = so_far.calls[: len(whole)]
    return (
        (exchange.prefix + so_far.text).startswith(heard.text)
        and so_far.thought.startswith(heard.thought)
        and all(map(_is_same, whole, calls))
        and (last is None or _is_begun(last, so_far.calls[len(whole)]))
    )


def _is_same(told: Call | None, said: Call) -> bool:
    return told is not None and told.name == said.name and same_arguments(told.arguments, said.arguments)


def _is_begun(told: Call, said: Call) -> bool:
    return told.name == said.name and (
        said.arguments.startswith(told.arguments) or same_arguments(told.arguments, said.arguments)
    )
