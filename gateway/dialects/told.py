"""What a client has heard of a streamed answer, and how an answer goes on from there in the client's dialect.

Only plain text of one choice can be gone on with. Each client dialect reads its own wire format for this: what is
written to the client is heard here as well, so that what it knows is exact, whoever wrote it.
"""

from __future__ import annotations

import math
from typing import Final, Protocol

from gateway.dialects.answer_events import Ended
from gateway.dialects.envelope import Usage

LONGEST_TEXT: Final = 256 * 1024
"""Characters: an answer that is longer is not gone on with when it breaks."""
_CHARACTERS_PER_TOKEN: Final = 4


class Told(Protocol):
    """One answer as its client has heard it."""

    @property
    def text(self) -> ToldText: ...

    @property
    def resumable(self) -> bool:
        """Somebody else could go on with it."""
        ...

    def hear(self, piece: bytes) -> None:
        """What has been written to the client: whole events."""
        ...

    def sequel(self, model: str) -> Sequel:
        """The rest of the answer, by `model`; only where it is resumable."""
        ...


class Sequel(Protocol):
    """Writes the rest of an answer: the same id, the same places, the next numbers."""

    def add(self, text: str) -> bytes:
        """More text."""
        ...

    def end(self, ended: Ended, usage: Usage | None) -> bytes:
        """The orderly end of the whole answer, which cost `usage`."""
        ...


class ToldText:
    """The text of an answer so far, as long as it is nothing but text."""

    __slots__ = ("_pieces", "characters", "plain")

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self.characters = 0
        self.plain = True

    def add(self, text: str) -> None:
        if not self.plain:
            return
        self._pieces.append(text)
        self.characters += len(text)
        if self.characters > LONGEST_TEXT:
            self.spoil()

    def spoil(self) -> None:
        """There is something else in the answer, and nobody can go on with it; its text is not kept any longer."""
        self.plain = False
        self._pieces.clear()

    def __str__(self) -> str:
        return "".join(self._pieces)


def tokens_of(characters: int) -> int:
    """How many tokens so many characters are, by estimate."""
    return math.ceil(characters / _CHARACTERS_PER_TOKEN)
