"""How full a request makes its model's context window, as clients and providers are told."""

from __future__ import annotations

from actors.letters import Candidate
from gateway.context.tiers import Reading, gauge_of, read
from gateway.dialects.prompt_weight import PromptWeight


class WindowReader:
    """Measures prompts against the window of who is asked first; fallbacks may have others."""

    __slots__ = ("_default_window",)

    def __init__(self, default_window: int) -> None:
        """`default_window` is that of models whose window nobody knows."""
        self._default_window = default_window

    def read(self, candidate: Candidate, weight: PromptWeight) -> Reading:
        """By estimate."""
        return read(gauge_of(candidate.model, candidate.window or self._default_window), weight)
