"""How large a prompt is, before its provider counts it: for limits and for the context window, not for bills.

All of it is weighed, and more text never weighs less. A text weighs its characters, however they are written: as UTF-8
or as escapes. What is structured weighs the characters that it is written with, and so does what nobody can read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import msgspec

from gateway.dialects.prompt_parts import (
    DEEPEST,
    Part,
    Prompt,
    is_structured,
    media_in,
    read_content,
    read_parts,
    read_text,
    read_texts,
    read_usual,
    source_in,
    text_in,
)
from gateway.dialects.usual_parts import (
    MEDIA,
    NULL,
    TEXTS,
    Document,
    Image,
    ImageUrlPart,
    Said,
    Source,
    ToolResult,
    ToolUse,
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
_AT_ONCE: Final = 256
"""Contents that are read in one go."""
_SMALL_BYTES: Final = 1_310_720
"""Below this there are not so many objects: counting braces takes as long as reading half of what is said."""
_MOST_OBJECTS: Final = 65_536
"""That are read in one go, some 10 ms."""
_FEW: Final = 32
"""Contents that are sooner read one by one than written into one list first."""
_MARKS: Final = (b'"image_url"', b'"input_audio"', b'"file"', b'"source"', b'"file_data"', b'"file_url"', b'"file_id"')
"""Of media, in what is not read."""

_SAYING: Final = frozenset({"text", "content"})
"""Sources that are no media."""

_encode: Final = msgspec.json.Encoder().encode

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
                if raw is part.file_id:  # as it is written: it is no longer than a name, where it is usual
                    self.pieces += 1
                else:
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
        self.fewer += sum(map(written, shown := media_in(media)))
        self.media_bytes += sum(map(len, shown))
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


class _Scales(msgspec.Struct, gc=False):
    """The contents of one request, weighed some at a time."""

    written: Written
    characters: int = 0
    pieces: int = 0
    large_pieces: int = 0
    """Of those, as many as a reservation looks at."""
    media_bytes: int = 0
    """Of large pieces."""

    def read(self, contents: Sequence[msgspec.Raw], json: bytes) -> None:
        """`json` is the list of all of them: mostly they are of usual parts, and none is looked at by itself."""
        try:
            self.take(read_usual(json))
        except (ValueError, RecursionError):
            if len(contents) > 1:
                for content in contents:
                    self.read([content], _encode([content]))
            else:
                self._read_parts(contents[0])

    def take(self, said: Sequence[Said]) -> None:
        """Usual contents, in a few looks at all of them: at the parts of one kind together."""
        lists: list[Any] = [each for each in said if type(each) is list]
        if len(lists) < len(said):
            self.characters += sum([len(each) for each in said if type(each) is str])
        parts = [part for each in lists for part in each]
        try:
            self.characters += sum([len(part.text) for part in parts])
        except AttributeError:  # one has no text: not all are of those kinds
            self._take_kinds(parts)

    def _take_kinds(self, parts: list[Any]) -> None:
        """One kind after the other, as they come."""
        while parts:
            kind = type(parts[0])
            others = [part for part in parts if type(part) is not kind]
            if kind in TEXTS:
                self.characters += sum([len(part.text) for part in parts if type(part) is kind])
            else:
                self._take(kind, [part for part in parts if type(part) is kind] if others else parts)
            parts = others

    def _take(self, kind: type, parts: list[Any]) -> None:
        """Parts of one kind, which is none of those that are their text."""
        if kind is ToolResult:
            self.take([part.content for part in parts])
        elif kind is ToolUse:
            self.characters += sum([len(part.name) for part in parts])
            self.characters += sum(map(self.written, [part.input for part in parts]))
        elif kind is Image:
            self._take_sources([part.source for part in parts])
        elif kind is Document:
            self._take_sources([part.source for part in parts])
            self.characters += sum([len(part.title or "") + len(part.context or "") for part in parts])
        elif kind is ImageUrlPart:
            self._show([part.image_url.url for part in parts])
        elif (media := MEDIA.get(kind)) is not None:
            self._show(list(map(media, parts)))
        else:
            self.characters += sum([len(word) for part in parts for word in part.words])

    def _take_sources(self, sources: list[Source]) -> None:
        media = [source.data for source in sources if source.type not in _SAYING]
        self._show(media)
        if len(media) < len(sources):
            self.take([source.content for source in sources if source.type == "content"])
            self.characters += sum([len(source.data) for source in sources if source.type == "text"])

    def _show(self, media: Sequence[str | None]) -> None:
        self.pieces += len(media)
        large = [len(each) for each in media if each is not None and len(each) > _MEDIA_WORTH_A_LOOK_BYTES]
        self.large_pieces += len(large)
        self.media_bytes += sum(large)

    def leave(self, content: msgspec.Raw) -> None:
        """One that is not read weighs what it is written with."""
        self.characters += self.written(content)
        if is_structured(content):
            self.pieces += sum(map(bytes(content).count, _MARKS))

    def _read_parts(self, content: msgspec.Raw) -> None:
        parts = _Parts()
        try:
            parts.add(read_parts(content), self.written)
        except (ValueError, RecursionError):
            self.leave(content)
            return
        self.characters += self.written(content) - parts.fewer
        self.pieces += parts.pieces
        if len(content) > _MEDIA_WORTH_A_LOOK_BYTES:
            self.media_bytes += parts.media_bytes
            self.large_pieces += parts.pieces


def is_read_at_once(body: bytes) -> bool:
    """Whether all that a request says is read while it is decoded: where it has not more than may be read in one go."""
    return len(body) <= MOST_READ_BYTES and (len(body) <= _SMALL_BYTES or body.count(b"{") <= _MOST_OBJECTS)


def weigh(prompt: Prompt, body: bytes) -> PromptWeight:
    """How large a request's prompt is; `body` is the whole of it as it came."""
    said, unread, others = prompt.pieces()
    size = len(body)
    plain = _joined(said) if said else _plain(unread) if size <= MOST_READ_BYTES else None
    if plain is not None and not others:
        return PromptWeight(size // _BYTES_PER_TOKEN, plain, 0)
    written: Written = len if body.isascii() else _decoded
    structured = sum(map(written, others))
    if plain is not None:
        return PromptWeight(size // _BYTES_PER_TOKEN, structured + plain, 0)
    scales, left = _Scales(written), MOST_READ_BYTES
    scales.take(said)
    for place in range(0, len(unread), _AT_ONCE):
        some = unread[place : place + _AT_ONCE]
        json = _encode(some)
        left -= len(json) + PART_BYTES * json.count(b"{")  # there are no more parts than braces
        if left >= 0:
            scales.read(some, json)
        else:
            for content in some:
                scales.leave(content)
    reserved = (size - scales.media_bytes) // _BYTES_PER_TOKEN + scales.large_pieces * MEDIA_TOKENS
    return PromptWeight(reserved, structured + scales.characters, scales.pieces)


def reserved_tokens(limit: int | None) -> int:
    """Tokens reserved for one answer of at most `limit`."""
    return DEFAULT_OUTPUT_TOKENS if limit is None else min(max(limit, 0), _MOST_OUTPUT_TOKENS)


def _joined(said: Sequence[Said]) -> int | None:
    """Characters of contents that are texts and no lists; None where one of them is something else."""
    try:
        return len("".join(filter(None, said)))  # type: ignore[arg-type]  # this is what says whether all are texts
    except TypeError:
        return None


def _plain(contents: Sequence[msgspec.Raw]) -> int | None:
    """Characters of contents that are texts and no lists; None where one of them is something else."""
    try:
        if len(contents) < _FEW:
            return sum(map(len, map(read_text, contents)))  # one at a time: none is kept
        starts = range(0, len(contents), _AT_ONCE)
        return sum([sum(map(len, read_texts(_encode(contents[start : start + _AT_ONCE])))) for start in starts])
    except (ValueError, RecursionError):
        return None


def _decoded(raw: msgspec.Raw) -> int:
    """Characters, of UTF-8."""
    return len(bytes(raw).decode(errors="ignore"))
