"""Another maker's signature, in a field that a dialect has for its own maker's alone.

Clients of Messages and of Responses hand the signatures in their history back as they got them. One that no model of
that dialect's maker gave says so itself: whose it is stands before it. A digest in the stamp keeps a signature that
only looks like one from being taken for it.
"""

from __future__ import annotations

import hashlib
from typing import Final, NamedTuple
from urllib.parse import quote, unquote

MARK: Final = "gw1"
_DIGEST_CHARACTERS: Final = 12
_SUMMARY: Final = "s"


class Stamped(NamedTuple):
    """What a stamp says."""

    maker: str
    signature: str
    id: str | None = None
    """The reasoning's own name, where its maker gives it one."""
    summary: bool = False
    """Its text is a summary."""


def stamp(maker: str, signature: str, *, id: str | None = None, summary: bool = False) -> str:
    """The signature, which may be any text, below whose it is and what else belongs to it."""
    kind = _SUMMARY if summary else ""
    named = "" if id is None else "=" + quote(id, safe="", errors="surrogatepass")
    head = f"{quote(maker, safe='', errors='surrogatepass')}:{kind}{named}"
    return f"{MARK}:{_digest(head, signature)}:{head}:{signature}"


def read_stamp(text: str, native_maker: str) -> tuple[str, str]:
    """Whose signature it is, and the signature; without a stamp it is `native_maker`'s own."""
    stamped = read_whole_stamp(text, native_maker)
    return stamped.maker, stamped.signature


def read_whole_stamp(text: str, native_maker: str) -> Stamped:
    """Everything that the stamp says; without one the text is a signature of `native_maker`."""
    if not text.startswith(MARK + ":"):
        return Stamped(native_maker, text)
    pieces = text.split(":", 4)
    if len(pieces) != 5:
        return Stamped(native_maker, text)
    _, digest, maker, about, signature = pieces
    if digest != _digest(f"{maker}:{about}", signature):
        return Stamped(native_maker, text)
    kind, named, name = about.partition("=")
    return Stamped(_unquoted(maker), signature, _unquoted(name) if named else None, kind == _SUMMARY)


def _unquoted(text: str) -> str:
    return unquote(text, errors="surrogatepass")


def _digest(head: str, signature: str) -> str:
    return hashlib.sha256(f"{head}:{signature}".encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST_CHARACTERS]
