"""A prompt as one text, for a service that counts texts: what is said, what tools are there, what they were given and
returned. Pure; a generator that yields now and then, since conversations may be long (see `codec.Steps`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, Protocol

import msgspec

from gateway.dialects.codec import Steps
from gateway.dialects.prompt_parts import is_given
from gateway.dialects.usual_parts import NULL

DEEPEST: Final = 4
"""Contents within contents: a tool's result in a message."""


class Part(msgspec.Struct, gc=False):
    """A member of a content, as far as it is text, holds media, or holds a content of its own."""

    title: msgspec.Raw = NULL
    context: msgspec.Raw = NULL
    thinking: msgspec.Raw = NULL
    refusal: msgspec.Raw = NULL
    text: msgspec.Raw = NULL
    content: msgspec.Raw = NULL
    source: msgspec.Raw = NULL
    image_url: msgspec.Raw = NULL
    input_audio: msgspec.Raw = NULL
    file: msgspec.Raw = NULL
    file_data: msgspec.Raw = NULL
    file_url: msgspec.Raw = NULL
    file_id: msgspec.Raw = NULL
    input: msgspec.Raw = NULL

    def holds_more(self) -> bool:
        """Whether there are media, which are no text, or contents of its own."""
        media = (self.image_url, self.input_audio, self.file, self.file_data, self.file_url, self.file_id)
        return any(map(is_given, media)) or self.content is not NULL or self.source is not NULL


class Source(msgspec.Struct, gc=False):
    """Of one of Anthropic's images or documents; a document may be a text, or a content."""

    type: str = ""
    data: msgspec.Raw = NULL
    content: msgspec.Raw = NULL


class Written(Protocol):
    """A request as its client wrote it."""

    def contents(self) -> tuple[Sequence[msgspec.Raw], Sequence[msgspec.Raw]]:
        """Of which it consists: what is said, and what is structured (tools, their calls, schemas)."""
        ...


_read_content: Final = msgspec.json.Decoder(str | list[Part] | Part | None).decode
_read_text: Final = msgspec.json.Decoder(str).decode
_read_source: Final = msgspec.json.Decoder(Source).decode


def text_of(request: Written) -> Steps[str]:
    """Of a request that is not read yet; what is structured stays the JSON that it is."""
    contents, others = request.contents()
    texts: list[str] = []
    for content in contents:
        before = len(texts)
        texts += _texts_of(content)
        yield len(texts) - before or 1
    for other in others:
        texts.append(_as_written(other))
        yield 1
    return "\n".join(texts)


def _texts_of(content: msgspec.Raw, depth: int = 0) -> Iterator[str]:
    """What is odd counts as it is written: the provider will judge it."""
    try:
        said = _content_in(content)
    except (ValueError, RecursionError):
        yield _as_written(content)
        return
    if isinstance(said, str):
        yield said
    elif said is not None and bytes(memoryview(content)[:1]) == b"{" and not said[0].holds_more():
        yield _as_written(content)
    elif said is not None and depth < DEEPEST:
        for part in said:
            yield from _texts_of_part(part, depth + 1)


def _texts_of_part(part: Part, depth: int) -> Iterator[str]:
    for raw in (part.title, part.context, part.thinking, part.refusal, part.text):
        if raw is not NULL and (text := _text_in(raw)) is not None:
            yield text
    if part.content is not NULL:
        yield from _texts_of(part.content, depth)
    if part.input is not NULL:
        yield _as_written(part.input)
    if part.source is not NULL and (source := _source_in(part.source)) is not None:
        if source.type == "text" and (text := _text_in(source.data)) is not None:
            yield text
        elif source.type == "content":
            yield from _texts_of(source.content, depth)


def _as_written(raw: msgspec.Raw) -> str:
    return bytes(raw).decode(errors="replace")


def _content_in(content: msgspec.Raw) -> str | list[Part] | None:
    """A text, or parts; of what a tool returned, some are one part and no list.

    Raises ValueError or RecursionError for what is neither.
    """
    said = _read_content(content)
    return [said] if isinstance(said, Part) else said


def _text_in(raw: msgspec.Raw) -> str | None:
    """None for what is no text."""
    try:
        return _read_text(raw)
    except (ValueError, RecursionError):
        return None


def _source_in(raw: msgspec.Raw) -> Source | None:
    """None for what is no object: a search result's address, for instance."""
    if bytes(memoryview(raw)[:1]) != b"{":
        return None
    try:
        return _read_source(raw)
    except (ValueError, RecursionError):
        return None
