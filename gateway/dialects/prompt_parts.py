"""What a prompt consists of in all client dialects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

import msgspec

from gateway.dialects.odd_parts import Odd
from gateway.dialects.usual_parts import NULL, Said

MOST_PIECES: Final = 6_144
"""Contents, parts and what parts hold: no more are looked at, which would be a megabyte of next to nothing each."""
_NULL_BYTES: Final = 4

Pieces = tuple[Sequence[Said], Sequence[str], Sequence[Odd] | None, Sequence[msgspec.Raw]]
"""Contents that are usual, what is nothing but texts, and what is structured beside them: tools, their calls, schemas.
Before the last the contents of a request of which not all are usual; None: all are. No named tuple, which each request
would wait for.
"""


class Prompt(Protocol):
    """A request of any client dialect."""

    def pieces(self) -> Pieces | None:
        """None: more than `MOST_PIECES`."""
        ...


def is_given(raw: msgspec.Raw) -> bool:
    """Whether it is there, and not null."""
    return raw is not NULL and (len(raw) != _NULL_BYTES or raw != NULL)
