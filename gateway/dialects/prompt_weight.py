"""How large a prompt is, before its provider counts it: for limits and for the context window, not for bills.

All of it is weighed, and more text never weighs less. A text weighs its characters, however they are written: as UTF-8
or as escapes. What is structured (tools, their calls, schemas) weighs the bytes that it is written with, and so does a
whole request that holds what nobody here knows, or more than is looked at piece by piece.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from gateway.dialects.odd_parts import Found, Odd
from gateway.dialects.part_weights import NO_RULE, RULES, TEXTS
from gateway.dialects.prompt_parts import MOST_PIECES, Prompt
from gateway.dialects.usual_parts import Said

DEFAULT_OUTPUT_TOKENS: Final = 1024
"""Reserved for an answer whose length the client does not limit; settled by what it really took."""
MEDIA_TOKENS: Final = 1000
"""Reserved for an image, a sound or a file: what one costs has nothing to do with its bytes."""

_BYTES_PER_TOKEN: Final = 4
_MOST_OUTPUT_TOKENS: Final = 10_000_000


class PromptWeight(msgspec.Struct, frozen=True, gc=False):
    """What one pass over a request says of its prompt."""

    reserved: int
    """Tokens to reserve: all bytes of the body but for media, since a reservation is settled later."""
    characters: int
    """Of texts, tools, their calls and results; of what is structured (schemas, arguments) the bytes."""
    media: int
    """Pieces: images, sounds, files."""


class _Scales(msgspec.Struct, gc=False):
    """Usual contents, weighed in a few looks at all of them: at the parts of one kind together."""

    seen: int = 0
    """Pieces; no more are looked at once they are more than `MOST_PIECES`."""
    characters: int = 0
    media: int = 0
    large_media: int = 0
    """Of those, as many as a reservation looks at."""
    large_bytes: int = 0

    def take(self, said: Sequence[Said]) -> None:
        parts = _single_parts(said) if type(said[0]) is list and len(said[0]) == 1 else None
        if parts is None:
            parts = self._take_texts(said)
        self.seen += len(said) + len(parts)
        if parts and self.seen <= MOST_PIECES:
            self._take_parts(parts)

    def _take_texts(self, said: Sequence[Said]) -> list[Any]:
        """Returns the parts of what is no text."""
        texts: list[str] = []
        parts: list[Any] = []
        for each in said:
            kind = type(each)
            if kind is str:
                texts.append(each)  # type: ignore[arg-type]  # as its type says
            elif kind is list:
                parts += each  # type: ignore[arg-type]
                if len(parts) > MOST_PIECES:
                    break
            elif each is not None:
                parts.append(each)
        self.characters += len("".join(texts))
        return parts

    def _take_parts(self, parts: list[Any]) -> None:
        kind = type(parts[0])
        if type(parts[-1]) is not kind:
            self._take_mixed(kind if kind in TEXTS else type(parts[-1]), parts)
            return
        if kind in TEXTS:
            try:
                self.characters += len("".join([part.text for part in parts]))
                self.characters += sum([len(part.notes) for part in parts if part.notes is not None])
                return
            except AttributeError:  # there are others between the first and the last
                pass
        elif len(set(map(type, parts))) == 1:
            self._take_kind(kind, parts)
            return
        self._take_mixed(kind, parts)

    def _take_mixed(self, usual: Any, parts: list[Any]) -> None:
        """All parts of a kind at once; those of the `usual` one are weighed in passing, where it is a text."""
        alike: defaultdict[type, list[Any]] = defaultdict(list)
        if usual in TEXTS:
            said = [
                part.text if type(part) is usual and part.notes is None else alike[type(part)].append(part) or ""  # type: ignore[func-returns-value]  # it is kept for later
                for part in parts
            ]
            self.characters += len("".join(said))
        else:
            for part in parts:
                alike[type(part)].append(part)
        for kind, some in alike.items():
            self._take_kind(kind, some)

    def _take_kind(self, kind: type, some: list[Any]) -> None:
        rule = RULES.get(kind, NO_RULE)
        if rule.texts is not None:
            self.characters += len("".join(rule.texts(some)))
        if rule.sizes is not None:
            self.characters += sum(rule.sizes(some))
        if rule.large is not None:
            self.media += len(some)
            if large := rule.large(some):
                self.large_media += len(large)
                self.large_bytes += sum(large)
        elif rule.contents is not None:
            self.take(rule.contents(some))
        elif rule.inner is not None:
            self.seen += len(some)
            if self.seen <= MOST_PIECES:
                self._take_parts(rule.inner(some))


def _single_parts(said: Sequence[Any]) -> list[Any] | None:
    """Those of contents that are lists of one, as most lists are; None: not all are."""
    try:
        return [part for (part,) in said]  # of a text of one character this is the text
    except (TypeError, ValueError):
        return None


def weigh(prompt: Prompt, body: bytes) -> PromptWeight:
    """How large a request's prompt is; `body` is the whole of it as it came."""
    size, pieces = len(body), prompt.pieces()
    if pieces is None:
        return _as_written(size)
    said, characters, odd = pieces
    if odd is not None:
        return _less_media(size, odd)
    if not said:
        return PromptWeight(size // _BYTES_PER_TOKEN, characters, 0)
    if type(said[-1]) is str:
        try:
            return PromptWeight(size // _BYTES_PER_TOKEN, characters + len("".join(said)), 0)  # type: ignore[arg-type]
        except TypeError:  # one is no text: this is what says whether all are
            pass
    scales = _Scales(characters=characters)
    try:
        scales.take(said)
    except RecursionError:  # contents within contents
        return _as_written(size)
    if scales.seen > MOST_PIECES:
        return _as_written(size)
    reserved = (size - scales.large_bytes) // _BYTES_PER_TOKEN + scales.large_media * MEDIA_TOKENS
    return PromptWeight(reserved, scales.characters, scales.media)


def _less_media(size: int, contents: Sequence[Odd]) -> PromptWeight:
    found = Found()
    try:
        found.look(contents, MOST_PIECES)
    except RecursionError:
        return _as_written(size)
    if found.seen > MOST_PIECES:
        return _as_written(size)
    size -= found.large_bytes
    return PromptWeight(size // _BYTES_PER_TOKEN + found.large_media * MEDIA_TOKENS, size, found.media)


def _as_written(size: int) -> PromptWeight:
    return PromptWeight(size // _BYTES_PER_TOKEN, size, 0)


def reserved_tokens(limit: int | None) -> int:
    """Tokens reserved for one answer of at most `limit`."""
    return DEFAULT_OUTPUT_TOKENS if limit is None or limit < 1 else min(limit, _MOST_OUTPUT_TOKENS)
