"""Contents of any form, of which only the media are found: for requests with a part that is none of the usual ones.

Whatever is JSON can be read so; the provider will judge it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from gateway.dialects.usual_parts import NOTHING

LARGE_BYTES: Final = 2048
"""Media of no more than that weigh their bytes too: they are few."""
NULL_BYTES: Final = 4
"""Of what is there, and nothing."""
_ANY = str | int | float | bool | list[msgspec.Raw] | None


class OddPart(msgspec.Struct, gc=False):
    """What of a part may be media, or hold some."""

    image_url: msgspec.Raw = NOTHING
    source: _Source | _ANY = None
    content: Odd = None
    input_audio: msgspec.Raw = NOTHING
    video_url: msgspec.Raw = NOTHING
    file: msgspec.Raw = NOTHING
    file_data: msgspec.Raw = NOTHING
    file_url: msgspec.Raw = NOTHING
    file_id: msgspec.Raw = NOTHING


class _Source(msgspec.Struct, gc=False):
    """Of one of Anthropic's images and documents; a document may be a text, or a content."""

    type: _ANY = None
    data: msgspec.Raw = NOTHING
    content: Odd = None


Odd = list[OddPart | str | int | float | bool | list[msgspec.Raw] | None] | OddPart | str | int | float | bool | None
"""A content of any form."""


class _Body(msgspec.Struct, gc=False):
    """Where a piece of media has its bytes, where it is an object."""

    url: msgspec.Raw = NOTHING
    data: msgspec.Raw = NOTHING
    file_data: msgspec.Raw = NOTHING


_BARE: Final = OddPart()
_read_body: Final = msgspec.json.Decoder(_Body | _ANY).decode
_INLINE: Final[tuple[Callable[[list[OddPart]], list[msgspec.Raw]], ...]] = (
    lambda some: [each.image_url for each in some if len(each.image_url) > NULL_BYTES],
    lambda some: [each.input_audio for each in some if len(each.input_audio) > NULL_BYTES],
    lambda some: [each.video_url for each in some if len(each.video_url) > NULL_BYTES],
    lambda some: [each.file for each in some if len(each.file) > NULL_BYTES],
    lambda some: [each.file_data for each in some if len(each.file_data) > NULL_BYTES],
)
"""Members that are media, where they are there."""
_ELSEWHERE: Final[tuple[Callable[[list[OddPart]], list[msgspec.Raw]], ...]] = (
    lambda some: [each.file_url for each in some if len(each.file_url) > NULL_BYTES],
    lambda some: [each.file_id for each in some if len(each.file_id) > NULL_BYTES],
)
"""Media whose bytes are not here: these weigh what they are written with, too."""


class Found(msgspec.Struct, gc=False):
    """The media of some contents."""

    seen: int = 0
    """Contents and parts that were looked at, and those that were too many for it."""
    media: int = 0
    large_media: int = 0
    large_bytes: int = 0
    """Of large ones, as they are written."""

    def look(self, contents: Sequence[Odd], most: int) -> None:
        """Finds those of all of them, one kind after the other; for more than `most` it does not look on."""
        parts: list[Any] = []
        for each in contents:
            if type(each) is list:
                parts += each
            elif type(each) is OddPart:
                parts.append(each)
        self.seen += len(contents) + len(parts)
        if self.seen > most:
            return
        parts = [part for part in parts if part != _BARE]
        try:
            held = [part.content for part in parts if part.content is not None]
        except AttributeError:  # some are no objects
            parts = [part for part in parts if type(part) is OddPart]
            held = [part.content for part in parts if part.content is not None]
        if len(held) < len(parts):
            sources = [part.source for part in parts if part.source is not None]
            if held or sources:
                parts = [part for part in parts if part.content is part.source]  # neither is there
                held += self._refer([each for each in sources if type(each) is _Source])
            self._show(parts)
        if held:
            self.look(held, most)

    def _refer(self, sources: list[_Source]) -> list[Odd]:
        """What they show; returns the contents that others of them are."""
        held: list[Odd] = [each.content for each in sources if each.content is not None]
        media = [each.data for each in sources if each.content is None and each.type != "text"]
        self.media += len(media)
        self._weigh(media)
        return held

    def _show(self, parts: list[OddPart]) -> None:
        for find in _INLINE:
            shown = find(parts)
            self.media += len(shown)
            self._weigh(shown)
            if len(shown) == len(parts):
                return
        for find in _ELSEWHERE:
            self.media += len(find(parts))

    def _weigh(self, media: list[msgspec.Raw]) -> None:
        for raw in [each for each in media if len(each) > LARGE_BYTES]:
            body = _read_body(raw)
            size = max(len(body.url), len(body.data), len(body.file_data)) if isinstance(body, _Body) else len(raw)
            if size > LARGE_BYTES:
                self.large_media += 1
                self.large_bytes += size
