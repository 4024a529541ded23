"""Images and documents as this API takes them (https://platform.claude.com/docs/en/build-with-claude/vision)."""

from __future__ import annotations

import base64
import binascii
from typing import Final

from gateway.dialects.anthropic.provider_wire import (
    Base64Source,
    Citations,
    DocumentBlock,
    FileSource,
    ImageBlock,
    TextSource,
    UrlSource,
)
from gateway.dialects.conversation import Document, Image, Media

PDF: Final = "application/pdf"
_IMAGES: Final = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
_OTHER_NAMES: Final = {"image/jpg": "image/jpeg"}
_BEGINNINGS: Final = {
    "/9j/": "image/jpeg",
    "iVBORw": "image/png",
    "R0lGOD": "image/gif",
    "UklGR": "image/webp",
    "JVBERi": PDF,
}
"""How the base64 of each type begins, for clients that do not say what it is."""


class Unfit(ValueError):
    """This API does not take it; the message says why."""


def image_block(image: Image) -> ImageBlock:
    """Raises Unfit."""
    source = _kept_elsewhere(image.media) or _image_data(image.media)
    return ImageBlock(source, image.cache_control)


def _image_data(media: Media) -> Base64Source:
    media_type = _media_type(media)
    if media_type not in _IMAGES:
        raise Unfit(f"an image must be JPEG, PNG, GIF or WebP, not {media_type or 'of a type that is not said'}.")
    return Base64Source(media_type, media.data or "")


def document_block(document: Document) -> DocumentBlock:
    """Raises Unfit."""
    return DocumentBlock(
        _document_source(document),
        document.name,
        document.context,
        None if document.citations is None else Citations(document.citations),
        document.cache_control,
    )


def _document_source(document: Document) -> Base64Source | UrlSource | FileSource | TextSource:
    if document.text is not None:
        return TextSource(document.text)
    media = document.media
    if media is None:
        raise Unfit("the document has no content.")
    source = _kept_elsewhere(media)
    if source is not None:
        return source
    media_type = _media_type(media)
    if media_type == PDF:
        return Base64Source(PDF, media.data or "")
    if media_type is not None and media_type.startswith("text/"):
        return TextSource(_text_of(media.data or ""))
    raise Unfit(f"a document must be PDF or plain text, not {media_type or 'of a type that is not said'}.")


def _kept_elsewhere(media: Media) -> UrlSource | FileSource | None:
    if media.file_id is not None:
        return FileSource(media.file_id)
    if media.url is None:
        return None
    if not media.url.startswith(("https://", "http://")):
        raise Unfit("a URL must be one of http or https.")
    return UrlSource(media.url)


def _media_type(media: Media) -> str | None:
    if media.media_type is not None:
        bare = media.media_type.partition(";")[0].strip().lower()
        return _OTHER_NAMES.get(bare, bare)
    beginning = (media.data or "")[:8]
    return next((kind for start, kind in _BEGINNINGS.items() if beginning.startswith(start)), None)


def _text_of(data: str) -> str:
    try:
        return base64.b64decode(data, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as problem:
        raise Unfit("the document's data is no UTF-8 text in base64.") from problem
