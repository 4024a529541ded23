"""How many tokens a request may take, guessed from its size before the provider counts: for limits, not for bills."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import msgspec

DEFAULT_OUTPUT_TOKENS: Final = 1024
"""Reserved for an answer whose length the client does not limit; settled by what it really took."""
MEDIA_TOKENS: Final = 1000
"""Reserved for an image, a sound or a file: what one costs has nothing to do with its bytes."""

_BYTES_PER_TOKEN: Final = 4
_MOST_OUTPUT_TOKENS: Final = 10_000_000
_MEDIA_WORTH_A_LOOK_BYTES: Final = 2048

Media = tuple[int, int]
"""How many of a content's bytes are media, and how many pieces they are."""
NO_MEDIA: Final[Media] = (0, 0)


def guess_prompt(body: bytes, contents: Iterable[msgspec.Raw], weigh: Callable[[msgspec.Raw], Media]) -> int:
    """Tokens of the prompt; `weigh` is asked of those `contents` that are large enough to hold media.

    It raises ValueError or RecursionError for an unusual one, which the provider will judge: here it only weighs more.
    """
    size, pieces = len(body), 0
    if size <= _MEDIA_WORTH_A_LOOK_BYTES:
        return size // _BYTES_PER_TOKEN
    for content in contents:
        try:
            media_bytes, count = weigh(content) if may_hold_media(content) else NO_MEDIA
        except (ValueError, RecursionError):
            continue
        size -= media_bytes
        pieces += count
    return size // _BYTES_PER_TOKEN + pieces * MEDIA_TOKENS


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
