"""Events that say the same as the one before them, but for one text.

A model's words come in events that are equal to the byte around them. What stands there is read once and compared after
that, which costs a stream's event less than to decode it. OpenAI's end with a random text of random length
(`obfuscation`), which is passed over.
"""

from __future__ import annotations

import re
from typing import Final

_PLAIN: Final = re.compile(rb"[ !#-\[\]-~]*+")
"""What means itself within a JSON string: ASCII, but for quotes, backslashes and control characters."""
_NOISE: Final = b'"obfuscation":"'
_NOISE_END: Final = re.compile(rb'[0-9A-Za-z]*+"\}\n\n')
_ATTEMPTS: Final = 8


class UsualEvent:
    """What stands around the one text of a stream's events, as the latest that was learnt has it."""

    __slots__ = ("_attempts", "_begin", "_head", "_is_noisy", "_tail", "hidden")

    def __init__(self) -> None:
        self._head = b"\0"  # no event begins with this
        self._begin = 1
        self._tail = b""
        self._is_noisy = False
        self._attempts = _ATTEMPTS
        """How often it may still be learnt in vain: some write every event in another way."""
        self.hidden = b""
        """What of such events is not for the client."""

    def characters(self, raw: bytes) -> int | None:
        """How long the text of `raw`, a whole event, is, if that is all in which it differs; else None."""
        if not raw.startswith(self._head):
            return None
        plain = _PLAIN.match(raw, self._begin)
        assert plain is not None, "it may be empty"
        rest = raw[plain.end() :]
        if rest != self._tail and not (self._is_noisy and self._ends_in_noise(rest)):
            return None
        self._attempts = _ATTEMPTS
        return plain.end() - self._begin

    def learn(self, raw: bytes, text: str, hidden: bytes = b"") -> None:
        """Events like `raw`, whose JSON has `text` as a string, may follow, and are passed on without `hidden`."""
        if not self._attempts:
            return
        self._attempts -= 1
        written = b'"%b"' % text.encode()
        before, _, behind = raw.partition(written)
        if not behind or written in behind or _PLAIN.fullmatch(written, 1, len(written) - 1) is None:
            return
        tail, noise, _ = behind.partition(_NOISE)
        self._head = before + b'"'
        self._begin = len(self._head)
        self._tail = b'"' + tail + noise
        self._is_noisy = bool(noise)
        self.hidden = hidden

    def _ends_in_noise(self, rest: bytes) -> bool:
        return rest.startswith(self._tail) and _NOISE_END.fullmatch(rest, len(self._tail)) is not None
