"""What functions answered, as functionResponse parts."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from gateway.dialects.conversation import Document, Image, Text, ToolResult
from gateway.dialects.gemini.media import WirePart, document_parts, image_part
from gateway.dialects.gemini.refusals import refuse

_as_object: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def result_parts(result: ToolResult, name: str | None, field: str, *, nests_media: bool) -> list[WirePart]:
    """The functionResponse, and beside it the media for a model that does not take them within (`nests_media`)."""
    if name is None:
        refuse(field, f"no call with the id '{result.call_id}' precedes its result.")
    texts: list[str] = []
    media: list[WirePart] = []
    for part in result.parts:
        match part:
            case Text(text=text):
                texts.append(text)
            case Image():
                media.append(image_part(part, field))
            case Document():
                for made in document_parts(part, field):
                    if "text" in made and (nests_media or part.media is None):
                        texts.append(made["text"])
                    else:
                        media.append(made)
    response: dict[str, Any] = {
        "id": result.call_id,
        "name": name,
        "response": _response("\n".join(texts), is_error=result.is_error),
    }
    if media and nests_media:
        response["parts"], media = media, []
    return [{"functionResponse": response}, *media]


def _response(text: str, *, is_error: bool) -> msgspec.Raw | dict[str, Any]:
    """An object as it is; anything else as the member that Gemini reads as the result, or as the error."""
    if is_error:
        return {"error": text}
    if text.lstrip().startswith("{"):
        try:
            _as_object(text)
        except (ValueError, RecursionError):
            return {"result": text}
        return msgspec.Raw(text.encode())
    return {"result": text}
