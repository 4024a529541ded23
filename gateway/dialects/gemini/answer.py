"""Gemini's answers as events: the same for a whole answer, which is one chunk, and for a stream of them."""

from __future__ import annotations

from typing import Final

from gateway.dialects.answer_events import Counted, Ended, Event, Started
from gateway.dialects.conversation import Finish
from gateway.dialects.envelope import Usage
from gateway.dialects.gemini.candidate import CandidateReader
from gateway.dialects.gemini.usage import Cost, counts, read_cost
from gateway.dialects.gemini.wire import NULL, Candidate, Chunk

_ALLOWED: Final = (None, "", 0, "BLOCKED_REASON_UNSPECIFIED")


class AnswerReader:
    """Reads one answer, chunk by chunk."""

    __slots__ = ("_asked", "_candidates", "_cost", "_ended", "_response_id", "_started", "_usage", "complete")

    def __init__(self, asked: int = 1) -> None:
        """With fewer candidates than `asked` the answer is not whole; a whole body says itself how many there are."""
        self._asked = asked
        self._candidates: dict[int, CandidateReader] = {}
        self._ended = 0
        self._response_id = ""
        self._started = False
        self._usage = NULL
        """The latest count, unread: every chunk of a stream has one."""
        self._cost: Cost | None = None
        self.complete = False
        """It is whole, and what it cost was told with its end or after it: nothing more is to come."""

    @property
    def whole(self) -> bool:
        """Every candidate has ended, and as many as were asked for have come."""
        return self._asked <= len(self._candidates) == self._ended

    @property
    def usage(self) -> Usage | None:
        cost = self._read_cost()
        return None if cost is None else cost.usage

    def read(self, chunk: Chunk) -> list[Event]:
        """What the chunk adds. Raises UpstreamBroken for an answer that the model failed to write."""
        counted = chunk.usage_metadata is not NULL and counts(chunk.usage_metadata)
        if counted:
            self._usage, self._cost = chunk.usage_metadata, None
        events: list[Event] = []
        if not self._started:
            self._start(chunk, events)
        if chunk.candidates:
            for candidate in chunk.candidates:
                self._read_candidate(candidate, events)
        elif chunk.prompt_feedback is not None and not self._candidates:
            self._read_refusal(chunk.prompt_feedback.block_reason, events)
        if self.whole and self._usage is not NULL and (cost := self._read_cost()) is not None:
            events.append(Counted(cost.usage, cost.service_tier))
            self.complete = counted
        return events

    def _start(self, chunk: Chunk, events: list[Event]) -> None:
        if chunk.candidates or chunk.prompt_feedback is not None:
            self._started = True
            self._response_id = chunk.response_id or ""
            cost = self._read_cost()
            tier = None if cost is None else cost.service_tier
            events.append(Started(chunk.model_version or "", self.usage, tier))

    def _read_candidate(self, candidate: Candidate, events: list[Event]) -> None:
        index = candidate.index or 0
        reader = self._candidates.get(index)
        if reader is None:
            reader = self._candidates[index] = CandidateReader(index, self._response_id)
        if not reader.ended:
            reader.read(candidate, events)
            self._ended += reader.ended

    def _read_refusal(self, reason: str | int | None, events: list[Event]) -> None:
        """A blocked prompt has no candidates; to a client it is an answer that was taken away."""
        if reason not in _ALLOWED:
            self._candidates[0] = CandidateReader(0, self._response_id)
            self._candidates[0].ended = True
            self._asked = self._ended = 1
            events.append(Ended(Finish.CONTENT_FILTER))

    def _read_cost(self) -> Cost | None:
        if self._cost is None and self._usage is not NULL:
            self._cost = read_cost(self._usage)
        return self._cost
