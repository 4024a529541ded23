"""Parts of contents whose every member is known, in all client dialects: read while the request is decoded.

A part with a member that is not here, or with one that is longer than it ever is, is no usual one: whoever weighs it
looks at it as it is written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Annotated, Any, Final

import msgspec

NULL: Final = msgspec.Raw(b"null")
Short = Annotated[str, msgspec.Meta(max_length=256)]
"""A name or an id, which frames what is said."""
Nothing = Annotated[list[None], msgspec.Meta(max_length=0)] | None


class _Usual(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    pass


class CacheControl(_Usual):
    type: Short = ""
    ttl: Short = ""


class Text(_Usual, tag="text"):
    text: str
    cache_control: CacheControl | None = None
    citations: Nothing = None


class InputText(_Usual, tag="input_text"):
    text: str


class OutputText(_Usual, tag="output_text"):
    text: str
    annotations: Nothing = None
    logprobs: Nothing = None


class SummaryText(_Usual, tag="summary_text"):
    text: str


class ReasoningText(_Usual, tag="reasoning_text"):
    text: str


class Refusal(_Usual, tag="refusal"):
    refusal: str

    @property
    def words(self) -> tuple[str, ...]:
        return (self.refusal,)


class Thinking(_Usual, tag="thinking"):
    thinking: str
    signature: str = ""

    @property
    def words(self) -> tuple[str, ...]:
        return self.thinking, self.signature


class RedactedThinking(_Usual, tag="redacted_thinking"):
    data: str

    @property
    def words(self) -> tuple[str, ...]:
        return (self.data,)


class ImageUrl(_Usual):
    url: str
    detail: Short | None = None


class ImageUrlPart(_Usual, tag="image_url"):
    image_url: ImageUrl
    cache_control: CacheControl | None = None


class InputImage(_Usual, tag="input_image"):
    image_url: str | None = None
    file_id: Short | None = None
    detail: Short | None = None


class Audio(_Usual):
    data: str
    format: Short = ""


class InputAudio(_Usual, tag="input_audio"):
    input_audio: Audio


class FileBody(_Usual):
    file_data: str | None = None
    file_id: Short | None = None
    filename: Short | None = None


class FilePart(_Usual, tag="file"):
    file: FileBody
    cache_control: CacheControl | None = None


class InputFile(_Usual, tag="input_file"):
    file_data: str | None = None
    file_url: str | None = None
    file_id: Short | None = None
    filename: Short | None = None


class Source(_Usual):
    """Of one of Anthropic's pictures and documents; a document may be a text, or a content of its own."""

    type: Short
    media_type: Short = ""
    data: str = ""
    url: str = ""
    file_id: Short = ""
    content: str | list[Part] | None = None


class Image(_Usual, tag="image"):
    source: Source
    cache_control: CacheControl | None = None


class Citations(_Usual):
    enabled: bool = False


class Document(_Usual, tag="document"):
    source: Source
    title: str | None = None
    context: str | None = None
    citations: Citations | None = None
    cache_control: CacheControl | None = None


class ToolUse(_Usual, tag="tool_use"):
    name: str
    input: msgspec.Raw
    id: Short = ""
    cache_control: CacheControl | None = None


class ToolResult(_Usual, tag="tool_result"):
    content: str | list[Part] | None = None
    tool_use_id: Short = ""
    is_error: bool | None = None
    cache_control: CacheControl | None = None


Part = (
    Text
    | InputText
    | OutputText
    | SummaryText
    | ReasoningText
    | Refusal
    | Thinking
    | RedactedThinking
    | ImageUrlPart
    | InputImage
    | InputAudio
    | FilePart
    | InputFile
    | Image
    | Document
    | ToolUse
    | ToolResult
)
Said = str | list[Part] | None
"""A content of nothing but usual parts."""
MEDIA: Final[Mapping[type, Callable[[Any], str | None]]] = {
    InputImage: attrgetter("image_url"),
    InputAudio: attrgetter("input_audio.data"),
    FilePart: attrgetter("file.file_data"),
    InputFile: attrgetter("file_data"),
}
"""Those that are one piece of media, but for the most usual one, and where its bytes are; None: elsewhere."""
TEXTS: Final = frozenset({Text, InputText, OutputText, SummaryText, ReasoningText})
"""Those that are their `text`."""
