"""Chat completions: a provider's whole answer, read as the stream of one delta that it is."""

from __future__ import annotations

from typing import Final

import msgspec

from gateway.dialects.answer_events import Counted, Event, Started, assemble
from gateway.dialects.chat.answer_parts import AnswerParts
from gateway.dialects.chat.provider_shapes import Answer, said
from gateway.dialects.chat.usage import read_usage
from gateway.dialects.chat.words import is_failure
from gateway.dialects.conversation import Reply

_decoder: Final = msgspec.json.Decoder(Answer)


def decode(body: bytes, maker: str) -> Reply:
    """Raises ValueError where it is no answer, an error among them."""
    try:
        answer = _decoder.decode(body)
    except RecursionError as problem:
        raise ValueError("nested too deeply") from problem
    if said(answer.error):
        raise ValueError("an error in place of an answer")
    told: list[Event] = [Started(answer.model or "")]
    for index, choice in enumerate(answer.choices or []):
        word = choice.finish_reason or "stop"
        if is_failure(word):
            raise ValueError(f"the provider could not finish its answer: {word}")
        parts = AnswerParts(index, maker)
        if choice.message is not None:
            parts.take(choice.message, answer.id or "", told)
        parts.score(choice.logprobs, told)
        parts.end(word, told)
    usage = read_usage(answer.usage)
    if usage is not None:
        told.append(Counted(usage, answer.service_tier))
    reply = assemble(told)
    reply.service_tier = answer.service_tier
    return reply
