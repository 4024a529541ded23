"""What a prompt consists of in all client dialects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

import msgspec

from gateway.dialects.odd_parts import Odd
from gateway.dialects.usual_parts import NULL, Said

MOST_PIECES: Final = 8_192
"""Contents and parts that are looked at one by one: more of them are a megabyte of next to nothing each."""
_NULL_BYTES: Final = 4

Pieces = tuple[Sequence[Said], Sequence[Odd] | None, Sequence[msgspec.Raw]]
"""Contents that are usual, and what is structured beside them: tools, their calls, schemas. Between them the contents
of a request of which not all are usual; None: all are. No named tuple, which each request would wait for.
"""


class Prompt(Protocol):
    """A request of any client dialect."""

    def pieces(self) -> Pieces | None:
        """None: more than `MOST_PIECES`."""
        ...


def is_given(raw: msgspec.Raw) -> bool:
    """Whether it is there, and not null."""
    return raw is not NULL and (len(raw) != _NULL_BYTES or raw != NULL)
