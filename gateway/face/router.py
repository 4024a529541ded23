"""What the face needs of the router actor."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol

from actors.letters import Answered, Call


class Router(Protocol):
    """Answers calls; whoever asks also leaves, in a `finally`, when it has all it wanted."""

    def ask(self, call: Call) -> Awaitable[Answered]:
        """The call's answer; for a streamed call its head, once the first content has come. Raises Failure."""
        ...

    def charge(self, call: Call) -> None:
        """An answer that asks nobody counts as one of its client's requests. Raises RateLimited."""
        ...

    def leave(self, call: Call) -> None:
        """The asker has its answer, or has gone: what is still under way stops. Harmless twice; never blocks."""
        ...
