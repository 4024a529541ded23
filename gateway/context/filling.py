"""One prompt in the context windows of all who may be asked: each is told its own truth."""

from __future__ import annotations

import msgspec

from actors.letters import Candidate
from gateway.context.tiers import Reading, counted, gauge_of, read
from gateway.dialects.envelope import RawHeaders
from gateway.dialects.prompt_weight import PromptWeight


class Filling(msgspec.Struct, eq=False, gc=False):
    """Of one request; `reading` and `headers` are of who is asked first."""

    weight: PromptWeight
    first: Candidate
    default_window: int
    """Of models whose window nobody knows."""
    reading: Reading
    headers: RawHeaders

    def count(self, tokens: int, window: int) -> None:
        """The service has counted the texts for the first one's model."""
        self.reading = counted(self.reading, tokens, self.first.window or window)
        self.headers = self.reading.headers()

    def headers_for(self, candidate: Candidate) -> RawHeaders:
        """What this one is told; a count holds for the model that it was made for, all others have their estimate."""
        if candidate is self.first:
            return self.headers
        first = self.reading
        if first.routed and candidate.model == self.first.model:
            return Reading(first.tokens, candidate.window or first.window, first.media, routed=True).headers()
        return filling_of(candidate, self.weight, self.default_window).headers


def filling_of(candidate: Candidate, weight: PromptWeight, default_window: int) -> Filling:
    """By estimate, where `candidate` is asked first."""
    reading = read(gauge_of(candidate.model, candidate.window or default_window), weight)
    return Filling(weight, candidate, default_window, reading, reading.headers())
