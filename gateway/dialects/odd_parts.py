"""Contents of any form, of which only the media are found: for requests with a part that is none of the usual ones.

Whatever is JSON can be read so; the provider will judge it.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
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
_NO_MEDIA: Final = ("text", "content")
"""Types of sources that are something else."""
_MEDIA: Final = ("image_url", "input_audio", "video_url", "file", "file_data", "file_url", "file_id")
_ELSEWHERE: Final = ("file_url", "file_id")
"""Media whose bytes are not here: these weigh what they are written with, too."""
_read_body: Final = msgspec.json.Decoder(_Body | _ANY).decode


class Found(msgspec.Struct, gc=False):
    """The media of some contents."""

    pieces: int = 0
    large_pieces: int = 0
    large_bytes: int = 0
    """Of large pieces, as they are written."""

    def look(self, contents: Sequence[Odd], most: int) -> None:
        """Finds those of all of them, one kind after the other; of more than `most` parts none."""
        lists = [each for each in contents if type(each) is list]
        if sum(map(len, lists)) > most:
            return
        parts: list[Any] = [part for each in lists for part in each if part != _BARE]
        if len(lists) < len(contents):
            parts += [each for each in contents if type(each) is OddPart]
        try:
            held = [part.content for part in parts if part.content is not None]
        except AttributeError:  # some are no objects
            parts = [part for part in parts if type(part) is OddPart]
            held = [part.content for part in parts if part.content is not None]
        if len(held) < len(parts):
            sources = [part.source for part in parts if type(part.source) is _Source]
            if len(sources) < len(parts):
                self._show([part for part in parts if part.content is part.source])  # neither is there
            held += self._refer(sources)
        if held:
            self.look(held, most)

    def _refer(self, sources: list[_Source]) -> list[Odd]:
        """What they show; returns the contents that others of them are."""
        media = [each.data for each in sources if each.type not in _NO_MEDIA]
        self.pieces += len(media)
        self._weigh([raw for raw in media if len(raw) > LARGE_BYTES])
        return [each.content for each in sources if each.type == "content"]

    def _show(self, parts: list[OddPart]) -> None:
        for member in _MEDIA:
            shown = [raw for raw in map(attrgetter(member), parts) if len(raw) > NULL_BYTES]
            self.pieces += len(shown)
            if member not in _ELSEWHERE:
                self._weigh([raw for raw in shown if len(raw) > LARGE_BYTES])
            if len(shown) == len(parts):
                return

    def _weigh(self, large: list[msgspec.Raw]) -> None:
        for raw in large:
            body = _read_body(raw)
            size = max(len(body.url), len(body.data), len(body.file_data)) if isinstance(body, _Body) else len(raw)
            if size > LARGE_BYTES:
                self.large_pieces += 1
                self.large_bytes += size
