"""A client key of the gateway's own making: what it looks like, and what is kept of it."""

from __future__ import annotations

import secrets
from hashlib import sha256
from typing import Final, NamedTuple

PREFIX: Final = b"sk-gw-"
RANDOM_BYTES: Final = 36
"""288 bits: what a hint shows of them leaves more than 256 to guess."""
HINT_LENGTH: Final = 4


class NewKey(NamedTuple):
    """A key that has just been made, and is shown this once."""

    text: str
    digest: str
    """Its SHA-256 in hexadecimal digits: all that is kept of it, but for the hint."""
    hint: str
    """By which its owner knows it again."""


def new_key() -> NewKey:
    text = PREFIX.decode() + secrets.token_urlsafe(RANDOM_BYTES)
    return NewKey(text, sha256(text.encode()).hexdigest(), f"{PREFIX.decode()}...{text[-HINT_LENGTH:]}")
