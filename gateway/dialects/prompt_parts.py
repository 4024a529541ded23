"""What prompts are made of in all client dialects: texts, or lists of parts with texts, media and further contents.

Only what is part of the prompt is read; the rest of a part is whatever the client wrote.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, Protocol

import msgspec

NULL: Final = msgspec.Raw(b"null")
DEEPEST: Final = 4
"""Contents within contents: a tool's result in a message."""


class Prompt(Protocol):
    """A request of any client dialect."""

    def pieces(self) -> tuple[Sequence[msgspec.Raw], Sequence[msgspec.Raw]]:
        """What is said: texts or lists of parts; and what is structured: tools, their calls, schemas."""
        ...


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


class PictureSource(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """Of one of Anthropic's images and documents that are no text."""

    type: Literal["base64", "url", "file"]
    media_type: str = ""
    data: msgspec.Raw = NULL
    url: msgspec.Raw = NULL
    file_id: msgspec.Raw = NULL


class PlainPart(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """A part of a usual kind, all of which is known: a text, a picture, a tool's call or what it returned."""

    type: str = ""
    text: str = ""
    image_url: msgspec.Raw = NULL
    source: PictureSource | None = None
    content: str | list[PlainPart] | None = None
    input: msgspec.Raw = NULL
    tool_use_id: str = ""
    is_error: bool | None = None
    id: str = ""
    name: str = ""
    cache_control: msgspec.Raw = NULL
    detail: str = ""

    @property
    def is_picture(self) -> bool:
        return self.source is not None or (self.image_url is not NULL and self.image_url != NULL)


Said = str | list[PlainPart] | None
"""A content of usual parts."""


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
read_plain: Final = msgspec.json.Decoder(list[Said]).decode
"""Contents of nothing but usual parts. Raises ValueError, RecursionError where one of them holds more."""


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
