"""Chat completions: a message's content as the pivot's parts."""

from __future__ import annotations

import mimetypes
from typing import Any, Final, NoReturn

from gateway.dialects.chat.fidelity import judge
from gateway.dialects.chat.request_shapes import (
    AudioPart,
    Content,
    File,
    FilePart,
    ImagePart,
    InputAudio,
    RefusalPart,
    TextPart,
)
from gateway.dialects.conversation import Audio, Document, Image, Media, Part, Refusal, Text
from gateway.dialects.decoded_weight import check_parts
from gateway.dialects.reading import invalid, media_of

AUDIO_TYPES: Final = {"wav": "audio/wav", "mp3": "audio/mpeg"}

_CACHE_TO_HERE: Final = {"type": "ephemeral"}
_known_types: Final = mimetypes.MimeTypes()


def read_texts(content: Content, message: str) -> list[Part]:
    """The parts of a system message, which is text alone; `message` is where it stands, here and below."""
    if isinstance(content, str):
        return [Text(content)]
    field = f"{message}.content"
    check_parts(content, field)
    return [
        _read_text(part) if isinstance(part, TextPart) else _out_of_place(field, index)
        for index, part in enumerate(content)
    ]


def read_spoken(content: Content, message: str) -> list[Part]:
    """The parts of an assistant's message: text, and refusals; none for an empty text."""
    if isinstance(content, str):
        return [Text(content)] if content else []
    field = f"{message}.content"
    check_parts(content, field)
    parts: list[Part] = []
    for index, part in enumerate(content):
        if isinstance(part, TextPart):
            parts.append(_read_text(part))
        elif isinstance(part, RefusalPart):
            parts.append(Refusal(part.refusal))
        else:
            _out_of_place(field, index)
    return parts


def read_shown(content: Content, message: str, target: str) -> list[Part]:
    """The parts of a user's message: text and media."""
    if isinstance(content, str):
        return [Text(content)]
    field = f"{message}.content"
    check_parts(content, field)
    parts: list[Part] = []
    for index, part in enumerate(content):
        match part:
            case AudioPart(input_audio=audio):
                judge("messages[].content[].input_audio", f"{field}[{index}].input_audio", target)
                parts.append(_read_audio(audio))
            case _:
                parts.append(_read_result_part(part, field, index))
    return parts


def read_result(content: Content, message: str) -> list[Text | Image | Document]:
    """What a function answered: text; images and files as some providers take them there."""
    if isinstance(content, str):
        return [Text(content)]
    field = f"{message}.content"
    check_parts(content, field)
    return [_read_result_part(part, field, index) for index, part in enumerate(content)]


def _read_result_part(
    part: TextPart | ImagePart | AudioPart | FilePart | RefusalPart, field: str, index: int
) -> Text | Image | Document:
    match part:
        case TextPart():
            return _read_text(part)
        case ImagePart(image_url=image):
            media = media_of(image.url, f"{field}[{index}].image_url.url")
            return Image(media, image.detail, _cache_control(part))
        case FilePart(file=file):
            media = _media_of_file(file, f"{field}[{index}].file")
            return Document(media, name=file.filename, cache_control=_cache_control(part))
        case _:
            return _out_of_place(field, index)


def _read_text(part: TextPart) -> Text:
    return Text(part.text, cache_control=_cache_control(part))


def _read_audio(audio: InputAudio) -> Audio:
    return Audio(Media(data=audio.data, media_type=AUDIO_TYPES.get(audio.format)), audio.format)


def _media_of_file(file: File, field: str) -> Media:
    if file.file_id is not None:
        return Media(file_id=file.file_id)
    if not file.file_data:
        invalid(field, "expected 'file_data' or 'file_id'")
    url = file.file_data
    if url.startswith(("http://", "https://")) or url[:5].lower() == "data:":
        media = media_of(url, f"{field}.file_data")
    else:
        media = Media(data=url)
    if media.data is not None and media.media_type is None and file.filename:
        return Media(data=media.data, media_type=_known_types.guess_type(file.filename)[0])
    return media


def _cache_control(part: TextPart | ImagePart | FilePart) -> dict[str, Any] | None:
    """OpenAI's explicit breakpoint is what Anthropic calls an ephemeral mark."""
    if part.cache_control is not None:
        return part.cache_control
    return _CACHE_TO_HERE if part.prompt_cache_breakpoint is not None else None


def _out_of_place(field: str, index: int) -> NoReturn:
    invalid(f"{field}[{index}].type", "content of this type cannot stand in a message of this role")
