"""How large a prompt is, before its provider counts it: for limits and for the context window, not for bills.

All of it is weighed, and more text never weighs less. A text weighs its characters, however they are written: as UTF-8
or as escapes. What is structured (tools, their calls, schemas) weighs the bytes that it is written with, and so does a
whole request that holds what nobody here knows, or more than is looked at piece by piece.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import chain
from typing import Any, Final

import msgspec

from gateway.dialects.odd_parts import LARGE_BYTES, NULL_BYTES, Found, Odd
from gateway.dialects.part_weights import NO_RULE, RULES, text
from gateway.dialects.prompt_parts import MOST_PIECES, Prompt
from gateway.dialects.usual_parts import Said, Screenshot

DEFAULT_OUTPUT_TOKENS: Final = 1024
"""Reserved for an answer whose length the client does not limit; settled by what it really took."""
MEDIA_TOKENS: Final = 1000
"""Reserved for an image, a sound or a file: what one costs has nothing to do with its bytes."""

_BYTES_PER_TOKEN: Final = 4
_MOST_OUTPUT_TOKENS: Final = 10_000_000


_MANY: Final = 16


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
    """Contents and parts; no more are looked at once they are more than `MOST_PIECES`."""
    characters: int = 0
    pieces: int = 0
    large_pieces: int = 0
    """Of those, as many as a reservation looks at."""
    large_bytes: int = 0

    def take(self, said: Sequence[Said]) -> None:
        lists: Sequence[Any] = said
        try:
            parts: list[Any] = [part for (part,) in said]  # type: ignore[misc,str-unpack]  # which is what it asks
        except (TypeError, ValueError):  # not each consists of one part, as they mostly do
            lists = self._take_texts(said)
            parts = list(chain.from_iterable(lists))
        self.seen += len(lists) + len(parts)
        if self.seen <= MOST_PIECES:
            self._take_parts(parts)

    def _take_texts(self, said: Sequence[Said]) -> Sequence[Any]:
        """Returns the lists among them."""
        lists: list[Any] = [each for each in said if type(each) is list]
        if len(lists) < len(said):
            texts = [each for each in said if type(each) is str]
            self.characters += len("".join(texts))
            if len(lists) + len(texts) < len(said):
                self._take_parts([each for each in said if type(each) is Screenshot])
        return lists

    def _take_parts(self, parts: list[Any]) -> None:
        if len(parts) > _MANY:  # so that it is worth a failure
            try:
                self.characters += text(parts)
                return
            except AttributeError:  # not all are texts
                pass
        if not _mixed_at_once(parts) and len(kinds := set(map(type, parts))) <= 1:
            for kind in kinds:
                self._take_kind(kind, parts)
            return
        alike: defaultdict[type, list[Any]] = defaultdict(list)
        for part in parts:
            alike[type(part)].append(part)
        for kind, some in alike.items():
            self._take_kind(kind, some)

    def _take_kind(self, kind: type, some: list[Any]) -> None:
        rule = RULES.get(kind, NO_RULE)
        if rule.characters is not None:
            self.characters += rule.characters(some)
        if rule.media is not None:
            self._show(rule.media(some))
        elif rule.contents is not None:
            self.take(rule.contents(some))
        elif rule.inner is not None:
            self._take_parts(rule.inner(some))

    def _show(self, media: list[str]) -> None:
        self.pieces += len(media)
        if max(map(len, media)) > LARGE_BYTES:
            large = [size for size in map(len, media) if size > LARGE_BYTES]
            self.large_pieces += len(large)
            self.large_bytes += sum(large)


def _mixed_at_once(parts: list[Any]) -> bool:
    """Whether the first two differ, as those of a conversation that is mixed mostly do."""
    return len(parts) > 1 and type(parts[0]) is not type(parts[1])


def weigh(prompt: Prompt, body: bytes) -> PromptWeight:
    """How large a request's prompt is; `body` is the whole of it as it came."""
    size, pieces = len(body), prompt.pieces()
    if pieces is None:
        return _as_written(size)
    said, odd, others = pieces
    if odd is not None:
        return _less_media(size, odd)
    structured = sum([size for size in map(len, others) if size > NULL_BYTES]) if others else 0
    try:
        return PromptWeight(size // _BYTES_PER_TOKEN, structured + len("".join(said)), 0)  # type: ignore[arg-type]
    except TypeError:  # one is no text: this is what says whether all are
        scales = _Scales(characters=structured)
    scales.take(said)
    if scales.seen > MOST_PIECES:
        return _as_written(size)
    reserved = (size - scales.large_bytes) // _BYTES_PER_TOKEN + scales.large_pieces * MEDIA_TOKENS
    return PromptWeight(reserved, scales.characters, scales.pieces)


def _less_media(size: int, contents: Sequence[Odd]) -> PromptWeight:
    found = Found()
    try:
        found.look(contents, MOST_PIECES)
    except RecursionError:
        return _as_written(size)
    size -= found.large_bytes
    return PromptWeight(size // _BYTES_PER_TOKEN + found.large_pieces * MEDIA_TOKENS, size, found.pieces)


def _as_written(size: int) -> PromptWeight:
    return PromptWeight(size // _BYTES_PER_TOKEN, size, 0)


def reserved_tokens(limit: int | None) -> int:
    """Tokens reserved for one answer of at most `limit`."""
    return DEFAULT_OUTPUT_TOKENS if limit is None or limit < 1 else min(limit, _MOST_OUTPUT_TOKENS)
