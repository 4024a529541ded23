"""One prompt in the context windows of all who may be asked: each is told its own truth."""

from __future__ import annotations

import msgspec

from actors.letters import Candidate
from gateway.context.tiers import Reading, counted, gauge_of, read
from gateway.dialects.envelope import RawHeaders
from gateway.dialects.prompt_weight import PromptWeight


class Filling(msgspec.Struct, eq=False, gc=False):
    """Of one request; `headers` are of the `candidate` that its client is told of."""

    weight: PromptWeight
    candidate: Candidate
    """Who is asked first, and later who was asked last, or has answered."""
    default_window: int
    """Of models whose window nobody knows."""
    headers: RawHeaders
    mode: bytes | None = None
    """What the client wishes of the service, as it says it."""
    exact: Reading | None = None
    """What the service has counted, for the model of that name."""
    exact_model: str = ""

    def count(self, tokens: int, window: int) -> None:
        """The service has counted the texts for this one's model, whose window it says too."""
        self.exact = counted(self.weight, tokens, self.candidate.window or window)
        self.exact_model = self.candidate.model
        self.headers = self.exact.headers()

    def tell_of(self, candidate: Candidate) -> None:
        """From here on the client is told of this one."""
        self.headers, self.candidate = self.headers_for(candidate), candidate

    def headers_for(self, candidate: Candidate) -> RawHeaders:
        """What this one is told."""
        return self.headers if candidate is self.candidate else self.reading(candidate).headers()

    def reading(self, candidate: Candidate) -> Reading:
        """A count holds for the model that it was made for, all others have their estimate."""
        exact = self.exact
        if exact is not None and candidate.model == self.exact_model:
            return Reading(exact.tokens, candidate.window or exact.window, routed=True)
        return read(gauge_of(candidate.model, candidate.window or self.default_window), self.weight)


def filling_of(candidate: Candidate, weight: PromptWeight, default_window: int, mode: bytes | None = None) -> Filling:
    """By estimate, where `candidate` is asked first."""
    reading = read(gauge_of(candidate.model, candidate.window or default_window), weight)
    return Filling(weight, candidate, default_window, reading.headers(), mode)
