"""Events that say the same as the one before them, but for one text.

A model's words come in events that are equal to the byte around them, but for a number that counts them in Responses
and what OpenAI adds to hide their length (`obfuscation`). What stands there is read once and compared after that, which
costs a stream's event less than to decode it.
"""

from __future__ import annotations

import re
from typing import Final

_PLAIN: Final = re.compile(rb"[ !#-\[\]-~]*+")
"""What means itself within a JSON string: ASCII, but for quotes, backslashes and control characters."""
_OF_NO_INTEREST: Final = (
    (re.compile(rb'"sequence_number":([0-9]++)'), re.compile(rb"0|[1-9][0-9]*+")),
    (re.compile(rb'"obfuscation":"([0-9A-Za-z]*+)"'), re.compile(rb"[0-9A-Za-z]*+")),
)
"""Where values stand that differ from event to event and change nothing; what else they may be."""
_NOTHING: Final = ((b"", re.compile(rb"(?!)")),)
"""Whatever comes, it is not this."""
_ATTEMPTS: Final = 8


class UsualEvent:
    """What stands around the one text of a stream's events, as the latest that was learnt has it."""

    __slots__ = ("_end", "_parts", "attempts", "hidden")

    def __init__(self) -> None:
        self._parts: tuple[tuple[bytes, re.Pattern[bytes]], ...] = _NOTHING
        """What has to be there, and how what follows it may differ, in order."""
        self._end = b""
        self.attempts = _ATTEMPTS
        """How often it may still be learnt in vain: some write every event in another way."""
        self.hidden = b""
        """What of such events is not for the client."""

    def characters(self, raw: bytes) -> int | None:
        """How long the text of `raw`, a whole event, is, if that is all in which it differs; else None."""
        at = said = 0
        for constant, differing in self._parts:
            if not raw.startswith(constant, at):
                return None
            begin = at + len(constant)
            found = differing.match(raw, begin)
            if found is None:
                return None
            at = found.end()
            if differing is _PLAIN:
                said = at - begin
        if raw[at:] != self._end:
            return None
        self.attempts = _ATTEMPTS
        return said

    def learn(self, raw: bytes, text: str, hidden: bytes = b"") -> None:
        """Events like `raw`, whose JSON has `text` as a string, may follow, and are passed on without `hidden`."""
        if not self.attempts:
            return
        self.attempts -= 1
        written = b'"%b"' % text.encode()
        if raw.count(written) != 1 or _PLAIN.fullmatch(written, 1, len(written) - 1) is None:
            return
        begin = raw.index(written) + 1
        places = [(begin, begin + len(text), _PLAIN)]
        for where, differing in _OF_NO_INTEREST:
            places += [(*found.span(1), differing) for found in where.finditer(raw)]
        parts, at = [], 0
        for begin, end, differing in sorted(places, key=lambda place: place[0]):
            parts.append((raw[at:begin], differing))
            at = end
        self._parts, self._end, self.hidden = tuple(parts), raw[at:], hidden
