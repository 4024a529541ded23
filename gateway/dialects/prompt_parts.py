"""What prompts are made of in all client dialects: texts, or lists of parts with texts, media and further contents.

Only what is part of the prompt is read; the rest of a part is whatever the client wrote.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

import msgspec

from gateway.dialects.usual_parts import NULL, Said

_NULL_BYTES: Final = 4
DEEPEST: Final = 4
"""Contents within contents: a tool's result in a message."""


Pieces = tuple[Sequence[Said], Sequence[msgspec.Raw], Sequence[msgspec.Raw]]
"""What a prompt consists of: contents that have been read, all of them usual; those that are as the client wrote them;
and what is structured: tools, their calls, schemas. No named tuple, which each request would wait for.
"""


class Prompt(Protocol):
    """A request of any client dialect."""

    def pieces(self) -> Pieces: ...


class Part(msgspec.Struct, gc=False):
    """A member of a content, as far as it is text, holds media, or holds a content of its own."""

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

    def media(self) -> Sequence[msgspec.Raw]:
        """But for what is a `source`."""
        if self.image_url is self.input_audio is self.file is self.file_data is self.file_url is self.file_id:
            return ()  # none is there
        given = (self.image_url, self.input_audio, self.file, self.file_data, self.file_url, self.file_id)
        return [raw for raw in given if raw is not NULL and raw != NULL]


class Media(msgspec.Struct, gc=False):
    """What of a piece of media is no text; the rest of it is whatever the client wrote."""

    url: msgspec.Raw = NULL
    data: msgspec.Raw = NULL
    file_data: msgspec.Raw = NULL

    def given(self) -> list[msgspec.Raw]:
        return [raw for raw in (self.url, self.data, self.file_data) if raw is not NULL]


class Source(msgspec.Struct, gc=False):
    """Of one of Anthropic's images or documents; a document may be a text, or a content."""

    type: str = ""
    data: msgspec.Raw = NULL
    content: msgspec.Raw = NULL


_read_content: Final = msgspec.json.Decoder(str | list[Part] | Part | None).decode
read_text: Final = msgspec.json.Decoder(str).decode
"""Raises ValueError for what is no text."""
_read_source: Final = msgspec.json.Decoder(Source).decode


read_texts: Final = msgspec.json.Decoder(list[str]).decode
"""Contents of which each is a text. Raises ValueError, RecursionError where one is not."""
read_usual: Final = msgspec.json.Decoder(list[Said]).decode
"""Contents of nothing but usual parts. Raises ValueError, RecursionError where one of them holds more."""
_read_media: Final = msgspec.json.Decoder(Media).decode


def read_parts(content: msgspec.Raw) -> list[Part]:
    """Those of a content that is no text. Raises ValueError, RecursionError as `read_content` does."""
    said = read_content(content)
    return said if isinstance(said, list) else []


def read_content(content: msgspec.Raw) -> str | list[Part] | None:
    """A text, or parts; of what a tool returned, some are one part and no list.

    Raises ValueError or RecursionError for what is neither: the provider will judge it.
    """
    said = _read_content(content)
    return [said] if isinstance(said, Part) else said


def is_given(raw: msgspec.Raw) -> bool:
    """Whether it is there, and not null."""
    return raw is not NULL and (len(raw) != _NULL_BYTES or raw != NULL)


def is_structured(raw: msgspec.Raw) -> bool:
    """Whether it is a list or an object."""
    return bytes(memoryview(raw)[:1]) in b"[{"


def text_in(raw: msgspec.Raw) -> str | None:
    """None for what is no text."""
    try:
        return read_text(raw)
    except (ValueError, RecursionError):
        return None


def source_in(raw: msgspec.Raw) -> Source | None:
    """None for what is no object: a search result's address, for instance."""
    if bytes(memoryview(raw)[:1]) != b"{":
        return None
    try:
        return _read_source(raw)
    except (ValueError, RecursionError):
        return None


def media_in(raw: msgspec.Raw) -> list[msgspec.Raw]:
    """What weighs as media of it: an address or some bytes, alone or in an object."""
    if bytes(memoryview(raw)[:1]) != b"{":
        return [raw]
    try:
        return _read_media(raw).given()
    except (ValueError, RecursionError):
        return []
