"""How many values a JSON body holds, counted piece by piece before it is decoded in one go.

A decoder cannot be interrupted: a body of the largest size made of nothing but brackets would hold all others up for
seconds, and one that is mostly text costs a few milliseconds.
"""

from __future__ import annotations

from typing import Final

from gateway.dialects.codec import Steps
from gateway.errors import InvalidRequest
from gateway.unhurried import PIECES_A_TURN

SURVEYED_BYTES: Final = 64 * 1024
"""A body of this size holds too few values to matter."""
MOST_VALUES: Final = 400_000
"""A hundred thousand short messages, or five megabytes of nothing but structure: more than any model reads."""

_PIECE_BYTES: Final = 64 * 1024


def check_structure(body: bytes, most: int = MOST_VALUES, *, piece_bytes: int = _PIECE_BYTES) -> Steps[None]:
    """Counts objects, arrays and commas outside of strings. Raises InvalidRequest where they are more than `most`.

    What is no JSON is counted as if it were, for the decoder to refuse.
    """
    values = start = 0
    inside = False
    while start < len(body):
        piece = body[start : start + piece_bytes]
        start += len(piece)
        if b"\\" in piece:
            if start < len(body) and _splits_an_escape(piece):
                piece, start = piece[:-1], start - 1
            piece = piece.replace(b"\\\\", b"").replace(b'\\"', b"")
        between_quotes = piece.split(b'"')
        outside = b"".join(between_quotes[inside::2])
        inside ^= len(between_quotes) % 2 == 0
        values += outside.count(b",") + outside.count(b"[") + outside.count(b"{")
        if values > most:
            raise InvalidRequest(f"Invalid body: it holds more than {most} values.")
        yield PIECES_A_TURN


def _splits_an_escape(piece: bytes) -> bool:
    """Whether the last backslash belongs to what follows the piece."""
    return (len(piece) - len(piece.rstrip(b"\\"))) % 2 == 1
