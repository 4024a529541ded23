"""How large a prompt is, before its provider counts it: for limits and for the context window, not for bills.

All of it is weighed, and more text never weighs less. A text weighs its characters, however they are written: as UTF-8
or as escapes. What is structured weighs the characters that it is written with, and so does what nobody can read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec

from gateway.dialects.prompt_parts import (
    DEEPEST,
    NULL,
    Part,
    Prompt,
    is_structured,
    read_content,
    read_text,
    source_in,
    text_in,
)

DEFAULT_OUTPUT_TOKENS: Final = 1024
"""Reserved for an answer whose length the client does not limit; settled by what it really took."""
MEDIA_TOKENS: Final = 1000
"""Reserved for an image, a sound or a file: what one costs has nothing to do with its bytes."""

_BYTES_PER_TOKEN: Final = 4
_MOST_OUTPUT_TOKENS: Final = 10_000_000
_MEDIA_WORTH_A_LOOK_BYTES: Final = 2048
MOST_READ_BYTES: Final = 8 * 1024 * 1024
"""Of one request, some 10 ms: what comes after that weighs the characters that it is written with, never fewer."""
PART_BYTES: Final = 800
"""What a part counts for beside its bytes: it takes as long to read as so much text."""
_MANY_PARTS_BYTES: Final = 4096
"""A content below this holds too few parts to count before they are read."""
_MARKS: Final = (b'"image_url"', b'"input_audio"', b'"file"', b'"source"', b'"file_data"', b'"file_url"', b'"file_id"')
"""Of media, in what is not read."""

_UNREAD: Final = object()

Written = Callable[[msgspec.Raw], int]
"""How many characters something is written with."""


class PromptWeight(msgspec.Struct, frozen=True, gc=False):
    """What one pass over a request says of its prompt."""

    reserved: int
    """Tokens to reserve: all bytes of the body but for media, since a reservation is settled later."""
    characters: int
    """Of texts, tool calls, tools and their results. What is structured (parts, schemas) counts as it is written."""
    media: int
    """Pieces: images, sounds, files."""


class _Parts(msgspec.Struct, gc=False):
    """What a list of parts weighs less than it is written with, and what it holds."""

    fewer: int = 0
    """Characters."""
    media_bytes: int = 0
    pieces: int = 0

    def add(self, parts: Iterable[Part], written: Written, depth: int = 1) -> None:
        for part in parts:
            if part.text is not NULL:
                self._say(part.text, written)
            for raw in part.media():
                self._show(raw, written)
            if part.content is not NULL:
                self._hold(part.content, written, depth)
            if part.source is not NULL:
                self._refer(part.source, written, depth)

    def _say(self, text: msgspec.Raw, written: Written) -> None:
        said = text_in(text)
        if said is not None:
            self.fewer += written(text) - len(said)

    def _show(self, media: msgspec.Raw, written: Written) -> None:
        self.fewer += written(media)
        self.media_bytes += len(media)
        self.pieces += 1

    def _hold(self, content: msgspec.Raw, written: Written, depth: int) -> None:
        """What a tool returned is content too."""
        if depth >= DEEPEST:
            return
        try:
            said = read_content(content)
        except (ValueError, RecursionError):
            return
        if isinstance(said, list):
            self.add(said, written, depth + 1)
        elif said is not None:
            self.fewer += written(content) - len(said)

    def _refer(self, raw: msgspec.Raw, written: Written, depth: int) -> None:
        """A document may be a plain text, or a content."""
        source = source_in(raw)
        if source is None:
            return
        if source.type == "text":
            self._say(source.data, written)
        elif source.type == "content":
            self._hold(source.content, written, depth)
        else:
            self._show(source.data, written)


def weigh(prompt: Prompt, body: bytes) -> PromptWeight:
    """How large a request's prompt is; `body` is the whole of it as it came."""
    contents, others = prompt.pieces()
    size, large_pieces, pieces = len(body), 0, 0
    plain = _plain(contents) if size <= MOST_READ_BYTES else None
    if plain is not None and not others:
        return PromptWeight(size // _BYTES_PER_TOKEN, plain, 0)
    written: Written = len if body.isascii() else _decoded
    characters = sum(map(written, others))
    if plain is not None:
        return PromptWeight(size // _BYTES_PER_TOKEN, characters + plain, 0)
    left = MOST_READ_BYTES
    for content in contents:
        length = len(content)
        left -= length if length < _MANY_PARTS_BYTES else _effort(content)
        said = _read(content) if left >= 0 else _UNREAD
        if isinstance(said, str):
            characters += len(said)
        elif isinstance(said, list):
            left -= PART_BYTES * len(said)
            parts = _Parts()
            parts.add(said, written)
            characters += written(content) - parts.fewer
            pieces += parts.pieces
            if length > _MEDIA_WORTH_A_LOOK_BYTES:
                size -= parts.media_bytes
                large_pieces += parts.pieces
        elif said is _UNREAD:
            characters += written(content)
            pieces += _pieces_at_most(content)
    return PromptWeight(size // _BYTES_PER_TOKEN + large_pieces * MEDIA_TOKENS, characters, pieces)


def reserved_tokens(limit: int | None) -> int:
    """Tokens reserved for one answer of at most `limit`."""
    return DEFAULT_OUTPUT_TOKENS if limit is None else min(max(limit, 0), _MOST_OUTPUT_TOKENS)


def _plain(contents: Sequence[msgspec.Raw]) -> int | None:
    """Characters of contents that are nothing but texts: mostly they are, and then none is looked at by itself."""
    try:
        return sum(map(len, map(read_text, contents)))  # one at a time: none is kept
    except ValueError:
        return None


def _read(content: msgspec.Raw) -> object:
    """A text, parts, None for nothing; _UNREAD for what is unusual."""
    try:
        return read_content(content)
    except (ValueError, RecursionError):
        return _UNREAD


def _effort(content: msgspec.Raw) -> int:
    """What reading a long content takes, in bytes of text; its parts are no more than its braces."""
    return len(content) + (PART_BYTES * bytes(content).count(b"{") if is_structured(content) else 0)


def _pieces_at_most(content: msgspec.Raw) -> int:
    """In a content that is not read."""
    return sum(map(bytes(content).count, _MARKS)) if is_structured(content) else 0


def _decoded(raw: msgspec.Raw) -> int:
    """Characters, of UTF-8."""
    return len(bytes(raw).decode(errors="ignore"))
