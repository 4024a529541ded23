"""Images, sounds and files as parts of a request: inlineData for bytes, fileData for what Gemini fetches itself.

https://ai.google.dev/gemini-api/docs/file-input-methods
"""

from __future__ import annotations

import mimetypes
from typing import Any, Final
from urllib.parse import urlsplit

from gateway.dialects.conversation import Audio, Document, Image, Media
from gateway.dialects.gemini.refusals import refuse

_FETCHED: Final = ("https", "gs")
"""What Gemini fetches: public addresses, those of its own files included, and Cloud Storage on Vertex AI."""
_types: Final = mimetypes.MimeTypes()

WirePart = dict[str, Any]


def image_part(image: Image, field: str) -> WirePart:
    return _media_part(image.media, image.media.media_type, field)


def audio_part(audio: Audio, field: str) -> WirePart:
    media_type = audio.media.media_type or (f"audio/{audio.format}" if audio.format else None)
    return _media_part(audio.media, media_type, field)


def document_parts(document: Document, field: str) -> list[WirePart]:
    """The document, below what the client tells the model of it."""
    if document.citations:
        refuse(field, "it does not cite documents.")
    heading = "\n".join(line for line in (document.name, document.context) if line)
    parts: list[WirePart] = [{"text": heading}] if heading else []
    if document.text is not None:
        if document.text:
            parts.append({"text": document.text})
    elif document.media is not None:
        media_type = document.media.media_type or _type_of(document.name)
        parts.append(_media_part(document.media, media_type, field))
    return parts


def _media_part(media: Media, media_type: str | None, field: str) -> WirePart:
    if media.data is not None:
        if media_type is None:
            refuse(field, "it must be told the media type of inline data.")
        return {"inlineData": {"mimeType": media_type, "data": media.data}}
    address = media.url or media.file_id or ""
    try:
        parts = urlsplit(address)
    except ValueError:
        refuse(field, "the address is none.")
    if parts.scheme not in _FETCHED:
        refuse(field, "it takes bytes, https addresses and the addresses of its own files, nothing else.")
    media_type = media_type or _type_of(parts.path)
    return {"fileData": {"fileUri": address} | ({"mimeType": media_type} if media_type else {})}


def _type_of(name: str | None) -> str | None:
    return _types.guess_type(name, strict=False)[0] if name else None
