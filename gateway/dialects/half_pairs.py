"""Half a surrogate pair in a JSON body: what is left of an emoji where a text was cut in the middle of it.

JSON's grammar lets it be written (`"\\ud83d"`, RFC 8259 section 8.2), and it stands for no character: the decoder takes
it for the body's end or for malformed, as the case may be. Looked for only once a body has been refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec

SEARCHED_BYTES: Final = 1024 * 1024
"""In a larger body nobody looks: it would hold others up."""
PLACED_BYTES: Final = 64 * 1024
"""In a larger one the field is not told."""

_HALF: Final = re.compile(
    rb"\\u[dD](?:[89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])"  # the first half without the second
    rb"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD])[c-fC-F][0-9a-fA-F]{2})"
)
_MARK: Final = rb"\uFFFE"
"""A noncharacter in its place, as long as it; nobody writes it."""
_WHOLE: Final = rb"\\u0020"
"""In the place of all further ones."""
_MOST_LEVELS: Final = 32
_members_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_items_decoder = msgspec.json.Decoder(list[msgspec.Raw])


class HalfPair(NamedTuple):
    """Where half a pair was found."""

    escape: str
    """As the client wrote it: `\\ud83d`."""
    byte: int
    """Where in the body it begins."""
    field: str
    """In which field; "" where that is not known."""


def half_pair_in(body: bytes) -> HalfPair | None:
    """The first one in `body`; None where there is none, or something else is wrong with a small body."""
    if len(body) > SEARCHED_BYTES:
        return None
    for found in _HALF.finditer(body):
        if _is_escape(body, found.start()):
            break
    else:
        return None
    field = ""
    if len(body) <= PLACED_BYTES:
        try:
            field = _field_of(found)
        except (ValueError, RecursionError):
            return None
    return HalfPair(found[0].decode("ascii"), found.start(), field)


def _is_escape(body: bytes, at: int) -> bool:
    """Whether the backslash `at` is not itself escaped by the one before it."""
    before = at
    while before and body[before - 1] == ord("\\"):
        before -= 1
    return (at - before) % 2 == 0


def _field_of(found: re.Match[bytes]) -> str:
    """The path to the text that it stands in; where it is in a member's name, to the object that has that.

    Raises ValueError, RecursionError for what is otherwise no JSON.
    """
    body = found.string
    value = b"".join((body[: found.start()], _MARK, _HALF.sub(_WHOLE, body[found.end() :]))).strip()
    place = ""
    for _ in range(_MOST_LEVELS):
        if value[:1] == b"{":
            holding = _holding(_members_decoder.decode(value).items())
        elif value[:1] == b"[":
            holding = _holding(enumerate(_items_decoder.decode(value)))
        else:
            break
        if holding is None:
            break
        step, value = holding
        place += f"[{step}]" if isinstance(step, int) else f".{step}"
    return place.removeprefix(".")


def _holding(values: Iterable[tuple[str | int, msgspec.Raw]]) -> tuple[str | int, bytes] | None:
    """The one that has the mark, behind its name or number."""
    for step, raw in values:
        if len(raw) > len(_MARK) and _MARK in (value := bytes(raw)):
            return step, value
    return None
