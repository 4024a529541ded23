"""Images and files as URLs: data URLs read and written."""

from __future__ import annotations

from gateway.dialects.conversation import Media


def media_in(url: str) -> Media | None:
    """A URL as it is, a data URL as the bytes in it; None for one without base64."""
    if url[:5].lower() != "data:":
        return Media(url=url)
    head, comma, data = url[5:].partition(",")
    media_type, *parameters = head.split(";")
    if not comma or "base64" not in parameters:
        return None
    return Media(data=data, media_type=media_type or None)


def url_of(media: Media, otherwise: str) -> str:
    """The way back; `otherwise` is the media type of bytes that nobody named one for."""
    return media.url or f"data:{media.media_type or otherwise};base64,{media.data or ''}"


def image_url(media: Media) -> dict[str, object]:
    """An image that a model made, as OpenRouter writes it in an assistant's message."""
    return {"type": "image_url", "image_url": {"url": url_of(media, "image/png")}}
