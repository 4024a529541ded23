"""Chat completions: a provider's streamed answer as events.

Settled here: comment lines, chunks without choices (Azure's first), usage in a chunk of its own or beside the finish,
the finish that comes twice, errors in place of chunks, a `[DONE]` that does not come.
"""

from __future__ import annotations

from typing import Final

import msgspec

from gateway.dialects.answer_events import Counted, Event, Started
from gateway.dialects.chat.answer_parts import AnswerParts
from gateway.dialects.chat.provider_shapes import NULL, Chunk, ChunkChoice, said
from gateway.dialects.chat.usage import read_usage
from gateway.dialects.chat.words import is_failure
from gateway.dialects.envelope import Usage
from gateway.dialects.openai_errors import envelop
from gateway.dialects.openai_stream import UNFINISHED
from gateway.dialects.sse import SseSplitter
from gateway.errors import UpstreamBroken

_VITAL: Final = b'"choices"'
"""What stands in a chunk that the answer cannot do without."""

_decode_chunk: Final = msgspec.json.Decoder(Chunk).decode
_encode: Final = msgspec.json.Encoder().encode


class ChatAnswerDecoder:
    """One streamed answer as it comes from a provider (`StreamDecoder`)."""

    __slots__ = (
        "_asked",
        "_choices",
        "_counted",
        "_maker",
        "_splitter",
        "_tier",
        "done",
        "error",
        "malformed",
        "usage",
        "whole",
    )

    def __init__(self, maker: str, asked: int = 1) -> None:
        """`maker` is whose reasoning it is that says nothing of that itself; `asked` is how many choices there are."""
        self._splitter = SseSplitter()
        self._maker = maker
        self._asked = asked
        self._choices: dict[int, AnswerParts] = {}
        self._counted: Usage | None = None
        self._tier: str | None = None
        self.done = False
        self.whole = False
        self.error: bytes | None = None
        self.malformed = 0
        self.usage: Usage | None = None

    def feed(self, data: bytes) -> list[Event]:
        """Takes what was received.

        Raises UpstreamBroken for a piece of the answer that cannot be read, an event without end, or an end without
        an answer.
        """
        told: list[Event] = []
        sole = self._splitter.sole_event(data)
        if sole is not None:
            self._take(sole, told)
            return told
        for event in self._splitter.feed(data):
            if event.data is not None:
                self._take(event.data, told)
        return told

    def end(self) -> list[Event]:
        """The connection has ended. Raises UpstreamBroken where the answer is cut."""
        # Some leave out the last blank line; an event that was really cut is no JSON and is skipped.
        told = self.feed(b"\n\n") if self._splitter.unfinished else []
        if self.error is None and not self.done:
            if not self.whole:
                raise UpstreamBroken("The provider's stream ended before the answer did.")
            self.done = True
        return told

    def _take(self, data: bytes, told: list[Event]) -> None:
        if self.done or self.error is not None:
            return
        if data == b"[DONE]":
            self._end_orderly(told)
            return
        try:
            chunk = _decode_chunk(data)
        except (ValueError, RecursionError) as problem:
            if _VITAL in data and not self.whole:
                raise UpstreamBroken("The provider sent a piece of the answer that cannot be read.") from problem
            self.malformed += 1
            return
        if chunk.error is not NULL and said(chunk.error):
            self.error = envelop(bytes(chunk.error))
            return
        if chunk.choices:
            for choice in chunk.choices:
                self._take_choice(chunk, choice, told)
        if chunk.service_tier is not None:
            self._tier = chunk.service_tier
        if chunk.usage is not NULL and said(chunk.usage):
            self.usage = read_usage(chunk.usage) or self.usage
        if self.whole:
            self._count(told)

    def _take_choice(self, chunk: Chunk, choice: ChunkChoice, told: list[Event]) -> None:
        parts = self._choices.get(choice.index)
        if parts is None:
            if not self._choices:
                told.append(Started(chunk.model or "", service_tier=chunk.service_tier))
            parts = self._choices[choice.index] = AnswerParts(choice.index, self._maker)
        if parts.ended:
            return
        if choice.delta is not None:
            parts.take(choice.delta, chunk.id or "", told)
        if choice.logprobs is not NULL:
            parts.score(choice.logprobs, told)
        if choice.finish_reason:
            self._finish(parts, choice.finish_reason, told)

    def _finish(self, parts: AnswerParts, word: str, told: list[Event]) -> None:
        if is_failure(word):
            self.error = failure_body(word)
            return
        parts.end(word, told)
        self.whole = len(self._choices) >= self._asked and all(each.ended for each in self._choices.values())

    def _count(self, told: list[Event]) -> None:
        if self.usage is not None and self.usage is not self._counted:
            self._counted = self.usage
            told.append(Counted(self.usage, self._tier))

    def _end_orderly(self, told: list[Event]) -> None:
        """`[DONE]`. A provider that gives fewer answers than were asked for has finished those that it gives."""
        if not self._choices:
            raise UpstreamBroken("The provider's stream ended without an answer.")
        if not all(parts.ended for parts in self._choices.values()):
            raise UpstreamBroken(UNFINISHED)
        self.whole = self.done = True
        self._count(told)


def failure_body(word: str) -> bytes:
    """An error answer's body for a finish that is a failure."""
    message = f"The provider could not finish its answer: {word}."
    return envelop(_encode({"message": message, "type": "server_error", "code": word}))
