"""Responses: a turn of a conversation as the items of a request's `input`.

What a model said in one turn are several items here, in the order in which they came: each reasoning directly before
what it led to, without which OpenAI refuses it.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

from gateway.dialects.chat.flavour import OPENAI
from gateway.dialects.conversation import (
    Document,
    Image,
    Maker,
    Media,
    Native,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
    Turn,
)
from gateway.dialects.media import url_of
from gateway.dialects.responses.provider_refusals import unfit

Item = dict[str, Any]

_ROLES: Final = {"system": "developer", "user": "user", "assistant": "assistant"}
_FILE_NAMES: Final = {"application/pdf": "document.pdf", "text/plain": "document.txt"}
_ID_DIGITS: Final = 32


def write_turn(turn: Turn) -> list[Item]:
    """The items. Raises InvalidRequest for what this API cannot take."""
    items: list[Item] = []
    content: list[Item] = []
    for index, part in enumerate(turn.parts):
        item = _item(turn, index, part)
        if item is None:
            if written := _content(turn, index, part):
                content.append(written)
            continue
        if content and turn.role == "assistant":
            items.append(_message(turn, content))
            content = []
        items += [item] if item else []
    if content:
        items.append(_message(turn, content))
    return items


def _message(turn: Turn, content: list[Item]) -> Item:
    """What a model said goes back as plain text: parts of it would need the names that OpenAI gave them."""
    said: str | list[Item] = "".join(each["text"] for each in content) if turn.role == "assistant" else content
    return {"type": "message", "role": _ROLES[turn.role], "content": said}


def _item(turn: Turn, index: int, part: Part) -> Item | None:
    """What is an item of its own, empty where there is nothing that OpenAI could read; None for a message's content."""
    match part:
        case Reasoning():
            return _reasoning(part) if turn.role == "assistant" else {}
        case ToolCall():
            call: Item = {"type": "function_call", "call_id": _call_id(part.id), "name": part.name}
            return {**call, "arguments": part.arguments}
        case ToolResult():
            output = _output(turn, index, part)
            return {"type": "function_call_output", "call_id": _call_id(part.call_id), "output": output}
        case _:
            return None


def _reasoning(part: Reasoning) -> Item:
    """OpenAI's own, encrypted; no other can be proved to it."""
    if part.maker != Maker.OPENAI or part.signature is None:
        return {}
    item: Item = {"type": "reasoning", "summary": [], "encrypted_content": part.signature}
    if part.text and part.summary:
        item["summary"] = [{"type": "summary_text", "text": part.text}]
    elif part.text:
        item["content"] = [{"type": "reasoning_text", "text": part.text}]
    return item if part.id is None else {**item, "id": part.id}


def _output(turn: Turn, index: int, result: ToolResult) -> str | list[Item]:
    parts: list[Part] = [*result.parts]
    if result.is_error:
        parts.insert(0, Text("Error:"))
    written = [each for part in parts if (each := _content(turn, index, part))]
    if all(each["type"] == "input_text" for each in written):
        return "\n".join(each["text"] for each in written)
    return written


def _content(turn: Turn, index: int, part: Part) -> Item | None:
    """A part of a message, or of what a tool returned."""
    spoken = turn.role == "assistant"
    match part:
        case Text(text=text):
            return {"type": "input_text", "text": text}
        case Refusal(text=text):
            return {"type": "input_text", "text": text}
        case Native():
            return None
        case Image(media=media, detail=detail) if not spoken:
            return _image(media) | {"detail": detail or "auto"}
        case Document() if not spoken:
            return _document(turn, index, part)
        case _:
            raise unfit(turn, index, "this content is known to another API alone.")


def _image(media: Media) -> Item:
    place = {"file_id": media.file_id} if media.file_id is not None else {"image_url": url_of(media, "image/png")}
    return {"type": "input_image", **place}


def _document(turn: Turn, index: int, part: Document) -> Item:
    if part.citations:
        raise unfit(turn, index, "it does not cite documents.")
    if part.media is None:
        return {"type": "input_text", "text": "\n".join(line for line in (part.name, part.context, part.text) if line)}
    media = part.media
    if media.file_id is not None:
        return {"type": "input_file", "file_id": media.file_id}
    if media.url is not None:
        return {"type": "input_file", "file_url": media.url}
    name = part.name or _FILE_NAMES.get(media.media_type or "", "document")
    return {"type": "input_file", "filename": name, "file_data": url_of(media, "application/pdf")}


def _call_id(call_id: str) -> str:
    """The client's id, or one made from it: OpenAI takes none longer than 64 characters here, 40 elsewhere."""
    if len(call_id) <= (OPENAI.longest_call_id or 0):
        return call_id
    return "call_" + hashlib.sha256(call_id.encode()).hexdigest()[:_ID_DIGITS]
