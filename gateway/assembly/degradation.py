"""What the gateway does less of while memory is short, from 80 % of the threshold on, and refuses from 95 % on."""

from __future__ import annotations

from typing import Final

from actors.memory_monitor import Pressure
from actors.policy.memory_budget import MemoryBudget
from actors.relay import Relay
from gateway.assembly.tree import ActorTree

SMALL_RELAY_BYTES: Final = 16 * 1024
SMALL_RELAY_CHUNKS: Final = 4
MOST_INPUTS: Final = 2048
"""OpenAI takes no more embeddings' inputs at once."""
MOST_INPUTS_OF_GEMINI: Final = 100
FEW_INPUTS: Final = 32
LARGE_BYTES: Final = 1024 * 1024
"""Larger bodies may be more than what lies between refusing new work and the threshold."""
COPIES: Final = 3
"""What a large body takes at most: as it comes in pieces, joined, and behind the head that a provider is sent."""

_REFUSE: Final = Pressure.REFUSE
"""By a name of its own: a look-up in the class costs 0.2 µs, and this is asked with every request."""


class Degradation:
    """Asks the memory monitor, each time."""

    def __init__(self, tree: ActorTree) -> None:
        self._tree = tree

    def new_relay(self) -> Relay:
        """A stream's relay; under pressure a slow reader holds a quarter of what it may otherwise."""
        if self._tree.pressure() is Pressure.NONE:
            return Relay()
        return Relay(limit_bytes=SMALL_RELAY_BYTES, limit_chunks=SMALL_RELAY_CHUNKS)

    def inputs_at_once(self, kind: str) -> int:
        """How many inputs of embeddings a provider of `kind` is sent in one request."""
        if self._tree.pressure() is not Pressure.NONE:
            return FEW_INPUTS
        return MOST_INPUTS_OF_GEMINI if kind == "gemini" else MOST_INPUTS

    def texts_at_once(self, usual: int) -> int:
        """How many texts the Code Orchestrator Service is asked to embed in one question."""
        return usual if self._tree.pressure() is Pressure.NONE else max(1, usual // 8)

    def sheds_low(self) -> bool:
        """Whether calls of low priority are refused."""
        return self._tree.pressure() is not Pressure.NONE


class PressedBudget:
    """The ingress budget, shut while the memory monitor says that there is no room at all, or none for a large body."""

    def __init__(self, budget: MemoryBudget, tree: ActorTree) -> None:
        self._budget = budget
        self._tree = tree
        self.release = budget.release

    def has_room(self, size_bytes: int) -> bool:
        """Whether `reserve` would take `size_bytes`."""
        if not self._budget.has_room(size_bytes):
            return False
        monitor = self._tree.memory()
        if monitor is None:
            return True
        if monitor.pressure is _REFUSE:
            return False
        # What is being read now came after the last sample, or is in it; then it counts twice, on the safe side.
        return size_bytes < LARGE_BYTES or monitor.has_room(COPIES * (self._budget.used + size_bytes))

    def reserve(self, size_bytes: int) -> bool:
        """Takes `size_bytes` if they fit, and if the process has room."""
        return self.has_room(size_bytes) and self._budget.reserve(size_bytes)
