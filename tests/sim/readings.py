"""The conversation in a provider's request, read in each wire format; and whose signatures stand in it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from tests.sim.answers import Json
from tests.sim.turns import Entry, Told, Who, entry_of_call, entry_of_result, joined


def chat_told(messages: Sequence[Json]) -> Told:
    return joined(_of_chat(messages))


def _of_chat(messages: Iterable[Json]) -> Iterator[Entry]:
    for message in messages:
        text = _text(message.get("content"))
        match message["role"]:
            case "user":
                yield Entry(Who.USER, text)
            case "tool":
                yield entry_of_result(text)
            case "assistant":
                yield Entry(Who.MODEL, text)
                for call in message.get("tool_calls") or ():
                    yield entry_of_call(call["function"]["name"], call["function"]["arguments"])


def responses_told(given: Any) -> Told:
    return joined(_of_responses([{"role": "user", "content": given}] if isinstance(given, str) else given))


def _of_responses(items: Iterable[Json]) -> Iterator[Entry]:
    for item in items:
        match item.get("type", "message"):
            case "message":
                yield Entry(Who.MODEL if item["role"] == "assistant" else Who.USER, _text(item["content"]))
            case "function_call":
                yield entry_of_call(item["name"], item["arguments"])
            case "function_call_output":
                yield entry_of_result(_text(item["output"]))


def claude_told(messages: Sequence[Json]) -> Told:
    return joined(_of_claude(messages))


def _of_claude(messages: Iterable[Json]) -> Iterator[Entry]:
    for message in messages:
        who = Who.MODEL if message["role"] == "assistant" else Who.USER
        for block in _blocks(message["content"]):
            match block["type"]:
                case "text":
                    yield Entry(who, block["text"])
                case "tool_use":
                    yield entry_of_call(block["name"], json.dumps(block["input"]))
                case "tool_result":
                    yield entry_of_result(_text(block["content"]))


def gemini_told(contents: Sequence[Json]) -> Told:
    return joined(_of_gemini(contents))


def _of_gemini(contents: Iterable[Json]) -> Iterator[Entry]:
    for content in contents:
        who = Who.MODEL if content.get("role") == "model" else Who.USER
        for part in content["parts"]:
            match part:
                case {"functionCall": call}:
                    yield entry_of_call(call["name"], json.dumps(call["args"]))
                case {"functionResponse": {"response": {"result": str(text)}}}:
                    yield entry_of_result(text)
                case {"functionResponse": {"response": response}}:
                    yield entry_of_result(json.dumps(response))
                case {"text": text} if not part.get("thought"):
                    yield Entry(who, text)


def signatures_in(value: Any) -> Iterator[str]:
    """Wherever a format has them."""
    match value:
        case dict():
            for name, inner in value.items():
                if name in ("signature", "thoughtSignature", "encrypted_content") and isinstance(inner, str) and inner:
                    yield inner
                else:
                    yield from signatures_in(inner)
        case list():
            for inner in value:
                yield from signatures_in(inner)


def _blocks(content: Any) -> list[Json]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _text(content: Any) -> str:
    """Of a content that is a text, parts with texts, or nothing."""
    if content is None or isinstance(content, str):
        return content or ""
    return "".join(part["text"] for part in content)
