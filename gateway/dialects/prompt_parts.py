"""What a prompt consists of in all client dialects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

import msgspec

from gateway.dialects.odd_parts import NULL_BYTES, Odd
from gateway.dialects.usual_parts import NULL, Said

MOST_PIECES: Final = 6_144
"""Contents, parts and what parts hold: no more are looked at, which would be a megabyte of next to nothing each."""

Pieces = tuple[Sequence[Said], int, Sequence[Odd] | None]
"""Contents that are usual, what there is `beside` them, and the contents of a request of which not all are usual; None:
all are. No named tuple, which each request would wait for.
"""


class Prompt(Protocol):
    """A request of any client dialect."""

    def pieces(self) -> Pieces | None:
        """None: more than `MOST_PIECES`."""
        ...


def beside(texts: Sequence[str], structured: Sequence[msgspec.Raw]) -> int:
    """What is nothing but texts weighs its characters; what is structured (tools, their calls, schemas) its bytes."""
    return len("".join(texts)) + sum([size for size in map(len, structured) if size > NULL_BYTES])


def is_given(raw: msgspec.Raw) -> bool:
    """Whether it is there, and not null."""
    return raw is not NULL and (len(raw) != NULL_BYTES or raw != NULL)
