"""What workers have counted outlasts them: counters of the dead are part of every scrape, so that no sum ever falls.

A worker keeps what it tells before anybody hears it. Once it has ended, its last word is folded into one sum of all
that have gone; a reader that meets both counts it once, by its life's name.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Final, NamedTuple, Protocol

MOST_FOLDED: Final = 256
"""So many lives are known by name to be in the sum: far more than end while one scrape is under way."""


class Kept(NamedTuple):
    """What there is besides what workers tell themselves."""

    lives: Mapping[str, bytes]
    """The last words of lives that may have ended, by name."""
    gone: bytes
    """The sum of those that have been folded."""
    folded: frozenset[str]
    """Who they were."""


ReadKept = Callable[[Collection[str]], Awaitable[Kept]]
"""What there is besides what these lives tell themselves, which need not be read."""


async def nothing_kept(_told: Collection[str] = ()) -> Kept:
    """Where nobody keeps anything."""
    return Kept({}, b"", frozenset())


class FigureKeeper(Protocol):
    """One life's way to what is kept."""

    @property
    def life(self) -> str:
        """Its name, which no other life ever has."""
        ...

    async def keep(self, told: bytes) -> None:
        """From now on this is its last word. Raises OSError."""
        ...

    async def kept(self, told: Collection[str]) -> Kept:
        """Everybody's, but for the last words of those that have `told` theirs. Raises OSError."""
        ...
