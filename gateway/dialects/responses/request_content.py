"""Responses: the parts of messages, of functions' outputs and of reasoning, as the pivot's parts."""

from __future__ import annotations

import mimetypes
from collections.abc import Sequence
from typing import Any, Final

from gateway.dialects.conversation import (
    Audio,
    Citation,
    Document,
    Image,
    Maker,
    Media,
    Part,
    Reasoning,
    Refusal,
    Text,
)
from gateway.dialects.decoded_weight import check_parts
from gateway.dialects.reading import invalid, media_of, missing
from gateway.dialects.responses.shapes import Annotation, Content, Item
from gateway.dialects.stamps import read_stamp

_TEXTS: Final = ("input_text", "output_text", "text", "summary_text")
_CACHE_TO_HERE: Final = {"type": "ephemeral"}
_AUDIO_TYPES: Final = {"wav": "audio/wav", "mp3": "audio/mpeg"}
_known_types: Final = mimetypes.MimeTypes()


def read_content(content: str | Sequence[Content] | None, field: str) -> list[Part]:
    """A message's parts, or those of a function's output; `field` is where the list stands."""
    if content is None:
        missing(field)
    if isinstance(content, str):
        return [Text(content)]
    check_parts(content, field)
    return [_read_part(part, f"{field}[{index}]") for index, part in enumerate(content)]


def read_reasoning(item: Item) -> Reasoning:
    """What a model thought in an earlier turn, with the proof that it did."""
    maker, signature = Maker.UNKNOWN, None
    if item.encrypted_content is not None:
        maker, signature = read_stamp(item.encrypted_content, Maker.OPENAI)
    given = item.content
    thoughts = given if given is None or isinstance(given, str) else "".join(part.text or "" for part in given)
    summary = "\n\n".join(part.text or "" for part in item.summary or [])
    return Reasoning(
        text=thoughts or summary,
        signature=signature or None,
        maker=maker,
        summary=bool(summary) and not thoughts,
        # Anthropic signs even thoughts without words; only those that it hides have no content at all.
        redacted=maker == Maker.ANTHROPIC and not item.content and not summary,
        id=item.id,
    )


def _read_part(part: Content, field: str) -> Part:
    cache = None if part.prompt_cache_breakpoint is None else _CACHE_TO_HERE
    if part.type in _TEXTS:
        text = _present(part.text, f"{field}.text")
        return Text(text, tuple(_read_annotation(each) for each in part.annotations or ()), cache)
    if part.type == "refusal":
        return Refusal(_present(part.refusal, f"{field}.refusal"))
    if part.type == "input_image":
        return Image(_read_media(part, field, url=part.image_url, url_name="image_url"), part.detail, cache)
    if part.type == "input_file":
        return _read_file(part, field, cache)
    if part.type == "input_audio":
        if part.input_audio is None:
            missing(f"{field}.input_audio")
        audio = part.input_audio
        return Audio(Media(data=audio.data, media_type=_AUDIO_TYPES.get(audio.format)), audio.format)
    return invalid(f"{field}.type", f"'{part.type}' is no kind of content that is known here")


def _read_annotation(annotation: Annotation) -> Citation:
    return Citation(url=annotation.url, title=annotation.title, start=annotation.start_index, end=annotation.end_index)


def _read_file(part: Content, field: str, cache: dict[str, Any] | None) -> Document:
    data = part.file_data
    if not data:
        media = _read_media(part, field, url=part.file_url, url_name="file_url")
    elif data.startswith("data:"):
        media = media_of(data, f"{field}.file_data")
    else:
        media = Media(data=data)
    if media.data is not None and media.media_type is None and part.filename:
        media = Media(data=media.data, media_type=_known_types.guess_type(part.filename)[0])
    return Document(media, name=part.filename, cache_control=cache)


def _read_media(part: Content, field: str, *, url: str | None, url_name: str) -> Media:
    if url:
        return media_of(url, f"{field}.{url_name}")
    if part.file_id:
        return Media(file_id=part.file_id)
    return invalid(field, f"expected '{url_name}' or 'file_id'")


def _present(text: str | None, field: str) -> str:
    if text is None:
        missing(field)
    return text
