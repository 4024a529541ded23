"""How large a prompt is, before its provider counts it: for limits and for the context window, not for bills."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from gateway.dialects.structure import SURVEYED_BYTES

DEFAULT_OUTPUT_TOKENS: Final = 1024
"""Reserved for an answer whose length the client does not limit; settled by what it really took."""
MEDIA_TOKENS: Final = 1000
"""Reserved for an image, a sound or a file: what one costs has nothing to do with its bytes."""

_BYTES_PER_TOKEN: Final = 4
_MOST_OUTPUT_TOKENS: Final = 10_000_000
_MEDIA_WORTH_A_LOOK_BYTES: Final = 2048
_SHORT_BYTES: Final = 1024
_AROUND: Final = 2
"""The quotes of a text, or the brackets of a list."""
_BRACKET: Final = ord("[")
_SAMPLE_BYTES: Final = 1024
"""How much of a body is looked at for escapes and for characters of several bytes; the rest is taken to be alike."""
_MOST_WEIGHED: Final = 10_000
"""Parts of a large request."""

Media = tuple[int, int]
"""How many of a content's bytes are media, and how many pieces they are."""
NO_MEDIA: Final[Media] = (0, 0)


class PromptWeight(msgspec.Struct, frozen=True, gc=False):
    """What one pass over a request says of its prompt."""

    reserved: int
    """Tokens to reserve: all bytes of the body but for media, since a reservation is settled later."""
    characters: int
    """Of texts, tool calls, tools and their results. What is structured (parts, schemas) counts as it is written."""
    media: int
    """Pieces: images, sounds, files."""


def weigh_prompt(
    body: bytes,
    contents: Iterable[msgspec.Raw],
    others: Iterable[msgspec.Raw],
    weigh: Callable[[msgspec.Raw], Media],
) -> PromptWeight:
    """`weigh` is asked of those `contents` that may hold media; `others` are part of the prompt and never do.

    It raises ValueError or RecursionError for an unusual one, which the provider will judge: here it only weighs more.
    """
    contents = list(contents)
    text = sum(map(len, contents)) - _AROUND * len(contents)
    size, large_pieces, pieces = len(body), 0, 0
    sample = body if size <= _SAMPLE_BYTES else body[:_SAMPLE_BYTES]
    left = _MOST_WEIGHED
    for content in contents:
        # A short one is copied faster than looked into.
        if (bytes(content) if len(content) < _SHORT_BYTES else memoryview(content))[0] != _BRACKET:
            continue
        is_large = len(content) > _MEDIA_WORTH_A_LOOK_BYTES
        if len(body) > SURVEYED_BYTES and (left := left - bytes(content).count(b"{")) < 0:
            continue  # so many parts are looked at for too long: the rest weighs what its bytes do
        try:
            media_bytes, count = weigh(content)
        except (ValueError, RecursionError):
            continue
        text -= media_bytes
        pieces += count
        if is_large:
            size -= media_bytes
            large_pieces += count
    for other in others:
        text += len(other)
    if (fewer := _shorter_read(sample)) != 0:
        text -= fewer if sample is body else text * fewer // _SAMPLE_BYTES
    reserved = size // _BYTES_PER_TOKEN + large_pieces * MEDIA_TOKENS
    return PromptWeight(reserved, max(0, text), pieces)


def reserved_tokens(limit: int | None) -> int:
    """Tokens reserved for one answer of at most `limit`."""
    return DEFAULT_OUTPUT_TOKENS if limit is None else min(max(limit, 0), _MOST_OUTPUT_TOKENS)


def may_hold_media(content: msgspec.Raw) -> bool:
    """Whether it is a list, and large enough."""
    return len(content) > _MEDIA_WORTH_A_LOOK_BYTES and bytes(memoryview(content)[:1]) == b"["


def sum_up(media: Iterable[msgspec.Raw]) -> Media:
    """Of members that hold media, as they are written."""
    sizes = [len(raw) for raw in media]
    return sum(sizes), len(sizes)


def _shorter_read(body: bytes) -> int:
    """By how much the characters of JSON texts are fewer than their bytes: escapes, and UTF-8.

    A character beyond the basic plane that is written as two escapes counts as two.
    """
    fewer = 0 if body.isascii() else len(body) - len(body.decode(errors="ignore"))
    if (backslashes := body.count(b"\\")) == 0:
        return fewer
    fewer += backslashes - body.count(b"\\\\")  # each pair is one backslash, each other one begins an escape
    if b"\\u" in body:
        fewer += 4 * body.replace(b"\\\\", b"").count(b"\\u")
    return fewer
