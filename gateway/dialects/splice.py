"""How a second answer is joined to the text of one that broke, so that no character comes twice and none is lost.

Pure text. The second answer begins at a place that is known exactly: at the beginning, or where the prefix ends that
its model was given. From there it has to say what the client already has; that is dropped, and the rest is new.
"""

from __future__ import annotations

import re
from typing import Final

_LONGEST_WORD: Final = 40
"""What is longer is no word: a script without spaces, or a blob. It is not taken back."""
_LAST_WORD: Final = re.compile(rf"(?<![\w'\u2019-])[\w'\u2019-]{{1,{_LONGEST_WORD}}}\Z")


class Differs(Exception):
    """The second answer says something else than what the client already has."""


class Splice:
    """The place where a second answer goes on; `take` is given all of it, piece by piece."""

    __slots__ = ("_blank", "_left")

    def __init__(self, overlap: str) -> None:
        """`overlap` is what the client has beyond the place where the second answer begins.

        One of nothing but white space is dropped as far as it comes: models differ in how they begin behind a prefix,
        and no word hangs on it.
        """
        self._left = overlap
        self._blank = not overlap.strip()

    @property
    def joined(self) -> bool:
        """All that the client already has has come again: what follows is new."""
        return self._blank or not self._left

    def take(self, text: str) -> str:
        """What of `text` is new. Raises Differs."""
        left = self._left
        if not left:
            return text
        same = _common(left, text)
        self._left = left[same:]
        if same == len(text) or not self._left:
            return text[same:]
        if not self._blank:
            raise Differs
        self._left = ""
        return text[same:]


def word_end(text: str) -> str:
    """`text` up to the end of its last word that is surely whole, without the white space behind it.

    A word is known to be whole by what follows it. Models go on best from such a place: in the middle of a word they
    have seen other tokens than they would have said.
    """
    whole = text.rstrip()
    if len(whole) < len(text):
        return whole
    word = _LAST_WORD.search(whole, max(0, len(whole) - _LONGEST_WORD - 1))
    return whole if word is None else whole[: word.start()].rstrip()


def _common(one: str, other: str) -> int:
    """How many characters both begin with."""
    shortest = min(len(one), len(other))
    if one[:shortest] == other[:shortest]:
        return shortest
    return next(index for index in range(shortest) if one[index] != other[index])
