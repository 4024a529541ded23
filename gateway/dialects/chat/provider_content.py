"""Chat completions: the pivot's parts as a message's content for a provider."""

from __future__ import annotations

from typing import Any, Final

from gateway.dialects.chat.content_parts import AUDIO_TYPES
from gateway.dialects.chat.flavour import Flavour
from gateway.dialects.chat.provider_refusals import unfit
from gateway.dialects.conversation import Audio, Document, Image, Media, Part, Refusal, Text, Turn
from gateway.dialects.media import url_of

_AUDIO_FORMATS: Final = {media_type: name for name, media_type in AUDIO_TYPES.items()} | {"audio/x-wav": "wav"}
_FILE_NAMES: Final = {"application/pdf": "document.pdf", "text/plain": "document.txt"}


class ContentWriter:
    """Writes the parts of one turn. Raises InvalidRequest for what the provider cannot take."""

    __slots__ = ("_flavour", "_turn")

    def __init__(self, turn: Turn, flavour: Flavour) -> None:
        self._turn = turn
        self._flavour = flavour

    def write(self, parts: list[tuple[int, Part]]) -> str | list[dict[str, Any]]:
        """A content; a lone text without a mark is written as the string that every server understands."""
        written = [self._part(part, index) for index, part in parts]
        if len(written) == 1 and written[0].keys() == {"type", "text"}:
            text: str = written[0]["text"]
            return text
        return written

    def _part(self, part: Part, index: int) -> dict[str, Any]:
        match part:
            case Text(text=text):
                return self._marked({"type": "text", "text": text}, part)
            case Refusal(text=text):
                if self._flavour.refusals and self._turn.role == "assistant":
                    return {"type": "refusal", "refusal": text}
                return {"type": "text", "text": text}
            case Document(text=str()):
                return self._marked({"type": "text", "text": self._plain(part, index)}, part)
        if not self._flavour.media:
            raise unfit(self._turn, index, self._flavour, "it takes text alone.")
        if self._turn.role == "assistant":
            raise unfit(self._turn, index, self._flavour, "what its models said is text alone.")
        match part:
            case Image(media=media, detail=detail):
                url = {"url": self._url(media, index)} | ({} if detail is None else {"detail": detail})
                return self._marked({"type": "image_url", "image_url": url}, part)
            case Audio():
                return {"type": "input_audio", "input_audio": self._audio(part, index)}
            case Document(media=Media() as media):
                return self._marked({"type": "file", "file": self._file(part, media, index)}, part)
            case _:
                raise unfit(self._turn, index, self._flavour, "this content is known to another API alone.")

    def _marked(self, written: dict[str, Any], part: Text | Image | Document) -> dict[str, Any]:
        if self._flavour.cache_control and part.cache_control is not None:
            written["cache_control"] = part.cache_control
        return written

    def _url(self, media: Media, index: int) -> str:
        if media.file_id is not None:
            raise unfit(self._turn, index, self._flavour, "an image must come as a URL or with its bytes.")
        return url_of(media, "image/png")

    def _audio(self, part: Audio, index: int) -> dict[str, Any]:
        form = part.format or _AUDIO_FORMATS.get(part.media.media_type or "")
        if part.media.data is None or form is None:
            raise unfit(self._turn, index, self._flavour, "a sound must be wav or mp3, with its bytes.")
        return {"data": part.media.data, "format": form}

    def _file(self, part: Document, media: Media, index: int) -> dict[str, Any]:
        self._check_document(part, index)
        if media.file_id is not None:
            return {"file_id": media.file_id}
        name = part.name or _FILE_NAMES.get(media.media_type or "", "document")
        if media.url is not None and not self._flavour.file_urls:
            raise unfit(self._turn, index, self._flavour, "a file must come with its bytes, not as a URL.")
        return {"filename": name, "file_data": url_of(media, "application/pdf")}

    def _plain(self, part: Document, index: int) -> str:
        self._check_document(part, index)
        return "\n".join(line for line in (part.name, part.context, part.text) if line)

    def _check_document(self, part: Document, index: int) -> None:
        if part.citations:
            raise unfit(self._turn, index, self._flavour, "it does not cite documents.")
