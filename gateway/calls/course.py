"""One attempt's way through its stages: moved for the actor, noted for the log, the metrics and the bill."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from actors.attempt import Attempt
from actors.errors import Failure, Stage
from gateway.dialects.answer_name import answer_name
from gateway.dialects.conversation import Finish
from gateway.dialects.envelope import CallNotes, Usage
from gateway.errors import ContentFiltered, UpstreamError

# Members of enums by a name of their own: each look-up in the class costs 0.2 µs, and these come with every request.
_CONNECTING: Final = Stage.CONNECTING
_SENDING: Final = Stage.SENDING


Price = Callable[[str, Usage], int | None]
"""What a provider takes for an answer of a model of its own, in nano-USD; None where nobody knows."""

_FILTERED: Final = frozenset({Finish.CONTENT_FILTER.value, Finish.REFUSAL.value})


class Course(msgspec.Struct, eq=False):
    """Follows one attempt, whose `detail` its notes are; `move` is the HTTP client's `Progress`."""

    attempt: Attempt
    prompt_tokens: int
    """By estimate, for an answer that ends before the provider says what it cost."""
    _price: Price
    notes: CallNotes
    _connecting_since: float | None = None

    def move(self, stage: Stage) -> None:
        """Moves the attempt to `stage`, with the time that it allows."""
        attempt = self.attempt
        if stage is _SENDING:  # the provider may see the request from now on
            since = self._connecting_since
            self.notes.connect_s = 0.0 if since is None else attempt.clock() - since
            attempt.sent()
            attempt.spent_tokens = self.prompt_tokens
        elif stage is _CONNECTING:
            self._connecting_since = attempt.clock()
            attempt.enter(stage, attempt.candidate.timeouts.connect_s)
            return
        if attempt.call.relay is not None:  # a stream has to show a sign of life
            attempt.enter(stage, self.within(attempt.candidate.timeouts.first_token_s))
        elif self._connecting_since is not None:
            attempt.enter(stage)
        else:  # a whole answer may take as long as the call, which it might before
            attempt.stage = stage

    def begins(self, answer: bytes) -> None:
        """What has come of the answer first: a trace that is kept tells what the provider calls it."""
        trace = self.attempt.call.trace
        if trace is not None and trace.sampled:
            self.notes.answer_name = answer_name(answer)

    def within(self, silence_s: float) -> float:
        """How long a stream may be silent: no longer than its client waits."""
        gap_s: float | None = self.attempt.call.payload.read_gap_s
        return silence_s if gap_s is None else min(gap_s, silence_s)

    @property
    def _yields(self) -> bool:
        """What is refused here is to be asked elsewhere, and can be."""
        return self.attempt.candidate.yields and self.attempt.backed

    def refused(self, refusal: Failure) -> Failure:
        """What a provider's error answer means: another candidate may answer what a content filter will not have."""
        if self._yields and isinstance(refusal, UpstreamError) and refusal.filtered:
            refusal.retryable = refusal.elsewhere = True
        return refusal

    def check_filter(self, finish_reason: str | None) -> None:
        """Raises ContentFiltered for an answer that nobody has heard of yet and that another candidate may give."""
        if finish_reason in _FILTERED and self._yields:
            candidate = self.attempt.candidate
            raise ContentFiltered(f"The content filter of {candidate.model} at {candidate.provider} refused to answer.")

    def used(self, usage: Usage | None, finish_reason: str | None) -> None:
        """What the answer cost and how it ended, as far as is known."""
        self.notes.finish_reason = finish_reason
        attempt = self.attempt
        if usage is not None and attempt.outcome is None:  # else its actor has died, and it has been billed
            self.notes.usage = usage
            self.notes.cost = self._price(attempt.candidate.model, usage)
            attempt.spent_tokens = usage.prompt + usage.completion


def no_price(_model: str, _usage: Usage) -> None:
    """For a provider whose prices nobody knows."""
